package access_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/access"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
)

const account = "123456789012"

// office is a store with a desk and a server's book.
type office struct {
	t     *testing.T
	store *store.Store
	desk  access.Desk
	book  *access.Book
}

func newOffice(t *testing.T) *office {
	t.Helper()
	s, err := store.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, store: s, desk: access.Desk{Store: s, Master: keys.NewMaster()}}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	o.book = o.open()
	return o
}

// open opens the book of another server. It is closed before the store is.
func (o *office) open() *access.Book {
	o.t.Helper()
	b, err := access.Open(o.t.Context(), o.store, o.desk.Master, slog.New(slog.DiscardHandler))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { b.Close(context.Background()) })
	return b
}

func (o *office) create(n access.New) keys.AccessKey {
	o.t.Helper()
	k, err := o.desk.Create(o.t.Context(), n)
	if err != nil {
		o.t.Fatal(err)
	}
	return k
}

// seen waits as long as a server may be behind.
func seen() { time.Sleep(time.Second) }

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) known(id string, want bool) {
	o.t.Helper()
	_, err := o.book.Lookup(id)
	if (err == nil) != want || err != nil && !errors.Is(err, sigv4.ErrUnknownKey) {
		o.t.Errorf("%s: %v, want it known: %v", id, err, want)
	}
}

func TestAServerSeesChangesWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		k := o.create(access.New{Account: account, Name: "ana"})
		other := o.create(access.New{Account: account})
		seen()
		if got, err := o.book.Lookup(k.ID); err != nil || got.Secret != string(k.Secret) || got.SessionToken != "" || !got.Expires.IsZero() {
			t.Errorf("%v", err)
		}
		if got, _ := o.book.Find(k.ID); got.ARN() != "arn:aws:iam::123456789012:user/ana" || got.Account != account {
			t.Errorf("%s", got.ARN())
		}
		if got, _ := o.book.Find(other.ID); got.ARN() != "arn:aws:iam::123456789012:root" {
			t.Errorf("%s", got.ARN())
		}
		session, err := o.desk.StartSession(t.Context(), k.ID, time.Hour)
		o.must(err)
		seen()
		o.known(session.ID, true)
		o.must(o.desk.Disable(t.Context(), k.ID, true))
		seen()
		o.known(k.ID, false)
		o.known(session.ID, false)
		o.known(other.ID, true)
		if _, err := o.desk.StartSession(t.Context(), k.ID, time.Hour); err == nil {
			t.Error("a disabled key begins a session")
		}
		o.must(o.desk.Disable(t.Context(), k.ID, false))
		seen()
		o.known(session.ID, true)
		o.must(o.desk.Delete(t.Context(), k.ID))
		seen()
		o.known(k.ID, false)
		o.known(session.ID, false)

		o.must(o.desk.SetAccount(t.Context(), account, access.Suspended))
		seen()
		if got := o.book.Account(account); got != access.Suspended {
			t.Error(got)
		}
		o.must(o.desk.SetAccount(t.Context(), account, access.Active))
		seen()
		if got := o.book.Account(account); got != access.Active {
			t.Error(got)
		}
	})
}

func TestASessionEndsAndIsRememberedForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		k := o.create(access.New{Account: account})
		for _, length := range []time.Duration{0, access.MinSession - 1, access.MaxSession + 1} {
			if _, err := o.desk.StartSession(t.Context(), k.ID, length); err == nil {
				t.Errorf("a session of %v", length)
			}
		}
		s, err := o.desk.StartSession(t.Context(), k.ID, access.MinSession)
		o.must(err)
		if _, err := o.desk.StartSession(t.Context(), s.ID, time.Hour); err == nil {
			t.Error("a session of a session")
		}
		seen()
		got, err := o.book.Lookup(s.ID)
		if err != nil || got.SessionToken != string(s.SessionToken) || len(got.SessionToken) < 100 ||
			time.Until(got.Expires) > access.MinSession || time.Until(got.Expires) < access.MinSession-3*time.Second {
			t.Errorf("expires in %v, %v", time.Until(got.Expires), err)
		}
		time.Sleep(access.MinSession + 23*time.Hour)
		o.known(s.ID, true) // so that its owner is told that it expired
		time.Sleep(2 * time.Hour)
		o.known(k.ID, true)
		list, err := o.store.AccessKeys(t.Context())
		if o.must(err); len(list) != 1 {
			t.Errorf("%d keys are kept", len(list))
		}
	})
}

func TestUseIsWrittenDownEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		k := o.create(access.New{Account: account})
		used := func() time.Time {
			list, err := o.store.AccessKeys(t.Context())
			o.must(err)
			return list[0].LastUsed
		}
		seen()
		o.book.Used(k.ID)
		at := time.Now()
		if got := used(); !got.IsZero() {
			t.Errorf("at once: %v", got)
		}
		time.Sleep(61 * time.Second)
		if got := used(); got.Sub(at).Abs() > time.Second {
			t.Errorf("used %v, noted %v", at, got)
		}
		o.book.Used(k.ID)
		at = time.Now()
		o.book.Close(t.Context())
		if got := used(); got.Sub(at).Abs() > time.Second {
			t.Errorf("used %v, noted %v at the end", at, got)
		}
	})
}

func TestTokensOutliveTheirKeysRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		second := o.open()
		claims := token.Claims{Account: account, Region: "us-west-2", RoomID: "abcdABCDefgh", UserID: "ana", IssuedAt: time.Now(), TokenExpiry: time.Now(), SessionExpiry: time.Now()}
		seal := func(b *access.Book) string {
			text, err := b.Ring().Seal(claims)
			o.must(err)
			return text
		}
		old, page := seal(o.book), o.book.Pager().Seal(token.Cursor{ID: "x"}, "b")
		keyOf := func(text string) string { return text[len(token.Prefix) : len(token.Prefix)+8] }
		seen()
		o.must(o.desk.RotateTokenKeys(t.Context()))
		changed := 0
		for range 100 { // at no moment can one server not open what another sealed
			for _, text := range []string{old, seal(o.book), seal(second)} {
				for _, b := range []*access.Book{o.book, second} {
					if _, err := b.Ring().Open(text); err != nil {
						t.Fatalf("%v: %v", keyOf(text), err)
					}
				}
			}
			if keyOf(seal(o.book)) != keyOf(old) {
				changed++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if changed < 30 || changed > 60 {
			t.Errorf("the new key sealed in %d of 100 tenths of a second, want about half", changed)
		}
		time.Sleep(3 * time.Hour)
		if _, err := second.Ring().Open(old); err != nil {
			t.Errorf("after three hours: %v", err)
		}
		if _, err := second.Pager().Open(page, "b"); err != nil {
			t.Errorf("a page token after three hours: %v", err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := second.Ring().Open(old); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("after five hours: %v", err)
		}
		if _, err := second.Pager().Open(page, "b"); err == nil {
			t.Error("a page token opens after five hours")
		}
		left, err := o.store.TokenKeys(t.Context())
		if o.must(err); len(left) != 2 {
			t.Errorf("%d token keys are kept", len(left))
		}
	})
}

func TestRotationsInARowLoseNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		var sealed []string
		for range 20 {
			text, err := o.book.Ring().Seal(token.Claims{Account: account, Region: "us-west-2", RoomID: "abcdABCDefgh", UserID: "ana", IssuedAt: time.Now(), TokenExpiry: time.Now(), SessionExpiry: time.Now()})
			o.must(err)
			sealed = append(sealed, text)
			o.must(o.desk.RotateTokenKeys(t.Context()))
			time.Sleep(2 * time.Second)
			for i, text := range sealed {
				if _, err := o.book.Ring().Open(text); err != nil {
					t.Fatalf("token %d of %d: %v", i, len(sealed), err)
				}
			}
		}
	})
}

func TestAnotherMasterKeyIsRefused(t *testing.T) {
	o := newOffice(t)
	o.create(access.New{Account: account})
	if _, err := access.Open(t.Context(), o.store, keys.NewMaster(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a book opens with another master key")
	}
}
