package sigv4

import (
	"crypto/sha256"
	"sync"
)

// maxKeys bounds the cache. A caller needs one entry a day, region and service.
const maxKeys = 1024

// keyID is all a signing key is derived from. The secret is part of it, so a
// changed secret never meets an old key.
type keyID struct {
	accessKeyID, secret, day, region, service string
}

// keyCache keeps derived signing keys; the zero value is ready. When it is full
// some entry makes room, which costs its owner one derivation.
type keyCache struct {
	mu   sync.RWMutex // guards keys
	keys map[keyID][sha256.Size]byte
}

func (c *keyCache) get(id keyID) (key [sha256.Size]byte, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	key, ok = c.keys[id]
	return key, ok
}

func (c *keyCache) put(id keyID, key [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[keyID][sha256.Size]byte{}
	}
	for old := range c.keys {
		if len(c.keys) < maxKeys {
			break
		}
		delete(c.keys, old)
	}
	c.keys[id] = key
}

func deriveKey(id keyID) [sha256.Size]byte {
	key := mac([]byte("AWS4"+id.secret), id.day)
	key = mac(key[:], id.region)
	key = mac(key[:], id.service)
	return mac(key[:], terminator)
}
