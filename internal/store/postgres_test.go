//go:build unix

package store_test

import (
	"testing"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/store/pgtest"
	"github.com/parleychat/parley/internal/store/storetest"
)

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t, "fsync=off")
	storetest.Run(t, opener(func(t *testing.T) string { return server.Database(t) }))
}

func TestPostgresOfSeveralServers(t *testing.T) {
	server := pgtest.Start(t, "fsync=off")
	storetest.RunShared(t, func(t *testing.T) func(*testing.T) *store.Store {
		database := server.Database(t)
		return opener(func(*testing.T) string { return database })
	})
}
