package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/parleychat/parley/internal/store"
)

func accessKeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	version := func() int64 {
		v, err := s.AccessVersion(ctx)
		ok(t, err)
		return v
	}
	before := version()
	one := store.AccessKey{ID: "AKIDONE", Account: "123456789012", Name: "one", Sealed: []byte{1, 2}, Policies: []string{"{}"}, Created: at(1)}
	session := store.AccessKey{ID: "ASIDONE", Account: "123456789012", Sealed: []byte{3}, Policies: []string{}, Parent: "AKIDONE", Created: at(2), Expires: at(1000)}
	other := store.AccessKey{ID: "AKIDOTHER", Account: "000000000001", Sealed: []byte{4}, Policies: []string{}, Created: at(3)}
	for _, k := range []store.AccessKey{one, session, other} {
		ok(t, s.CreateAccessKey(ctx, k))
	}
	if err := s.CreateAccessKey(ctx, one); !errors.Is(err, store.ErrExists) {
		t.Errorf("twice: %v", err)
	}
	if version() <= before {
		t.Error("the version did not grow")
	}
	list := func() []store.AccessKey {
		list, err := s.AccessKeys(ctx)
		ok(t, err)
		return list
	}
	equal(t, list(), []store.AccessKey{other, one, session})

	ok(t, s.UpdateAccessKey(ctx, "AKIDONE", func(k *store.AccessKey) { k.Disabled, k.Policies = true, nil }))
	one.Disabled, one.Policies = true, []string{}
	before = version()
	ok(t, s.UsedAccessKeys(ctx, map[string]time.Time{"AKIDONE": at(9), "nobody": at(9)}))
	ok(t, s.UsedAccessKeys(ctx, map[string]time.Time{"AKIDONE": at(8)}))
	one.LastUsed = at(9)
	equal(t, list()[1], one)
	equal(t, version(), before) // use is no change
	if err := s.UpdateAccessKey(ctx, "nobody", func(*store.AccessKey) {}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a key that is not there: %v", err)
	}

	n, err := s.PurgeAccessKeys(ctx, at(1000))
	ok(t, err)
	equal(t, n, int64(0))
	ok(t, s.DeleteAccessKey(ctx, "AKIDONE")) // and its session
	equal(t, list(), []store.AccessKey{other})
	if err := s.DeleteAccessKey(ctx, "AKIDONE"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	ok(t, s.CreateAccessKey(ctx, session))
	n, err = s.PurgeAccessKeys(ctx, at(1001))
	ok(t, err)
	equal(t, n, int64(1))
}

func accounts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ok(t, s.SetAccount(ctx, "123456789012", "suspended"))
	ok(t, s.SetAccount(ctx, "000000000001", "pending"))
	ok(t, s.SetAccount(ctx, "123456789012", "pending"))
	ok(t, s.SetAccount(ctx, "000000000001", ""))
	got, err := s.Accounts(ctx)
	ok(t, err)
	equal(t, got, map[string]string{"123456789012": "pending"})
}

func tokenKeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	key := func(kind, id string, ms int64) store.TokenKey {
		return store.TokenKey{Kind: kind, ID: id, Sealed: []byte(id), Created: at(ms)}
	}
	together(8, func(i int) {
		ok(t, s.AddTokenKeys(ctx, true, key("chat", string(rune('a'+i)), 1), key("page", string(rune('a'+i)), 1)))
	})
	list, err := s.TokenKeys(ctx)
	ok(t, err)
	if len(list) != 2 || list[0].ID != list[1].ID {
		t.Fatalf("eight that start together made %v", list)
	}
	ok(t, s.AddTokenKeys(ctx, false, key("chat", "z", 2)))
	ok(t, s.DropTokenKeys(ctx, list...))
	list, err = s.TokenKeys(ctx)
	ok(t, err)
	equal(t, list, []store.TokenKey{key("chat", "z", 2)})
}
