package server

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/store"
)

// usesWithin bounds a look at what the store has.
const usesWithin = 5 * time.Second

// uses returns what accounts use of their quotas. Accounts that have neither
// resources nor connections in a region are not in it: signatures may name any
// region, and metrics must not grow by what is made up.
func (s *Server) uses(quotas *limit.Quotas) []limit.Use {
	ctx, cancel := context.WithTimeout(context.Background(), usesWithin)
	defer cancel()
	found := map[limit.Key]int{}
	counts, err := s.store.Counts(ctx)
	if err != nil {
		s.logger.Error("resources are not counted for the metrics", "error", err)
	}
	known := map[store.Tenant]bool{}
	for _, c := range counts {
		if quota, ok := QuotaOf(c.Type); ok {
			found[limit.Key{Account: c.Account, Region: c.Region, What: quota}] = c.N
			known[c.Tenant] = true
		}
	}
	for key, n := range s.sessions.Use() {
		found[limit.Key{Account: key.Account, Region: key.Region, What: limit.QuotaConnections}] = n
		known[store.Tenant{Account: key.Account, Region: key.Region}] = true
	}
	for key, n := range s.chat.Rates() {
		found[key] = n
	}
	for key, n := range s.calls.Use() {
		key.What = limit.QuotaOperation(key.What)
		found[key] = n
	}
	var uses []limit.Use
	for key, n := range found {
		if !known[store.Tenant{Account: key.Account, Region: key.Region}] {
			continue
		}
		most := quotas.For(key.Account, key.Region).Most(key.What)
		uses = append(uses, limit.Use{Account: key.Account, Region: key.Region, Quota: key.What, Used: n, Most: most})
	}
	slices.SortFunc(uses, func(a, b limit.Use) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Quota, b.Quota))
	})
	return uses
}

// QuotaOf returns the quota that holds for resources of the type.
func QuotaOf(resource string) (quota string, ok bool) {
	switch resource {
	case arn.Room:
		return limit.QuotaRooms, true
	case arn.LoggingConfiguration:
		return limit.QuotaLoggingConfigurations, true
	}
	return "", false
}
