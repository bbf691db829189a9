// Package store keeps what must outlive the process: rooms, logging
// configurations and their tags, the ledger of used chat tokens, and the outbox
// of chat logs. A write is on stable storage before its method returns nil.
//
// Everything but the outbox and the ledger belongs to a [Tenant]: a resource of
// another tenant is not there. Shapes are those of package ivschat, which the
// caller has validated; the store checks only what needs the data: existence,
// quotas and associations.
//
// Methods are safe for concurrent use. A write that was queued and then begun
// ends with its outcome even when its context is cancelled meanwhile; one whose
// context ends before it is begun has not happened.
package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/parleychat/parley/internal/arn"
)

// Tenant owns resources: an account in a region.
type Tenant struct{ Account, Region string }

func (t Tenant) arn(kind, id string) string {
	return arn.ARN{Region: t.Region, Account: t.Account, Type: kind, ID: id}.String()
}

// loggingConfigurationID returns the id in the ARN of a logging configuration
// of this tenant.
func (t Tenant) loggingConfigurationID(text string) (id string, ok bool) {
	a, ok := arn.Parse(text)
	ok = ok && a.Type == arn.LoggingConfiguration && a.Account == t.Account && a.Region == t.Region
	return a.ID, ok
}

// Cursor is a place in a list: listing goes on strictly after it. The zero
// Cursor is the start.
type Cursor struct {
	UpdateTime time.Time
	ID         string
}

// Errors that say something about the data.
var (
	// ErrNotFound says that the tenant has no such resource.
	ErrNotFound = errors.New("store: not found")
	// ErrQuota says that the tenant has as many resources as the limit allows.
	ErrQuota = errors.New("store: quota reached")
	// ErrInUse says that a room refers to the logging configuration.
	ErrInUse = errors.New("store: logging configuration in use")
	// ErrUnavailable says that the database cannot be reached, or did not answer in
	// time. Of a write it leaves open whether it happened.
	ErrUnavailable = errors.New("store: the database is not available")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store: closed")
)

// LoggingConfigurationError says which logging configuration a room named that
// does not exist for its tenant, or is not ACTIVE.
type LoggingConfigurationError struct {
	ARN     string
	Missing bool // it does not exist; otherwise it is not ACTIVE
}

func (e *LoggingConfigurationError) Error() string {
	if e.Missing {
		return fmt.Sprintf("store: no logging configuration %s", e.ARN)
	}
	return fmt.Sprintf("store: logging configuration %s is not active", e.ARN)
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
