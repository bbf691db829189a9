package sigv4

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

func failingLookup(err error) func(context.Context, string) (Key, error) {
	return func(context.Context, string) (Key, error) { return Key{}, err }
}

// One request for all goroutines: Verify only reads it.
func TestVerifyConcurrently(t *testing.T) {
	v := verifier(Key{Secret: testSecret}, testTime)
	header, body := signedPost(t)
	query, _ := presignedPost(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if _, err := v.Verify(header, body, "ivschat"); err != nil {
					t.Error(err)
				}
				if _, err := v.Verify(query, nil, "ivschat"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(v.keys.keys); n != 1 {
		t.Errorf("%d signing keys remembered, want 1", n)
	}
}

func TestChangedSecretIsNotServedFromMemory(t *testing.T) {
	r, body := signedPost(t)
	key := Key{Secret: testSecret}
	v := verifier(key, testTime)
	v.Lookup = func(context.Context, string) (Key, error) { return key, nil }
	if _, err := v.Verify(r, body, "ivschat"); err != nil {
		t.Fatal(err)
	}
	key.Secret = "rotated"
	_, err := v.Verify(r, body, "ivschat")
	wantError(t, err, codeInvalid, mismatch)
}

// Neither a wrong signature nor an unknown key takes room from real callers.
func TestOnlyVerifiedCallersAreRemembered(t *testing.T) {
	v := verifier(Key{Secret: "another"}, testTime)
	r, body := signedPost(t)
	_, err := v.Verify(r, body, "ivschat")
	wantError(t, err, codeInvalid, mismatch)

	v.Lookup = failingLookup(fmt.Errorf("key store: %w", ErrUnknownKey))
	_, err = v.Verify(r, body, "ivschat")
	wantError(t, err, codeUnrecognized, unknown)

	v.Lookup = verifier(Key{Unverified: true}, testTime).Lookup
	if _, err := v.Verify(r, body, "ivschat"); err != nil {
		t.Error(err)
	}
	if n := len(v.keys.keys); n != 0 {
		t.Errorf("%d signing keys remembered, want none", n)
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	var c keyCache
	for i := range 3 * maxKeys {
		id := keyID{accessKeyID: fmt.Sprint(i)}
		c.put(id, deriveKey(id))
		if key, ok := c.get(id); !ok || key != deriveKey(id) {
			t.Fatalf("key %d is not there right after it was put", i)
		}
	}
	if len(c.keys) != maxKeys {
		t.Errorf("%d keys, want %d", len(c.keys), maxKeys)
	}
}
