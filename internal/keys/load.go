package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	strict "github.com/go-json-experiment/json"

	"github.com/parleychat/parley/internal/config"
)

// The files in the data directory.
const (
	AccessKeyFile = "access-key.json"
	MasterKeyFile = "master-key"
)

// accessKeyFile is what the file holds. The secret is a plain string here: this is
// the only place where it is meant to be written.
type accessKeyFile struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	AccountID       string `json:"accountId"`
}

// Load returns the keys kept in a directory, and makes what is missing: first
// tells that this call made the access key, even if what came next failed. Files
// that others can read, or that are not what was written, are refused rather than
// replaced: a new master key would make everything sealed worthless, a new access
// key lock out every client. A master key that is given is not kept.
func Load(dir string, given config.Secret) (k Keys, first bool, err error) {
	if err := makeDir(dir); err != nil {
		return Keys{}, false, err
	}
	access, first, err := loadOrMake(filepath.Join(dir, AccessKeyFile), func() ([]byte, error) {
		return json.MarshalIndent(NewAccessKey(DefaultAccount).file(), "", "  ")
	})
	if err != nil {
		return Keys{}, false, err
	}
	if k.AccessKey, err = parseAccessKey(access); err != nil {
		return Keys{}, false, garbled(dir, AccessKeyFile, err)
	}
	k.Master, err = LoadMaster(dir, given)
	if err != nil {
		return Keys{}, first, err
	}
	return k, first, nil
}

// LoadMaster returns the master key that is given, or else the one kept in the
// directory, which it makes if there is none.
func LoadMaster(dir string, given config.Secret) (Master, error) {
	if given != "" {
		m, err := ParseMaster(string(given))
		if err != nil {
			return Master{}, fmt.Errorf("master-key: the value, not shown, %w", err)
		}
		return m, nil
	}
	text, _, err := loadOrMake(filepath.Join(dir, MasterKeyFile), func() ([]byte, error) {
		return NewMaster().text(), nil
	})
	if err != nil {
		return Master{}, err
	}
	m, err := ParseMaster(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return Master{}, garbled(dir, MasterKeyFile, fmt.Errorf("it is garbled: it %w", err))
	}
	return m, nil
}

// ReadMaster is LoadMaster for commands, which make no master key.
func ReadMaster(dir string, given config.Secret) (Master, error) {
	path := filepath.Join(dir, MasterKeyFile)
	if _, err := os.Stat(path); given == "" && errors.Is(err, os.ErrNotExist) {
		return Master{}, fmt.Errorf("there is no %s: set PARLEY_MASTER_KEY, as for the server", path)
	}
	return LoadMaster(dir, given)
}

func garbled(dir, name string, why error) error {
	return fmt.Errorf("%s: %w; restore it from a backup, or move it away to have a new one made",
		filepath.Join(dir, name), why)
}

func loadOrMake(path string, fresh func() ([]byte, error)) (content []byte, made bool, err error) {
	content, err = readPrivate(path)
	if !errors.Is(err, os.ErrNotExist) {
		return content, false, err
	}
	encoded, err := fresh()
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
