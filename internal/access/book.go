package access

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
)

// Store is where access keys, accounts and token keys are kept.
type Store interface {
	AccessVersion(ctx context.Context) (int64, error)
	AccessKeys(ctx context.Context) ([]store.AccessKey, error)
	UsedAccessKeys(ctx context.Context, used map[string]time.Time) error
	PurgeAccessKeys(ctx context.Context, before time.Time) (int64, error)
	Accounts(ctx context.Context) (map[string]string, error)
	TokenKeys(ctx context.Context) ([]store.TokenKey, error)
	AddTokenKeys(ctx context.Context, onlyIfNone bool, keys ...store.TokenKey) error
	DropTokenKeys(ctx context.Context, keys ...store.TokenKey) error
}

const (
	// lookEvery is how old what a Book says may be.
	lookEvery = 500 * time.Millisecond
	// noteEvery is how often the use of keys is written down.
	noteEvery = time.Minute
	// expiredKept is how long a session's key is remembered after its end, so that
	// its owner is told that it expired, and not that there is no such key.
	expiredKept = 24 * time.Hour
)

// Book is what a server knows of the store's access keys. Close it.
type Book struct {
	store  Store
	master keys.Master
	logger *slog.Logger
	now    func() time.Time

	pages atomic.Pointer[pages]
	ring  *token.Ring
	pager *token.Pager

	mu   sync.Mutex // guards used
	used map[string]time.Time

	stop context.CancelFunc
	done sync.WaitGroup
}

// pages are one state of the book. They do not change.
type pages struct {
	version  int64
	keys     map[string]*Key
	accounts map[string]string
	turn     time.Time // when another token key is to seal, or one to be dropped; zero: never
}

// Open reads the book, and keeps it up to date until Close. It makes the token keys
// if there are none.
func Open(ctx context.Context, s Store, m keys.Master, logger *slog.Logger) (*Book, error) {
	b := &Book{store: s, master: m, logger: logger, now: time.Now, used: map[string]time.Time{}}
	if err := s.AddTokenKeys(ctx, true, freshTokenKeys(m, b.now())...); err != nil {
		return nil, err
	}
	if err := b.read(ctx); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	b.done.Go(func() { b.keep(running) })
	return b, nil
}

// Close writes down what is to be, and ends.
func (b *Book) Close(ctx context.Context) {
	b.stop()
	b.done.Wait()
	b.note(ctx)
}

// Ring is the keys of chat tokens.
func (b *Book) Ring() *token.Ring { return b.ring }

// Pager is the keys of page tokens.
func (b *Book) Pager() *token.Pager { return b.pager }

// Find returns the access key with the id, if it may be used; expired ones are
// found too.
func (b *Book) Find(id string) (*Key, bool) {
	p := b.pages.Load()
	k, ok := p.keys[id]
	if !ok || k.Disabled {
		return nil, false
	}
	if k.Parent != "" {
		parent, ok := p.keys[k.Parent]
		if !ok || parent.Disabled {
			return nil, false
		}
	}
	return k, true
}

// Account returns the state of an account.
func (b *Book) Account(account string) string {
	if state, ok := b.pages.Load().accounts[account]; ok {
		return state
	}
	return Active
}

// Used notes that a key has signed a request.
func (b *Book) Used(id string) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.used[id]) >= time.Second { // it is noted in minutes anyway
		b.used[id] = now
	}
}

func (b *Book) keep(ctx context.Context) {
	look, note := time.NewTicker(lookEvery), time.NewTicker(noteEvery)
	defer look.Stop()
	defer note.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-note.C:
			b.note(ctx)
			continue
		case <-look.C:
		}
		err := b.look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			b.logger.Error("access keys: what is known of them may be old", "error", err)
		}
		failing = err != nil
	}
}

// look reads the book again if something has changed.
func (b *Book) look(ctx context.Context) error {
	version, err := b.store.AccessVersion(ctx)
	if err != nil {
		return err
	}
	p := b.pages.Load()
	if version == p.version && (p.turn.IsZero() || b.now().Before(p.turn)) {
		return nil
	}
	return b.read(ctx)
}

func (b *Book) read(ctx context.Context) error {
	p := &pages{keys: map[string]*Key{}}
	var err error
	// First: what changes while the rest is read is then read again.
	if p.version, err = b.store.AccessVersion(ctx); err != nil {
		return err
	}
	list, err := b.store.AccessKeys(ctx)
	if err != nil {
		return err
	}
	for _, sealed := range list {
		k, err := open(b.master, sealed)
		if err != nil {
			b.logger.Error("access keys: one cannot be used", "error", err)
			continue
		}
		p.keys[k.ID] = k
	}
	for _, k := range p.keys { // sessions may do what their keys may
		if parent := p.keys[k.Parent]; parent != nil {
			k.Name, k.Policies = parent.Name, parent.Policies
		}
	}
	if p.accounts, err = b.store.Accounts(ctx); err != nil {
		return err
	}
	if p.turn, err = b.readTokenKeys(ctx); err != nil {
		return err
	}
	b.pages.Store(p)
	return nil
}

// note writes down which keys were used, and forgets sessions that ended long ago.
func (b *Book) note(ctx context.Context) {
	b.mu.Lock()
	used := maps.Clone(b.used)
	clear(b.used)
	b.mu.Unlock()
	if len(used) > 0 {
		if err := b.store.UsedAccessKeys(ctx, used); err != nil {
			b.logger.Warn("access keys: when they were used last was not noted", "error", err)
		}
	}
	if _, err := b.store.PurgeAccessKeys(ctx, b.now().Add(-expiredKept)); err != nil {
		b.logger.Warn("access keys: expired ones were not removed", "error", err)
	}
}
