package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
)

const (
	kindChat = "chat"
	kindPage = "page"

	// sealsAfter is how long after it was made a token key begins to seal: every
	// server has seen it by then.
	sealsAfter = 5 * time.Second
	// opensFor is how long a token key opens after its successor began to seal: no
	// chat token is valid for longer (token-validity is 3 hours at most).
	opensFor = 4 * time.Hour
)

// freshTokenKeys are a new key of each kind.
func freshTokenKeys(m keys.Master, at time.Time) []store.TokenKey {
	list := make([]store.TokenKey, 0, 2)
	for _, kind := range []string{kindChat, kindPage} {
		k := token.NewKey()
		list = append(list, store.TokenKey{Kind: kind, ID: k.ID, Sealed: m.Seal(tokenPurpose(kind, k.ID), k.Secret[:]), Created: at})
	}
	return list
}

func tokenPurpose(kind, id string) string { return kind + " token key " + id }

// order returns which of a kind's keys, the newest first, are in use at a time, the
// one that seals first, which have had their time, and when that changes next.
func order(list []store.TokenKey, now time.Time) (use, over []store.TokenKey, turn time.Time) {
	sooner := func(at time.Time) {
		if turn.IsZero() || at.Before(turn) {
			turn = at
		}
	}
	seals := len(list) - 1 // the first key of all waits for nobody
	for i, k := range list {
		from := k.Created.Add(sealsAfter)
		if !now.Before(from) {
			seals = min(seals, i)
			break
		}
		if i < len(list)-1 {
			sooner(from)
		}
	}
	for i, k := range list {
		if i <= seals {
			use = append(use, k)
			continue
		}
		// Its successor seals since:
		until := list[i-1].Created.Add(sealsAfter + opensFor)
		if now.Before(until) {
			use = append(use, k)
			sooner(until)
		} else {
			over = append(over, k)
		}
	}
	if seals > 0 && seals < len(use) {
		first := use[seals]
		use = slices.Insert(slices.Delete(use, seals, seals+1), 0, first)
	}
	return use, over, turn
}

// readTokenKeys has the ring and the pager have the keys that are in use, and drops
// those that have had their time.
func (b *Book) readTokenKeys(ctx context.Context) (turn time.Time, err error) {
	list, err := b.store.TokenKeys(ctx)
	if err != nil {
		return turn, err
	}
	opened := map[string][]token.Key{}
	var dropped []store.TokenKey
	for _, kind := range []string{kindChat, kindPage} {
		ofKind := slices.DeleteFunc(slices.Clone(list), func(k store.TokenKey) bool { return k.Kind != kind })
		use, over, at := order(ofKind, b.now())
		dropped = append(dropped, over...)
		if turn.IsZero() || !at.IsZero() && at.Before(turn) {
			turn = at
		}
		for _, k := range use {
			secret, err := b.master.Open(tokenPurpose(kind, k.ID), k.Sealed)
			if err == nil && len(secret) != 32 {
				err = errors.New("what was sealed is garbled")
			}
			if err != nil {
				return turn, fmt.Errorf("%s token key %s: %w", kind, k.ID, err)
			}
			opened[kind] = append(opened[kind], token.Key{ID: k.ID, Secret: [32]byte(secret)})
		}
	}
	if len(opened[kindChat]) == 0 || len(opened[kindPage]) == 0 {
		return turn, errors.New("there are no token keys")
	}
	if err := b.take(opened); err != nil {
		return turn, err
	}
	if len(dropped) > 0 {
		return turn, b.store.DropTokenKeys(ctx, dropped...)
	}
	return turn, nil
}

func (b *Book) take(opened map[string][]token.Key) (err error) {
	var pages [][32]byte
	for _, k := range opened[kindPage] {
		pages = append(pages, k.Secret)
	}
	if b.ring == nil {
		b.pager = token.NewPager(pages...)
		b.ring, err = token.NewRing(opened[kindChat]...)
		return err
	}
	b.pager.Replace(pages...)
	return b.ring.Replace(opened[kindChat]...)
}
