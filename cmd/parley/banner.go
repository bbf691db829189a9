package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/server"
)

// started is what a started server tells about itself.
type started struct {
	Product         string `json:"product"`
	Version         string `json:"version"`
	Mode            string `json:"mode"`
	API             string `json:"api"`
	WebSocket       string `json:"ws"`
	Metrics         string `json:"metrics,omitempty"`
	Region          string `json:"region"`
	Account         string `json:"account"`
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey,omitempty"` // of a key that was made just now, or of the dev key
	Data            string `json:"data,omitempty"`
	Lobby           string `json:"lobby,omitempty"`
	Ready           bool   `json:"ready"`
	local           string // where it listens, as a URL
	secretFile      string // what else has the secret; "" if it was given
	made            bool   // the access key was made just now
}

func facts(s *server.Server, addr, lobby string, dev bool) started {
	f := started{
		Product: "parley", Version: version, Mode: "serve", Region: s.Config.Region,
		Account: s.Keys.AccessKey.Account, AccessKeyID: s.Keys.AccessKey.ID, Data: s.Config.Data, Lobby: lobby, Ready: true,
		local: "http://" + reachable(addr), made: s.FirstRun,
	}
	if s.Config.TLS() {
		f.local = "https://" + reachable(addr)
	}
	if dev {
		f.Mode, f.Data = "dev", ""
	}
	if s.FirstRun || s.Keys.AccessKey.Secret == keys.DevSecret {
		f.SecretAccessKey = string(s.Keys.AccessKey.Secret)
	}
	if f.Data != "" && s.Config.AccessKeyID == "" {
		f.secretFile = filepath.Join(f.Data, keys.AccessKeyFile)
	}
	f.API = f.local
	if domains := s.Config.ACMEDomains; len(domains) > 0 { // the certificate is for no address
		f.API = "https://" + domains[0] // where the authority looks is where clients do
	}
	if s.Config.PublicURL != "" {
		f.API = strings.TrimSuffix(s.Config.PublicURL, "/")
	}
	f.WebSocket = "ws" + strings.TrimPrefix(f.API, "http")
	return f
}

// reachable is a listener's address as a client on this machine writes it.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// announce prints the banner and then, always, the ready line. A test suite
// that starts servers does not want to see banners, so they are for terminals
// unless asked for. A key that was made just now is the exception: whoever
// started the server needs it.
func announce(out *os.File, stderr io.Writer, c *config.Config, f started) error {
	document, err := json.Marshal(f)
	if err != nil {
		return err
	}
	switch c.Banner {
	case "json":
		fmt.Fprintf(out, "%s\n", document)
	case "plain":
		banner(out, f)
	case "auto":
		if isTerminal(out) || f.made {
			banner(out, f)
		}
	case "none":
		if f.made {
			fmt.Fprintf(stderr, "parley: made the access key %s; secret in %s\n", f.AccessKeyID, f.secretFile)
		}
	}
	if c.ReadyFile != "" {
		f.SecretAccessKey = ""
		if document, err = json.Marshal(f); err != nil {
			return err
		}
		if err := writeFile(c.ReadyFile, append(document, '\n')); err != nil {
			return fmt.Errorf("ready-file: %w", err)
		}
	}
	fmt.Fprintf(out, "parley ready %s\n", f.local)
	return nil
}

func banner(w io.Writer, f started) {
	if f.Mode == "dev" {
		fmt.Fprintf(w, "parley %s · dev mode · in memory · loopback only · signatures are not verified\n\n", f.Version)
	} else {
		fmt.Fprintf(w, "parley %s · data in %s\n\n", f.Version, f.Data)
	}
	fmt.Fprintf(w, "  API          %s\n  Messaging    %s\n", f.API, f.WebSocket)
	if f.Metrics != "" {
		fmt.Fprintf(w, "  Metrics      %s\n", f.Metrics)
	}
	if f.Lobby != "" {
		fmt.Fprintf(w, "  Room         lobby   %s\n", f.Lobby)
	}
	if f.SecretAccessKey == "" {
		where := ""
		if f.secretFile != "" {
			where = "   secret in " + f.secretFile
		}
		fmt.Fprintf(w, "  Access key   %s%s\n\n", f.AccessKeyID, where)
		return
	}
	fmt.Fprint(w, "\n  Paste, then use any AWS SDK or the CLI:\n\n")
	// Some SDKs read one name of the region, some the other.
	fmt.Fprintf(w, "    export AWS_ENDPOINT_URL_IVSCHAT=%s AWS_REGION=%s AWS_DEFAULT_REGION=%[2]s\n", f.API, f.Region)
	fmt.Fprintf(w, "    export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\n", f.AccessKeyID, f.SecretAccessKey)
	if f.Lobby == "" {
		fmt.Fprint(w, "    aws ivschat create-room --name lobby\n\n")
		return
	}
	fmt.Fprintf(w, "    aws ivschat create-chat-token --room-identifier %s \\\n", f.Lobby)
	fmt.Fprint(w, "        --user-id ana --capabilities SEND_MESSAGE DELETE_MESSAGE DISCONNECT_USER\n\n")
}
