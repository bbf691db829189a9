package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/parleychat/parley/internal/access"
	"github.com/parleychat/parley/internal/chat"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/internal/token"
)

// Tokens is the keys of the server's chat tokens.
func (s *Server) Tokens() *token.Ring { return s.access.Ring() }

// principal is who signed: with the server's own key, or with one of the book.
func (s *Server) principal(id sigv4.Identity, dev bool) principal.Principal {
	p := principal.Principal{Account: s.Keys.AccessKey.Account, Region: id.Region, AccessKeyID: id.AccessKeyID}
	switch k, ok := s.access.Find(id.AccessKeyID); {
	case dev && isAccount(id.AccessKeyID):
		p.Account = id.AccessKeyID
	case s.own(id.AccessKeyID, dev):
	case ok:
		s.access.Used(k.ID)
		p.Account, p.ARN = k.Account, k.ARN()
		return p
	default: // deleted since it was verified: it owns nothing
		p.Account = ""
	}
	p.ARN = "arn:aws:iam::" + p.Account + ":root"
	return p
}

// own tells whether a key is the server's own; of dev mode all are.
func (s *Server) own(id string, dev bool) bool { return dev || id == s.Keys.AccessKey.ID }

// account is the standing of an account, by the settings or by what was set.
func (s *Server) account(id string) chat.AccountState {
	switch {
	case s.access.Account(id) == access.Suspended:
		return chat.AccountSuspended
	case s.access.Account(id) == access.Pending || slices.Contains(s.Config.PendingAccounts, id):
		return chat.AccountPending
	}
	return chat.AccountActive
}

// authorizer returns what decides about calls.
func (s *Server) authorizer(dev bool) func(context.Context, *http.Request, principal.Principal, string, any) error {
	return func(ctx context.Context, r *http.Request, p principal.Principal, operation string, input any) error {
		return s.access.Authorize(ctx, access.Call{
			Principal: p, Own: s.own(p.AccessKeyID, dev), Operation: operation, Input: input,
			ClientIP: s.clientIP(r), TLS: r.TLS != nil, UserAgent: r.UserAgent(),
		}, s.store)
	}
}

// closeAccess writes down when keys were used last.
func (s *Server) closeAccess() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.access.Close(ctx)
}
