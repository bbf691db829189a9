package config

import (
	"fmt"
	"strings"
)

// Reference returns the page that documents every setting, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range settings() {
		flag := "none"
		if !s.flagless() {
			flag = "`--" + s.name + "`"
		}
		fallback := "none"
		if s.fallback != "" {
			fallback = "`" + s.fallback + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s | %s | %s |\n", s.name, flag, envName(s.name), s.kind, fallback, s.doc)
	}
	return b.String()
}

const referenceHead = `# Configuration

<!-- Made from the table in internal/config: go test ./internal/config -update -->

Nothing needs to be set. A value comes from, in this order: a flag, an environment variable, the settings file, the
default. Flags may be given as ` + "`--listen :7878` or `--listen=:7878`" + `, those of type true, false only as
` + "`--presigned=false`, or `--presigned` for true" + `. An environment variable that is empty counts as not set.

The file is YAML, named by ` + "`--config FILE` (`-c FILE`) or `PARLEY_CONFIG`" + `: one setting per line, by the names below.

` + "```yaml" + `
listen: 0.0.0.0:7878
data: /var/lib/parley
token-validity: 10m
trusted-proxies: [10.0.0.0/8]
review:
  handlers:
    arn:aws:lambda:*:*:function:words: builtin:wordlist?file=words.txt
    arn:aws:lambda:*: lambda+http://127.0.0.1:4566
  allow-networks: 127.0.0.0/8
chatlog:
  destinations:
    - kind: s3
      name: chat-*
      endpoint: http://127.0.0.1:9000
      path-style: true
      access-key-id-env: STORE_KEY_ID
      secret-access-key-env: STORE_SECRET
quotas-for:
  - {account: 123456789012, region: us-west-2, profile: aws, rooms: 100, api: {CreateRoom: 50}}
` + "```" + `

Settings that begin alike may stand together, as those of ` + "`review-…` and `chatlog-…`" + ` do here.

What nothing reads is an error: a name in the file or a ` + "`PARLEY_*`" + ` variable that is not below stops the server, which
names the nearest that is. (The variables that Kubernetes makes for a Service called ` + "`parley`" + ` are let be.) All mistakes are
reported at once. ` + "`parley config print`" + ` shows every value and where it came from.

Durations are numbers with a unit: ` + "`500ms`, `30s`, `5m`, `1h30m`" + `. Sizes are bytes, or have a unit: ` + "`64KiB`, `1MiB`" + `. Lists
are separated by commas; in the file they may be YAML lists, and a flag may be repeated. Maps are lines of a name and a
value or a list of values in the file, and elsewhere ` + "`NAME=VALUE|VALUE`" + ` with spaces between; their order counts. Rules
are a list of such lines in the file, and elsewhere ` + "`NAME=VALUE,NAME=VALUE`" + ` with spaces between; the first that matches counts. A
mapping in a rule is written with a dot elsewhere: ` + "`api.CreateRoom=50`" + `.

| Setting | Flag | Environment | Type | Default | Meaning |
| --- | --- | --- | --- | --- | --- |
`
