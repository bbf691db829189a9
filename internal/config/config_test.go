package config_test

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"github.com/parleychat/parley/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.AddFlags(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return set
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "parley.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	got, err := config.Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Data: "./parley-data", Listen: "127.0.0.1:7878", AccountID: "000000000000", Region: "us-west-2",
		Presigned: true, ClockSkew: 5 * time.Minute, Quotas: "default", MaxBody: 256 << 10,
		TokenValidity: time.Minute, EventAttributesLimit: 4096, MaxFrame: 16 << 10, SendQueue: 256 << 10,
		SendBuffer: 64 << 10, PingInterval: 30 * time.Second, PongTimeout: 10 * time.Second,
		FanoutWindow: 16 * time.Millisecond, Reader: "auto", OutboxPolicy: "refuse", ExpiryGrace: 3 * time.Second, DrainTimeout: 30 * time.Second, LogFormat: "auto", Banner: "auto",
		ReviewUnresolved: "refuse", ReviewTimeout: 200 * time.Millisecond, ReviewHandlerCalls: 64, ReviewRoomReviews: 32,
		RoomlogName: "parley", RoomlogStorage: "file", RoomlogLimit: 4 << 30, RoomlogWait: 5 * time.Second,
		ACMEDirectory:         "https://acme-v02.api.letsencrypt.org/directory",
		ChatlogObjectInterval: 5 * time.Minute, ChatlogObjectSize: 8 << 20, ChatlogEventInterval: 10 * time.Second, OutboxLimit: 1 << 30,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

func TestPrecedence(t *testing.T) {
	yaml := func(v string) string { return "region: " + v + "\n" }
	tests := []struct {
		name        string
		flag        []string
		env         []string
		file        string
		want        string
		source, how string
	}{
		{name: "nothing", want: "us-west-2", how: "default"},
		{name: "file", file: yaml("eu-west-1"), want: "eu-west-1", source: "file", how: "parley.yaml:1"},
		{name: "file over default though equal", file: "\n" + yaml("us-west-2"), want: "us-west-2", source: "file", how: "parley.yaml:2"},
		{name: "environment", env: []string{"PARLEY_REGION=eu-west-2"}, want: "eu-west-2", source: "env", how: "PARLEY_REGION"},
		{name: "environment over file", env: []string{"PARLEY_REGION=eu-west-2"}, file: yaml("eu-west-1"), want: "eu-west-2", source: "env", how: "PARLEY_REGION"},
		{name: "empty variable is not set", env: []string{"PARLEY_REGION="}, file: yaml("eu-west-1"), want: "eu-west-1", source: "file", how: "parley.yaml:1"},
		{name: "flag", flag: []string{"--region", "eu-west-3"}, want: "eu-west-3", source: "flag", how: "--region"},
		{name: "flag over file", flag: []string{"--region=eu-west-3"}, file: yaml("eu-west-1"), want: "eu-west-3", source: "flag", how: "--region"},
		{name: "flag over both", flag: []string{"--region=eu-west-3"}, env: []string{"PARLEY_REGION=eu-west-2"}, file: yaml("eu-west-1"), want: "eu-west-3", source: "flag", how: "--region"},
		{name: "flag that repeats the default", flag: []string{"--region=us-west-2"}, env: []string{"PARLEY_REGION=eu-west-2"}, want: "us-west-2", source: "flag", how: "--region"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := test.flag
			if test.file != "" {
				args = append(args, "--config", file(t, test.file))
			}
			c, err := config.Load(flags(t, args...), test.env)
			if err != nil {
				t.Fatal(err)
			}
			o := c.Origins["region"]
			if c.Region != test.want || o.Source != test.source || o.String() != test.how {
				t.Errorf("region %q from %q (%s), want %q from %q (%s)", c.Region, o.Source, o, test.want, test.source, test.how)
			}
			if c.Explicit("region") != (test.source != "") {
				t.Errorf("explicit: %v", c.Explicit("region"))
			}
		})
	}
}

func TestTheFileIsNamedByFlagBeforeEnvironment(t *testing.T) {
	one, two := file(t, "region: eu-west-1"), file(t, "region: eu-west-2")
	c, err := config.Load(flags(t, "-c", one), []string{"PARLEY_CONFIG=" + two})
	if err != nil || c.Region != "eu-west-1" {
		t.Errorf("both: region %v, %v", c, err)
	}
	c, err = config.Load(flags(t), []string{"PARLEY_CONFIG=" + two})
	if err != nil || c.Region != "eu-west-2" {
		t.Errorf("environment: %v, %v", c, err)
	}
	_, err = config.Load(flags(t, "-c", one+".nowhere"), nil)
	if err == nil || !strings.Contains(err.Error(), "--config: the settings file cannot be read") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestEveryTypeFromEverySource(t *testing.T) {
	want := config.Default()
	want.Listen, want.TokenValidity, want.MaxBody, want.HandshakeRate = ":0", 3*time.Hour, 1<<20, 300
	want.Presigned, want.LogLevel, want.Quotas = false, slog.LevelWarn, "aws"
	want.Regions = []string{"us-west-2", "eu-west-1"}
	want.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("fd00::/8")}
	want.AccountID = "012345678901"

	args := flags(t, "--listen=:0", "--token-validity=180m", "--max-body=1MiB", "--handshake-rate=300", "--presigned=false",
		"--log-level=warn", "--quotas=aws", "--regions=us-west-2,eu-west-1",
		"--trusted-proxies=10.0.0.0/8", "--trusted-proxies=192.0.2.7,fd00::/8", "--account-id=012345678901")
	env := []string{"PARLEY_LISTEN=:0", "PARLEY_TOKEN_VALIDITY=3h", "PARLEY_MAX_BODY=1048576", "PARLEY_HANDSHAKE_RATE=300",
		"PARLEY_PRESIGNED=off", "PARLEY_LOG_LEVEL=warn", "PARLEY_QUOTAS=aws", "PARLEY_REGIONS=us-west-2, eu-west-1",
		"PARLEY_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.7,fd00::/8", "PARLEY_ACCOUNT_ID=012345678901"}
	yaml := file(t, `
# unquoted on purpose: YAML would make numbers and booleans of these
listen: ":0"
token-validity: 3h
max-body: 1024 KiB
handshake-rate: 300
presigned: no
log-level: warn
quotas: aws
regions: [us-west-2, eu-west-1]
trusted-proxies:
  - 10.0.0.0/8
  - 192.0.2.7
  - fd00::/8
account-id: 012345678901
`)
	sources := map[string]func() (*config.Config, error){
		"flags":       func() (*config.Config, error) { return config.Load(args, nil) },
		"environment": func() (*config.Config, error) { return config.Load(nil, env) },
		"file":        func() (*config.Config, error) { return config.Load(nil, []string{"PARLEY_CONFIG=" + yaml}) },
	}
	for name, load := range sources {
		got, err := load()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ignore := cmpopts.IgnoreFields(config.Config{}, "Origins")
		comparePrefix := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
		if diff := cmp.Diff(want, got, ignore, comparePrefix, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(got.Origins) != 10 {
			t.Errorf("%s: %d origins, want 10: %v", name, len(got.Origins), got.Origins)
		}
	}
}

func TestBadValuesNameTheKeyTheValueAndWhatIsAllowed(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"data", "", `data (set by --data): "" is not allowed`},
		{"listen", "7878", `"7878" is not host:port, such as 127.0.0.1:7878`},
		{"listen", "localhost:99999", `is not host:port`},
		{"listen", "localhost:http", `is not host:port`},
		{"public-url", "chat.example.com", `is not a URL such as https://chat.example.com`},
		{"public-url", "ftp://chat.example.com", `http or https`},
		{"public-url", "https://user@chat.example.com", `is not a URL`},
		{"public-url", "https://chat.example.com/?a=b", `no query`},
		{"account-id", "1234", `account-id (set by --account-id): "1234" is not an account id: 12 digits`},
		{"account-id", "12345678901x", `12 digits`},
		{"account-id", "123456789012\n", `12 digits`},
		{"pending-accounts", "123456789012,12", `"12" is not an account id: 12 digits`},
		{"region", "US West", `"US West" is not a region name such as us-west-2`},
		{"regions", "us-west-2,,eu-west-1", `"" is not a region name`},
		{"presigned", "maybe", `"maybe" is not true or false`},
		{"clock-skew", "16m", `"16m" is out of range; allowed are 1s to 15m`},
		{"clock-skew", "0s", `"0s" is out of range`},
		{"clock-skew", "-1s", `out of range`},
		{"trusted-proxies", "10.0.0.0/33", `is not an address or CIDR range such as 10.0.0.0/8`},
		{"trusted-proxies", "10.1.2.3/8", `has bits beyond its mask; its range is 10.0.0.0/8`},
		{"trusted-proxies", "localhost", `is not an address or CIDR range`},
		{"quotas", "AWS", `"AWS" is not one of default, aws, none`},
		{"max-body", "256KB", `is not a size such as 65536, 64KiB or 1MiB`},
		{"max-body", "0x100", `is not a size`},
		{"max-body", "-1", `is not a size`},
		{"max-body", "KiB", `is not a size`},
		{"max-body", "1", `"1" is out of range; allowed are 16KiB to 16MiB`},
		{"max-body", "9999999999GiB", `is more than can be counted`},
		{"max-body", "99999999999999999999", `is more than can be counted`},
		{"token-validity", "60", `"60" is not a duration such as 500ms, 30s or 5m`},
		{"token-validity", "4s", `token-validity (set by --token-validity): "4s" is out of range; allowed are 5s to 3h`},
		{"token-validity", "181m", `allowed are 5s to 3h`},
		{"handshake-rate", "-1", `allowed are 0 to 1000000`},
		{"handshake-rate", "1.5", `"1.5" is not a whole number`},
		{"handshake-rate", "99999999999999999999", `out of range`},
		{"pong-timeout", "31s", `pong-timeout (set by --pong-timeout): 31s is longer than ping-interval, 30s`},
		{"max-frame", "512KiB", `send-queue: 256KiB is smaller than max-frame, 512KiB`},
		{"regions", "eu-west-1", `region: "us-west-2" is not among regions`},
		{"log-level", "trace", `"trace" is not one of debug, info, warn, error`},
		{"log-level", "info+2", `is not one of debug`},
		{"log-format", "logfmt", `is not one of auto, text, json`},
		{"metrics-listen", "9090", `"9090" is not host:port`},
		{"region", strings.Repeat("a", 33), "is not a region name"},
		{"tls-cert", "c.pem", `tls-cert (set by --tls-cert): is set without tls-key`},
		{"acme-domain", "*.example.com", `"*.example.com" is not a domain such as chat.example.com`},
		{"acme-domain", "localhost", `is not a domain`},
		{"acme-domain", "10.0.0.1", `is not a domain`},
		{"acme-domain", "chat.example.com:443", `is not a domain`},
		{"acme-email", "ops@example.com", `is set without acme-domain`},
		{"acme-email", "Ops <ops@example.com>", `is not an address such as ops@example.com`},
		{"acme-directory", "http://acme.example/dir", `is not an https URL`},
		{"metrics-tls-key", "k.pem", `is set without metrics-tls-cert`},
		{"metrics-client-ca", "ca.pem", `needs metrics-tls-cert and metrics-tls-key`},
		{"cors-origins", "*", `"*" is not an origin such as https://console.example.com`},
		{"cors-origins", "https://*.example.com", `is not an origin`},
		{"cors-origins", "https://console.example.com/", `is not an origin`},
		{"cors-origins", "https://Console.example.com", `is not an origin`},
		{"cors-origins", "https://console.example.com:443", `is not an origin`},
		{"cors-origins", "null", `is not an origin`},
		{"proxy-protocol", "true", `believes nobody without trusted-proxies`},
		{"banner", "big", `is not one of auto, plain, json, none`},
		{"region", strings.Repeat("x", 4000), `xxx"… is not a region name`},
	}
	for _, test := range tests {
		_, err := config.Load(flags(t, "--"+test.name+"="+test.value), nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("--%s=%q: %v\nwant …%s…", test.name, test.value, err, test.want)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("--%s: an error of %d bytes", test.name, len(err.Error()))
		}
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	path := file(t, "listne: :1\nlog-level: loud\nregion: [a, b]\n")
	_, err := config.Load(flags(t, "--config", path, "--quotas=all"), []string{
		"PARLEY_TOKEN_VALIDTY=5m", "PARLEY_BANNER=loud", "PARLEY_ACCESS_KEY_ID=AKIDEXAMPLE", "HOME=/root",
	})
	want := strings.Join([]string{
		`parley.yaml:1: there is no setting "listne"; did you mean listen?`,
		`log-level (set by parley.yaml:2): "loud" is not one of debug, info, warn, error`,
		`region (set by parley.yaml:3): needs one value after the colon`,
		`banner (set by PARLEY_BANNER): "loud" is not one of auto, plain, json, none`,
		`PARLEY_TOKEN_VALIDTY: there is no such setting; did you mean PARLEY_TOKEN_VALIDITY?`,
		`quotas (set by --quotas): "all" is not one of default, aws, none`,
		`access-key-id (set by PARLEY_ACCESS_KEY_ID): is set without secret-access-key; set both or neither`,
	}, "\n")
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var one *config.Error
	if !errors.As(err, &one) {
		t.Errorf("no *config.Error in %T", err)
	}
}

func TestUnknownVariablesNameTheNearest(t *testing.T) {
	tests := map[string]string{
		"PARLEY_LISTN=x":       "PARLEY_LISTEN",
		"PARLEY_ACCOUNT=x":     "PARLEY_ACCOUNT_ID",
		"PARLEY_ACCESSKEYID=x": "PARLEY_ACCESS_KEY_ID",
		"PARLEY_CONFIGS=x":     "PARLEY_CONFIG",
		"PARLEY_listen=":       "PARLEY_LISTEN",
		"PARLEY_MAX-BODY=x":    "PARLEY_MAX_BODY",
		"PARLEY_PORT=8080":     "PARLEY_",
	}
	for variable, nearest := range tests {
		_, err := config.Load(nil, []string{variable})
		if err == nil || !strings.Contains(err.Error(), "did you mean "+nearest) {
			t.Errorf("%s: %v, want a hint at %s", variable, err, nearest)
		}
	}
}

func TestVariablesOfAKubernetesServiceAreLetBe(t *testing.T) {
	c, err := config.Load(nil, []string{
		"PARLEY_SERVICE_HOST=10.3.2.1", "PARLEY_SERVICE_PORT=7878", "PARLEY_SERVICE_PORT_HTTP=7878",
		"PARLEY_PORT=tcp://10.3.2.1:7878", "PARLEY_PORT_7878_TCP=tcp://10.3.2.1:7878",
		"PARLEY_PORT_7878_TCP_PROTO=tcp", "PARLEY_PORT_7878_TCP_PORT=7878", "PARLEY_PORT_7878_TCP_ADDR=10.3.2.1",
		"PARLEYX=1", "XPARLEY_LISTEN=1",
	})
	if err != nil || len(c.Origins) != 0 {
		t.Errorf("%v, %v", c, err)
	}
}

func TestValidateFindsWhatNoTextCouldSet(t *testing.T) {
	c := config.Default()
	c.Quotas, c.MaxFrame, c.LogLevel = "all", 1, 3
	c.TrustedProxies = []netip.Prefix{{}}
	c.SecretAccessKey = "short"
	err := fmt.Sprint(c.Validate())
	for _, want := range []string{
		`quotas: "all" is not one of`, `max-frame: "1" is out of range; allowed are 8KiB to 1MiB`, "log-level: ",
		"trusted-proxies: ", "secret-access-key: the value, not shown, is not 16 to 128",
	} {
		if !strings.Contains(err, want) {
			t.Errorf("%s\nlacks %s", err, want)
		}
	}
}

func TestSettingsShowValuesAndOrigins(t *testing.T) {
	c, err := config.Load(flags(t, "--max-body=65536"), []string{"PARLEY_REGIONS=us-west-2, eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range c.Settings() {
		got[s.Name] = s.Value + " " + s.Origin.String()
	}
	for name, want := range map[string]string{
		"max-body": "64KiB --max-body", "regions": "us-west-2,eu-west-1 PARLEY_REGIONS", "clock-skew": "5m default",
		"token-validity": "1m default", "log-level": "info default", "secret-access-key": " default",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if fields := reflect.TypeFor[config.Config]().NumField() - 1; len(got) != fields {
		t.Errorf("%d settings for %d fields", len(got), fields)
	}
}

func variable(setting string) string {
	return "PARLEY_" + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// A field without a row could not be set, and would show in no reference.
func TestEveryFieldHasItsOwnSetting(t *testing.T) {
	values := map[string]string{
		"public-url": "https://x.example", "account-id": "111111111111", "pending-accounts": "111111111111",
		"region": "eu-west-1", "presigned": "false", "clock-skew": "1m", "trusted-proxies": "10.0.0.0/8",
		"quotas": "aws", "max-body": "1MiB", "token-validity": "5m", "event-attributes-limit": "1KiB",
		"allow-reserved-events": "true", "handshake-rate": "1", "max-connections": "1", "max-frame": "8KiB",
		"fanout-window": "1s", "reader": "goroutine", "send-queue": "1MiB", "send-buffer": "1MiB", "ping-interval": "1m", "pong-timeout": "1s", "expiry-grace": "1s",
		"drain-delay": "1s", "drain-timeout": "1s", "log-level": "debug", "log-format": "text", "banner": "none",
		"listen": ":1", "metrics-listen": ":2", "data": "d", "store": "postgres://parley@db/parley", "ready-file": "f", "regions": "us-west-2",
		"access-key-id": "AKIDEXAMPLE", "secret-access-key": "0123456789abcdef",
		"review-handlers": "arn:aws:lambda:*=builtin:links", "review-unresolved": "accept", "review-timeout": "100ms",
		"review-lambda-endpoint": "aws", "review-lambda-access-key-id": "AKIDEXAMPLE", "review-lambda-secret-access-key": "0123456789abcdef",
		"review-webhook-secret": "0123456789abcdef", "review-allow-networks": "127.0.0.0/8", "review-handler-calls": "1", "review-room-reviews": "1",
		"chatlog-dir": "d", "chatlog-object-interval": "1s", "chatlog-object-size": "1MiB", "chatlog-event-interval": "1s", "outbox-limit": "1MiB",
		"master-key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "outbox-policy": "drop-oldest", "notice-webhook": "https://x.example", "notice-webhook-secret": "0123456789abcdef",
		"chatlog-destinations": "kind=s3,endpoint=aws", "quotas-for": "rooms=1",
		"tls-cert": "c", "tls-key": "k", "acme-domain": "chat.example.com", "acme-email": "ops@example.com", "acme-directory": "https://acme.example/dir",
		"metrics-tls-cert": "c", "metrics-tls-key": "k", "metrics-client-ca": "a", "cors-origins": "https://x.example",
		"roomlog": "nats://a", "roomlog-credentials": "c", "roomlog-tls-ca": "c", "roomlog-name": "n", "roomlog-replicas": "1",
		"roomlog-storage": "memory", "roomlog-limit": "1GiB", "roomlog-wait": "1s",
		"proxy-protocol": "true", "client-handshake-rate": "1", "client-connections": "1", "client-pending": "1",
	}
	// Those that are refused without others.
	with := map[string][]string{
		"tls-cert": {"tls-key"}, "tls-key": {"tls-cert"}, "acme-email": {"acme-domain"}, "proxy-protocol": {"trusted-proxies"},
		"roomlog": {"store"}, "roomlog-credentials": {"roomlog", "store"}, "roomlog-tls-ca": {"roomlog", "store"},
		"roomlog-name": {"roomlog", "store"}, "roomlog-replicas": {"roomlog", "store"}, "roomlog-storage": {"roomlog", "store"},
		"roomlog-limit": {"roomlog", "store"}, "roomlog-wait": {"roomlog", "store"},
		"metrics-tls-cert": {"metrics-tls-key", "metrics-listen"}, "metrics-tls-key": {"metrics-tls-cert", "metrics-listen"},
		"metrics-client-ca": {"metrics-tls-cert", "metrics-tls-key", "metrics-listen"},
		"access-key-id":     {"secret-access-key"}, "secret-access-key": {"access-key-id"},
		"review-lambda-access-key-id": {"review-lambda-secret-access-key"}, "review-lambda-secret-access-key": {"review-lambda-access-key-id"},
	}
	def := reflect.ValueOf(config.Default()).Elem()
	setBy := map[string]string{}
	for _, s := range config.Default().Settings() {
		value, ok := values[s.Name]
		if !ok {
			t.Errorf("this test has no value for %s", s.Name)
			continue
		}
		env := []string{variable(s.Name) + "=" + value}
		for _, other := range with[s.Name] {
			env = append(env, variable(other)+"="+values[other])
		}
		c, err := config.Load(nil, env)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		got, changed := reflect.ValueOf(c).Elem(), 0
		for i := range got.NumField() {
			name := got.Type().Field(i).Name
			if name == "Origins" || reflect.DeepEqual(got.Field(i).Interface(), def.Field(i).Interface()) {
				continue
			}
			changed++
			setBy[name] = s.Name
		}
		if want := 1 + len(with[s.Name]); changed != want {
			t.Errorf("%s changes %d fields, want %d", s.Name, changed, want)
		}
	}
	if len(setBy) != def.NumField()-1 {
		t.Errorf("fields that can be set: %v", setBy)
	}
}

func TestHelpShowsTypesAndDefaults(t *testing.T) {
	help := flags(t).FlagUsages()
	for _, want := range []string{"--listen host:port", `(default 127.0.0.1:7878)`, "--quotas default|aws|none", "--trusted-proxies CIDR,…", "--presigned ", "-c, --config"} {
		if !strings.Contains(help, want) {
			t.Errorf("help lacks %q:\n%s", want, help)
		}
	}
	c, err := config.Load(flags(t, "--allow-reserved-events"), nil)
	if err != nil || !c.AllowReservedEvents {
		t.Errorf("a boolean flag without a value: %v, %v", c, err)
	}
}

func TestReferencePageIsCurrent(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "configuration.md")
	if *update {
		if err := os.WriteFile(path, []byte(config.Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Reference(), string(page)); diff != "" {
		t.Errorf("docs/configuration.md is out of date; run go test ./internal/config -update\n%s", diff)
	}
	for _, s := range config.Default().Settings() {
		if !strings.Contains(config.Reference(), "| `"+s.Name+"` |") {
			t.Errorf("%s is not in the reference", s.Name)
		}
	}
	if t.Failed() {
		return
	}
	for line := range strings.Lines(config.Reference()) {
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") != 7 {
			t.Errorf("a row that is no row: %s", line)
		}
	}
}
