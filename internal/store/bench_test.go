package store_test

import (
	"path/filepath"
	"testing"

	"github.com/parleychat/parley/internal/store/storetest"
)

func BenchmarkFile(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "parley.db"))
	b.Cleanup(func() { s.Close() })
	storetest.Bench(b, s)
}
