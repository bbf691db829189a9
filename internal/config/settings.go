package config

import (
	"net/netip"
	"time"

	"github.com/parleychat/parley/internal/limit"
)

// setting is a row of the table: a kind of value bound to its place in Config.
type setting struct {
	name     string
	kind     string
	fallback string // the default, as a user would write it
	doc      string
	secret   bool // never a flag, never shown
	parse    func(*Config, string) error
	format   func(*Config) string
	check    func(*Config) error
}

func row[T any](name string, at func(*Config) *T, k kind[T], fallback, doc string) setting {
	return setting{
		name: name, kind: k.name, fallback: fallback, doc: doc, secret: k.secret,
		parse: func(c *Config, text string) error {
			value, err := k.read(text)
			if err != nil {
				return err
			}
			*at(c) = value
			return nil
		},
		format: func(c *Config) string { return k.format(*at(c)) },
		check:  func(c *Config) error { return k.verify(*at(c)) },
	}
}

// settings is the table. Its order is that of the reference page.
func settings() []setting {
	return []setting{
		row("data", func(c *Config) *string { return &c.Data }, text("path", required), "./parley-data",
			"Directory of everything the server keeps: database, access key, master key. Made, for its owner alone, if missing."),
		row("store", func(c *Config) *ServiceURL { return &c.Store }, database(), "",
			"URL of a PostgreSQL database (`postgres://user@host/database`) to keep resources in, which several servers may share, instead of a file under `data`. The password belongs in `PGPASSWORD`, a password file or this setting's variable, not on a command line. See [operations](operations.md#postgresql)."),
		row("roomlog", func(c *Config) *[]ServiceURL { return &c.Roomlog }, list(broker()), "",
			"URLs of NATS servers with JetStream (`nats://` or `tls://`), all of one cluster, that keep the room logs of several nodes. Needs `store`. See [operations](operations.md#several-nodes)."),
		row("roomlog-credentials", func(c *Config) *string { return &c.RoomlogCredentials }, text("path", anything), "",
			"Credentials file (`.creds`) for NATS."),
		row("roomlog-tls-ca", func(c *Config) *string { return &c.RoomlogTLSCA }, text("path", anything), "",
			"PEM file of the authorities of the NATS servers' certificates, if not the system's."),
		row("roomlog-name", func(c *Config) *string { return &c.RoomlogName }, text("name", streamName), "parley",
			"Name of the stream, which begins its subjects: one for each cluster that uses the same NATS account."),
		row("roomlog-replicas", func(c *Config) *int { return &c.RoomlogReplicas }, number(0, 5), "0",
			"On how many NATS servers each entry is stored before it counts; 0 is 3, or 1 if `roomlog` names one server."),
		row("roomlog-storage", func(c *Config) *string { return &c.RoomlogStorage }, enum("file", "memory"), "file",
			"Where NATS keeps entries. In `memory` no room can be logged: what a logged room sends is refused."),
		row("roomlog-limit", func(c *Config) *Size { return &c.RoomlogLimit }, size(16*MiB, 1024*GiB), "4GiB",
			"Most bytes of the stream on each NATS server. Entries leave after two minutes, those of logged rooms once they are in the outbox too; full, it refuses what is sent."),
		row("roomlog-wait", func(c *Config) *time.Duration { return &c.RoomlogWait }, duration(100*time.Millisecond, 30*time.Second), "5s",
			"How long what is sent waits for the NATS servers, who may be electing a leader, before ERROR 500."),
		row("listen", func(c *Config) *string { return &c.Listen }, text("host:port", address), "127.0.0.1:7878",
			"Where to listen, for both the control plane and messaging. Port 0 takes a free one; `:7878` listens on all interfaces."),
		row("metrics-listen", func(c *Config) *string { return &c.MetricsListen }, text("host:port", optional(address)), "",
			"Where to serve metrics for Prometheus, at `/metrics`; nowhere if not set. Needs no credentials without `metrics-client-ca`, so not a public address."),
		row("public-url", func(c *Config) *string { return &c.PublicURL }, text("URL", webURL), "",
			"How clients reach the server, if not at `listen`; used in what is printed, never to route."),
		row("ready-file", func(c *Config) *string { return &c.ReadyFile }, text("path", anything), "",
			"File to write, as JSON, once the server listens. For scripts that wait on it."),

		row("master-key", func(c *Config) *Secret { return &c.MasterKey }, secretKind(), "",
			"Key that seals the secrets in the database: 32 random bytes in base64. Without one it is kept in the file `master-key` under `data`. Not a flag."),
		row("tls-cert", func(c *Config) *string { return &c.TLSCert }, text("path", anything), "",
			"PEM file of the certificate, its chain after it, to serve TLS with on `listen`; read again within seconds of a change. Needs `tls-key`."),
		row("tls-key", func(c *Config) *string { return &c.TLSKey }, text("path", anything), "",
			"PEM file of its private key."),
		row("acme-domain", func(c *Config) *[]string { return &c.ACMEDomains }, list(text("domain", domain)), "",
			"Domains to serve TLS for with certificates that `acme-directory` gives and renews; port 443 of each must lead to `listen`. Agrees to the authority's terms. Kept in `acme` under `data`. Instead of `tls-cert`."),
		row("acme-email", func(c *Config) *string { return &c.ACMEEmail }, text("address", optional(email)), "",
			"Where the authority may write about the certificates."),
		row("acme-directory", func(c *Config) *string { return &c.ACMEDirectory }, text("URL", secureURL), "https://acme-v02.api.letsencrypt.org/directory",
			"Directory of the ACME authority."),
		row("metrics-tls-cert", func(c *Config) *string { return &c.MetricsTLSCert }, text("path", anything), "",
			"PEM file of the certificate to serve TLS with on `metrics-listen`; read again as that of `tls-cert`. Needs `metrics-tls-key`."),
		row("metrics-tls-key", func(c *Config) *string { return &c.MetricsTLSKey }, text("path", anything), "",
			"PEM file of its private key."),
		row("metrics-client-ca", func(c *Config) *string { return &c.MetricsClientCA }, text("path", anything), "",
			"PEM file of authorities; who asks for metrics must then show a certificate of one of them."),
		row("cors-origins", func(c *Config) *[]string { return &c.CORSOrigins }, list(text("origin", origin)), "",
			"Origins whose web pages may call the control plane, exactly as browsers send them. A page that can do so holds credentials: for consoles of your own, not for viewers."),

		row("account-id", func(c *Config) *string { return &c.AccountID }, text("account", account), "000000000000",
			"Account of the access key: 12 digits, part of every ARN."),
		row("access-key-id", func(c *Config) *string { return &c.AccessKeyID }, text("access key id", accessKeyID), "",
			"Access key to use instead of the one kept under `data`. Needs `secret-access-key`. Not a flag, as the two belong together."),
		row("secret-access-key", func(c *Config) *Secret { return &c.SecretAccessKey }, secretKind(), "",
			"Its secret, 16 to 128 characters. Not a flag: command lines are seen by everyone on the machine."),
		row("pending-accounts", func(c *Config) *[]string { return &c.PendingAccounts }, list(text("account", account)), "",
			"Accounts to suspend: what they create, update, delete, issue or send is answered with PendingVerification."),
		row("region", func(c *Config) *string { return &c.Region }, text("region", region), "us-west-2",
			"Region where one is needed and no request names it."),
		row("regions", func(c *Config) *[]string { return &c.Regions }, list(text("region", region)), "",
			"Regions that signatures may be scoped to; none listed accepts any. Rooms of one region are not seen from another."),
		row("presigned", func(c *Config) *bool { return &c.Presigned }, boolean(), "true",
			"Serve requests signed in their query (presigned URLs)."),
		row("clock-skew", func(c *Config) *time.Duration { return &c.ClockSkew }, duration(time.Second, 15*time.Minute), "5m",
			"How far a signature's time may be from the server's."),
		row("trusted-proxies", prefixes, list(network()), "",
			"Proxies whose X-Forwarded-For and X-Forwarded-Host are believed."),
		row("proxy-protocol", func(c *Config) *bool { return &c.ProxyProtocol }, boolean(), "false",
			"Whether connections from `trusted-proxies` may begin with the PROXY protocol, version 1 or 2, whose source is then the client."),

		row("quotas", func(c *Config) *string { return &c.Quotas }, quotaProfiles(), "default",
			"Quota profile: `default` has field limits, room rates and object quotas; `aws` every quota of IVS Chat; `none` lifts what can be lifted."),
		row("quotas-for", func(c *Config) *[]limit.Rule { return &c.QuotasFor }, quotaRules(), "",
			"Limits of the accounts and regions that patterns match, where they differ from `quotas`; the first rule that matches counts. See [quotas](quotas.md)."),
		row("max-body", func(c *Config) *Size { return &c.MaxBody }, size(16*KiB, 16*MiB), "256KiB",
			"Largest body of a control-plane request; beyond it, 413."),
		row("token-validity", func(c *Config) *time.Duration { return &c.TokenValidity }, duration(5*time.Second, 180*time.Minute), "60s",
			"How long a chat token can open a connection. The official JavaScript SDK connects anew before it is over, so longer means fewer handshakes."),
		row("event-attributes-limit", func(c *Config) *Size { return &c.EventAttributesLimit }, size(1*KiB, 64*KiB), "4KiB",
			"Most bytes, keys and values together, of the attributes of SendEvent."),
		row("allow-reserved-events", func(c *Config) *bool { return &c.AllowReservedEvents }, boolean(), "false",
			"Let SendEvent use names that begin with `aws:`."),

		row("review-handlers", func(c *Config) *[]Route { return &c.ReviewHandlers }, routes(), "",
			"Which endpoints review messages for the functions whose ARN a pattern matches; see [message review](review.md)."),
		row("review-unresolved", func(c *Config) *string { return &c.ReviewUnresolved }, enum("refuse", "accept"), "refuse",
			"Whether rooms may have handlers that nothing here resolves; they count as failed, message by message. `parley dev` accepts them unless told."),
		row("review-timeout", func(c *Config) *time.Duration { return &c.ReviewTimeout }, duration(10*time.Millisecond, 10*time.Second), "200ms",
			"How long the review of a message may take before the handler's fallback result decides."),
		row("review-lambda-endpoint", func(c *Config) *string { return &c.ReviewLambdaEndpoint }, text("aws or URL", lambdaEndpoint), "",
			"Lambda that functions are called at which `review-handlers` does not name: `aws` is AWS's own in the function's region."),
		row("review-lambda-access-key-id", func(c *Config) *string { return &c.ReviewLambdaAccessKeyID }, text("access key id", accessKeyID), "",
			"Access key that signs calls of Lambda. Without one `review-lambda-endpoint` is called with the credentials that AWS's tools find. Not a flag."),
		row("review-lambda-secret-access-key", func(c *Config) *Secret { return &c.ReviewLambdaSecretAccessKey }, secretKind(), "",
			"Its secret. Not a flag."),
		row("review-webhook-secret", func(c *Config) *Secret { return &c.ReviewWebhookSecret }, secretKind(), "",
			"Secret that webhooks are signed with, as `whsec_` and base64 or as it is; without one they are not signed. Not a flag."),
		row("review-allow-networks", func(c *Config) *[]netip.Prefix { return &c.ReviewAllowNetworks }, list(network()), "",
			"Addresses that handlers may be called at although they are not public. `parley dev` allows loopback unless told."),
		row("review-handler-calls", func(c *Config) *int { return &c.ReviewHandlerCalls }, number(1, 10_000), "64",
			"Most calls under way to one endpoint for one function; a review beyond it fails at once."),
		row("review-room-reviews", func(c *Config) *int { return &c.ReviewRoomReviews }, number(1, 10_000), "32",
			"Most reviews under way in one room; one beyond it fails at once."),

		row("chatlog-dir", func(c *Config) *string { return &c.ChatlogDir }, text("path", anything), "",
			"Directory of the chat logs of destinations that `chatlog-destinations` does not name; `chatlogs` under `data` if not set."),
		row("chatlog-object-interval", func(c *Config) *time.Duration { return &c.ChatlogObjectInterval }, duration(100*time.Millisecond, time.Hour), "5m",
			"How long records wait for others to make up an S3 object."),
		row("chatlog-object-size", func(c *Config) *Size { return &c.ChatlogObjectSize }, size(1*MiB, 64*MiB), "8MiB",
			"Most bytes of records, before compression, in one S3 object; a room that has so many does not wait."),
		row("chatlog-event-interval", func(c *Config) *time.Duration { return &c.ChatlogEventInterval }, duration(10*time.Millisecond, time.Hour), "10s",
			"How long records wait for others to go to CloudWatch Logs or Firehose with."),
		row("outbox-limit", func(c *Config) *Size { return &c.OutboxLimit }, size(1*MiB, 1024*GiB), "1GiB",
			"Most bytes of chat log records that wait for their destinations; past it, `outbox-policy` decides."),
		row("outbox-policy", func(c *Config) *string { return &c.OutboxPolicy }, enum("refuse", "drop-oldest"), "refuse",
			"What happens past `outbox-limit`: messages and events of logged rooms are refused, or the oldest records are dropped and counted."),
		row("notice-webhook", func(c *Config) *string { return &c.NoticeWebhook }, text("URL", webURL), "",
			"URL that gets a POST when a destination of chat logs begins to fail and when it takes records again. See [chat logging](chat-logging.md)."),
		row("notice-webhook-secret", func(c *Config) *Secret { return &c.NoticeWebhookSecret }, secretKind(), "",
			"Secret that notices are signed with, as `whsec_` and base64 or as it is; without one they are not signed. Not a flag."),
		row("chatlog-destinations", func(c *Config) *[]Destination { return &c.ChatlogDestinations }, destinations(), "",
			"What stands for the buckets, log groups and delivery streams of logging configurations; the first rule that matches counts. See [chat logging](chat-logging.md)."),

		row("handshake-rate", func(c *Config) *int { return &c.HandshakeRate }, number(0, 1_000_000), "0",
			"Most WebSocket handshakes per second on this node; beyond it, 503. 0 is no limit."),
		row("max-connections", func(c *Config) *int { return &c.MaxConnections }, number(0, 10_000_000), "0",
			"Most connections on this node; beyond it, 429. 0 leaves it to the quotas."),
		row("client-handshake-rate", func(c *Config) *int { return &c.ClientHandshakeRate }, number(0, 1_000_000), "0",
			"Most WebSocket handshakes per second from one client address (of IPv6, one /64), whatever comes of them; beyond it, 429. 0 is no limit: many viewers may share an address."),
		row("client-pending", func(c *Config) *int { return &c.ClientPending }, number(0, 1_000_000), "0",
			"Most connections from one client address (of IPv6, one /64) that have not sent their first request; beyond it, they are closed. Those of `trusted-proxies` are not counted. 0 is no limit; each has 5 s to send it anyway."),
		row("client-connections", func(c *Config) *int { return &c.ClientConnections }, number(0, 10_000_000), "0",
			"Most connections from one client address (of IPv6, one /64) on this node; beyond it, 429. 0 is no limit."),
		row("max-frame", func(c *Config) *Size { return &c.MaxFrame }, size(8*KiB, 1*MiB), "16KiB",
			"Largest message a client may send over its connection, in all fragments; beyond it, close 1009."),
		row("send-queue", func(c *Config) *Size { return &c.SendQueue }, size(16*KiB, 64*MiB), "256KiB",
			"Most bytes that wait for one slow viewer before its connection is closed."),
		row("send-buffer", func(c *Config) *Size { return &c.SendBuffer }, size(4*KiB, 16*MiB), "64KiB",
			"Send buffer asked of the kernel for each connection."),
		row("fanout-window", func(c *Config) *time.Duration { return &c.FanoutWindow }, duration(0, time.Second), "16ms",
			"How long the messages of a busy room may wait for each other to share a write to each viewer; beyond 2,000 viewers longer, in proportion, up to ten times. 0s never waits; a quiet room never does."),
		row("reader", func(c *Config) *string { return &c.Reader }, enum("auto", "goroutine"), "auto",
			"What waits for the bytes of a connection: `auto` is epoll where there is one, which saves memory; `goroutine` is one for each connection."),
		row("ping-interval", func(c *Config) *time.Duration { return &c.PingInterval }, duration(time.Second, time.Hour), "30s",
			"How often each connection is pinged."),
		row("pong-timeout", func(c *Config) *time.Duration { return &c.PongTimeout }, duration(time.Second, time.Hour), "10s",
			"How long after a ping a silent connection is dropped. At most `ping-interval`."),
		row("expiry-grace", func(c *Config) *time.Duration { return &c.ExpiryGrace }, duration(10*time.Millisecond, time.Minute), "3s",
			"How long a connection stays open after its session expired and was told so."),

		row("drain-delay", func(c *Config) *time.Duration { return &c.DrainDelay }, duration(0, 10*time.Minute), "0s",
			"How long to go on serving after SIGTERM, not ready any more, so that load balancers look elsewhere first."),
		row("drain-timeout", func(c *Config) *time.Duration { return &c.DrainTimeout }, duration(0, time.Hour), "30s",
			"How long to take for moving connections away, in batches, before what is left is cut."),

		row("log-level", levelOf, level(), "info", "Least severe log records to write."),
		row("log-format", func(c *Config) *string { return &c.LogFormat }, enum("auto", "text", "json"), "auto",
			"Form of the log on stderr; `auto` is text on a terminal, JSON otherwise."),
		row("banner", func(c *Config) *string { return &c.Banner }, enum("auto", "plain", "json", "none"), "auto",
			"What to print on stdout before the ready line; `auto` greets on a terminal, elsewhere only if it made an access key just now."),
	}
}
