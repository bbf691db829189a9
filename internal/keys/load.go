package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	strict "github.com/go-json-experiment/json"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/token"
)

// The files in the data directory.
const (
	AccessKeyFile = "access-key.json"
	TokenKeysFile = "token-keys.json"
)

// accessKeyFile and tokenKeysFile are what the files hold. The secrets are plain
// strings here: these two are the only place where they are meant to be written.
type accessKeyFile struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	AccountID       string `json:"accountId"`
}

type tokenKeysFile struct {
	ChatTokenKeys []tokenKeyEntry `json:"chatTokenKeys"` // the first seals
	PageTokenKey  []byte          `json:"pageTokenKey"`
}

type tokenKeyEntry struct {
	ID      string    `json:"id"`
	Secret  []byte    `json:"secret"`
	Created time.Time `json:"created"`
}

// Load returns the keys kept in a directory, and makes what is missing: first
// tells that this call made the access key, even if what came next failed. Files that others can read, or that
// are not what was written, are refused rather than replaced: a new token key
// would end every chat token, a new access key lock out every client.
func Load(dir string) (k Keys, first bool, err error) {
	if err := makeDir(dir); err != nil {
		return Keys{}, false, err
	}
	access, first, err := loadOrMake(filepath.Join(dir, AccessKeyFile), newAccessKey().file)
	if err != nil {
		return Keys{}, false, err
	}
	if k.AccessKey, err = parseAccessKey(access); err != nil {
		return Keys{}, false, garbled(dir, AccessKeyFile, err)
	}
	tokens, _, err := loadOrMake(filepath.Join(dir, TokenKeysFile), newTokenKeysFile)
	if err != nil {
		return Keys{}, first, err
	}
	if k.Tokens, k.Page, err = parseTokenKeys(tokens); err != nil {
		return Keys{}, first, garbled(dir, TokenKeysFile, err)
	}
	if _, err := k.Ring(); err != nil {
		return Keys{}, first, garbled(dir, TokenKeysFile, err)
	}
	return k, first, nil
}

func garbled(dir, name string, why error) error {
	return fmt.Errorf("%s: %w; restore it from a backup, or move it away to have a new one made",
		filepath.Join(dir, name), why)
}

func loadOrMake(path string, fresh func() any) (content []byte, made bool, err error) {
	content, err = readPrivate(path)
	if !errors.Is(err, os.ErrNotExist) {
		return content, false, err
	}
	encoded, err := json.MarshalIndent(fresh(), "", "  ")
	if err != nil {
		return nil, false, fmt.Errorf("encode %s: %w", path, err)
	}
	made, err = writePrivate(path, append(encoded, '\n'))
	if err != nil {
		return nil, false, err
	}
	content, err = readPrivate(path) // another process may have been first
	return content, made, err
}

func (k AccessKey) file() any { return accessKeyFile{k.ID, string(k.Secret), k.Account} }

func newTokenKeysFile() any {
	k, page := newTokenKey(), randomSecret()
	return tokenKeysFile{
		ChatTokenKeys: []tokenKeyEntry{{ID: k.ID, Secret: k.Secret[:], Created: k.Created}},
		PageTokenKey:  page[:],
	}
}

// decode keeps the decoder's errors to itself: they may quote the value.
func decode(content []byte, into any) error {
	if strict.Unmarshal(content, into, strict.RejectUnknownMembers(true)) != nil {
		return errors.New("it is garbled: not the JSON that Parley wrote")
	}
	return nil
}

func parseAccessKey(content []byte) (AccessKey, error) {
	var f accessKeyFile
	if err := decode(content, &f); err != nil {
		return AccessKey{}, err
	}
	switch {
	case !matches(f.AccessKeyID, `\w{4,128}`):
		return AccessKey{}, errors.New("it is garbled: accessKeyId is not 4 to 128 letters, digits and underscores")
	case !matches(f.SecretAccessKey, `[!-~]{16,128}`):
		return AccessKey{}, errors.New("it is garbled: secretAccessKey is not 16 to 128 printable ASCII characters without spaces")
	case !matches(f.AccountID, `[0-9]{12}`):
		return AccessKey{}, errors.New("it is garbled: accountId is not 12 digits")
	}
	return AccessKey{ID: f.AccessKeyID, Secret: config.Secret(f.SecretAccessKey), Account: f.AccountID}, nil
}

func matches(s, pattern string) bool {
	return regexp.MustCompile(`\A` + pattern + `\z`).MatchString(s)
}

func parseTokenKeys(content []byte) (tokens []TokenKey, page [32]byte, err error) {
	var f tokenKeysFile
	if err := decode(content, &f); err != nil {
		return nil, page, err
	}
	if page, err = parseSecret(f.PageTokenKey); err != nil {
		return nil, page, fmt.Errorf("it is garbled: pageTokenKey %w", err)
	}
	for i, entry := range f.ChatTokenKeys {
		secret, err := parseSecret(entry.Secret)
		if err != nil {
			return nil, page, fmt.Errorf("it is garbled: the secret of chatTokenKeys[%d] %w", i, err)
		}
		if secret == page {
			return nil, page, fmt.Errorf("it is garbled: chatTokenKeys[%d] and pageTokenKey are the same", i)
		}
		tokens = append(tokens, TokenKey{Key: token.Key{ID: entry.ID, Secret: secret}, Created: entry.Created})
	}
	return tokens, page, nil
}

func parseSecret(b []byte) (secret [32]byte, err error) {
	if copy(secret[:], b) != len(b) || len(b) != len(secret) || secret == [32]byte{} {
		return secret, errors.New("is not 32 random bytes in base64")
	}
	return secret, nil
}
