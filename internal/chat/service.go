// Package chat is the service: it decides what the control plane's operations
// and the sessions' actions do. It implements ivschat.API in process, for the
// principal in the context, and validates every input itself, so that every
// door leads to the same rules.
package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/review"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/ivschat"
)

// Options of a service. Store, Log, Tokens and Pager are required.
type Options struct {
	Store  *store.Store
	Log    roomlog.Log
	Tokens *token.Ring
	Pager  *token.Pager
	// Quotas holds accounts to their limits; by default there are none.
	Quotas *limit.Quotas
	// TokenValidity is how long a chat token opens a connection: 1 minute.
	TokenValidity time.Duration
	// EventAttributes is the most bytes of an event's attributes: 4,096.
	EventAttributes int
	// ReservedEvents lets SendEvent use names that begin with "aws:".
	ReservedEvents bool
	// CacheAge is how stale a room may be when the entry that should have
	// dropped it was missed: 5 seconds.
	CacheAge time.Duration
	// LogWait is how long what a session asks for may wait for a room log that is
	// not in this process. If set, requests do not keep their session's reader.
	LogWait time.Duration
	// Overloaded tells whether deliveries to a room are too far behind.
	Overloaded func(roomlog.Room) bool
	// Reviewer asks rooms' message review handlers. Without one each handler
	// counts as failed, and its fallback result decides.
	Reviewer *review.Reviewer
	// AcceptUnresolved lets rooms have handlers that the reviewer cannot resolve.
	AcceptUnresolved bool
	// Probe tells whether a destination of chat logs can be written to; an error
	// that is chatlog.ErrNotFound says that there is none. Without it all can.
	Probe func(ctx context.Context, account, region string, c ivschat.DestinationConfiguration) error
	// Account returns the state of an account; by default all are active.
	Account func(account string) AccountState
	// Operated is told of each call of an operation that sends an event, and
	// Throttled of each request refused for a quota, by its name in limit.
	Operated, Throttled func(string)
	Logger              *slog.Logger
}

// AccountState is the standing of an account.
type AccountState byte

// The states of an account.
const (
	AccountActive    AccountState = iota
	AccountPending                // verification is pending: it may read
	AccountSuspended              // it may do nothing, and its sessions neither
)

// Service implements ivschat.API.
type Service struct {
	Options
	rooms cache
	rates limit.Rates
}

var _ ivschat.API = (*Service)(nil)

// New returns a service.
func New(o Options) *Service {
	if o.TokenValidity == 0 {
		o.TokenValidity = time.Minute
	}
	if o.EventAttributes == 0 {
		o.EventAttributes = 4096
	}
	if o.Quotas == nil {
		o.Quotas = limit.Same(limit.Profile{})
	}
	if o.CacheAge == 0 {
		o.CacheAge = 5 * time.Second
	}
	if o.Overloaded == nil {
		o.Overloaded = func(roomlog.Room) bool { return false }
	}
	if o.Account == nil {
		o.Account = func(string) AccountState { return AccountActive }
	}
	if o.Operated == nil {
		o.Operated = func(string) {}
	}
	if o.Throttled == nil {
		o.Throttled = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{Options: o}
}

// now is the time that resources carry: the wire has milliseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

type input interface {
	Validate() []ivschat.ValidationExceptionField
}

// strict is an input with what only the service can find wrong in it, so that
// everything wrong is told at once.
type strict struct {
	input
	fields []ivschat.ValidationExceptionField
}

// Validate leaves out what the service found in members that are no good anyway.
func (in strict) Validate() []ivschat.ValidationExceptionField {
	fields := in.input.Validate()
	for _, f := range in.fields {
		if !slices.ContainsFunc(fields, func(known ivschat.ValidationExceptionField) bool { return known.Name == f.Name }) {
			fields = append(fields, f)
		}
	}
	return fields
}

// tenant is whom the principal acts for.
func tenant(ctx context.Context) store.Tenant {
	p := principal.FromContext(ctx)
	return store.Tenant{Account: p.Account, Region: p.Region}
}

// begin is the start of every operation: the tenant that the principal acts
// for, once the input is valid and the account may do this.
func (s *Service) begin(ctx context.Context, operation string, in input, identifiers ...string) (store.Tenant, error) {
	p, t := principal.FromContext(ctx), tenant(ctx)
	if fields := in.Validate(); len(fields) > 0 {
		return t, ivschat.Invalid(fields...)
	}
	for _, identifier := range identifiers {
		if err := own(p, operation, identifier); err != nil {
			return t, err
		}
	}
	switch s.Account(p.Account) {
	case AccountSuspended:
		return t, &ivschat.AccessDeniedException{Message: "The account " + p.Account + " is suspended."}
	case AccountPending:
		if !readOnly(operation) {
			return t, &ivschat.PendingVerification{Message: "Your account is pending verification."}
		}
	}
	return t, nil
}

// own refuses an ARN of another tenant: a foreign account is denied, another
// region has no such resource. Neither tells what exists there
// (spec: unknowns.md U-CP-16).
func own(p principal.Principal, operation, identifier string) error {
	switch a, _ := arn.Parse(identifier); {
	case a.Account != p.Account:
		return denied(p, operation, identifier)
	case a.Region != p.Region:
		return ivschat.NotFound(identifier)
	}
	return nil
}

func denied(p principal.Principal, operation, identifier string) error {
	return &ivschat.AccessDeniedException{Message: fmt.Sprintf(
		"User: %s is not authorized to perform: ivschat:%s on resource: %s", p.ARN, operation, identifier)}
}

// readOnly tells whether an operation models no PendingVerification: reads and
// tags (spec: control-plane.md §2, §4.5).
func readOnly(operation string) bool {
	switch operation {
	case "GetRoom", "ListRooms", "GetLoggingConfiguration", "ListLoggingConfigurations",
		"ListTagsForResource", "TagResource", "UntagResource":
		return true
	}
	return false
}

// wire turns the store's answers into the service's.
func wire(err error, identifier string) error {
	var lc *store.LoggingConfigurationError
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ivschat.NotFound(identifier)
	case errors.Is(err, store.ErrUnavailable):
		return &ivschat.ClientError{Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable,
			Message: "The service is not available. Try again later."}
	case errors.Is(err, store.ErrInUse):
		return ivschat.Conflict(identifier, "The logging configuration is associated with one or more rooms.")
	case errors.As(err, &lc) && lc.Missing:
		return ivschat.NotFound(lc.ARN)
	case errors.As(err, &lc):
		return ivschat.Conflict(lc.ARN, "The logging configuration is not active.")
	}
	return err
}

// limits are those of a tenant.
func (s *Service) limits(t store.Tenant) *limit.Profile { return s.Quotas.For(t.Account, t.Region) }

// RateLimits are the accounts' rates, for nodes that hold them together.
func (s *Service) RateLimits() *limit.Rates { return &s.rates }

// Rates returns what tenants' messages and events came to lately, by the names of quotas.
func (s *Service) Rates() map[limit.Key]int { return s.rates.Use() }

func quotaExceeded(kind ivschat.ResourceType, what string, most int) error {
	return &ivschat.ServiceQuotaExceededException{
		Message:      "The maximum number of " + what + " has been reached.",
		ResourceType: kind, Limit: int32(most),
	}
}

// idOf returns the id in an ARN that Validate has seen.
func idOf(identifier string) string {
	a, _ := arn.Parse(identifier)
	return a.ID
}

func key(t store.Tenant, roomID string) roomlog.Room {
	return roomlog.Room{Account: t.Account, Region: t.Region, ID: roomID}
}
