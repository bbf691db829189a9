package archtest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/parleychat/parley/"

// layers returns the packages from the top down. A package may import those of
// lower layers and, where no rule below forbids it, of its own. A path stands
// for what is under it too.
func layers() [][]string {
	return [][]string{
		{"cmd", "examples", "test", "bench"},
		{"ivschat/ivschattest"},
		{"internal/server"},
		{"internal/api", "internal/session", "internal/console"},
		{"internal/apitest", "internal/archtest", "internal/bench"},
		{"internal/chat", "internal/access", "internal/hub", "internal/review", "internal/chatlog", "internal/notice", "internal/policy", "internal/keys", "internal/metrics"},
		{"internal/roomlog", "internal/store", "internal/token", "internal/limit", "internal/config"},
		{"ivschat/messaging"},
		{"ivschat"},
		{"internal/sigv4", "internal/restjson", "internal/wsconn", "internal/webhook", "internal/edge", "internal/arn", "internal/id", "internal/principal"},
	}
}

// rule forbids packages to import others, directly, or at any distance if deep.
type rule struct {
	why     string
	of      []string // importers; nil for all
	except  []string // importers that may
	imports []string
	deep    bool
}

func rules() []rule {
	services := []string{"github.com/aws/aws-sdk-go-v2/service"}
	drivers := []string{"database/sql", "modernc.org/sqlite", "github.com/pressly/goose/v3", "github.com/jackc/pgx", "github.com/lib/pq"}
	prometheus := []string{"github.com/prometheus"}
	nats := []string{"github.com/nats-io"}
	doors := []string{module + "internal/api", module + "internal/session", module + "internal/console"}
	public := []string{module + "ivschat", module + "ivschat/messaging"}
	return []rule{
		{why: "only cmd and the in-process server for tests compose the server",
			except: []string{module + "cmd", module + "ivschat/ivschattest", module + "internal/server", module + "test", module + "examples"}, imports: []string{module + "internal/server"}},
		{why: "front doors take interfaces, not the service", of: doors, imports: []string{module + "internal/chat"}},
		{why: "front doors do not know each other", of: doors[:1], imports: slices.Delete(slices.Clone(doors), 0, 1)},
		{why: "front doors do not know each other", of: doors[1:2], imports: slices.Delete(slices.Clone(doors), 1, 2)},
		{why: "front doors do not know each other", of: doors[2:], imports: doors[:2]},
		{why: "the core decides and knows no door", of: []string{module + "internal/chat", module + "internal/hub", module + "internal/review"}, imports: doors, deep: true},
		{why: "seams do not know each other", of: []string{module + "internal/roomlog"}, imports: []string{module + "internal/store"}, deep: true},
		{why: "seams do not know each other", of: []string{module + "internal/store"}, imports: []string{module + "internal/roomlog"}, deep: true},
		{why: "only the store knows databases", except: []string{module + "internal/store"}, imports: drivers},
		{why: "only metrics knows Prometheus", except: []string{module + "internal/metrics"}, imports: prometheus},
		{why: "only natslog knows NATS", except: []string{module + "internal/roomlog/natslog"}, imports: nats},
		{why: "only review and destinations call AWS services",
			except: []string{module + "internal/review", module + "internal/chatlog", module + "internal/apitest/awssdk"}, imports: services},
		{why: "the load generator knows the service only as a client does", of: []string{module + "internal/bench"}, deep: true,
			imports: slices.Concat(doors, drivers, nats, services, []string{
				module + "internal/server", module + "internal/chat", module + "internal/hub", module + "internal/review",
				module + "internal/chatlog", module + "internal/policy", module + "internal/keys", module + "internal/roomlog",
				module + "internal/store", module + "internal/token", module + "internal/limit", module + "internal/config",
				module + "internal/wsconn", module + "internal/sigv4",
			})},
		{why: "the clients link no database, broker or AWS service", of: public,
			except: []string{module + "ivschat/ivschattest"}, imports: slices.Concat(drivers, nats, services, prometheus), deep: true},
		{why: "the clients need few packages of ours", of: public, except: []string{module + "ivschat/ivschattest"}, deep: true,
			imports: []string{
				module + "internal/server", module + "internal/api", module + "internal/session", module + "internal/console",
				module + "internal/chat", module + "internal/hub", module + "internal/review", module + "internal/chatlog",
				module + "internal/token", module + "internal/policy", module + "internal/limit", module + "internal/roomlog",
				module + "internal/store", module + "internal/principal", module + "internal/config", module + "internal/keys", module + "internal/metrics",
			}},
	}
}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// packages returns the module's packages, those of tests left out.
func packages(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	all := make(map[string]listed)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
	if _, ok := all[module+"ivschat"]; !ok {
		t.Fatalf("go list knows no %sivschat among %d packages", module, len(all))
	}
	return all
}

// within tells whether a package is one of the paths or under one.
func within(name string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") })
}

func TestRulesOfImports(t *testing.T) {
	all := packages(t)
	for _, r := range rules() {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if r.of != nil && !within(name, r.of) || within(name, r.except) {
				continue
			}
			imports := all[name].Imports
			if r.deep {
				imports = all[name].Deps
			}
			for _, i := range imports {
				if within(i, r.imports) && !within(i, []string{name}) {
					t.Errorf("%s imports %s: %s", name, i, r.why)
				}
			}
		}
	}
}

func TestImportsGoDown(t *testing.T) {
	all := packages(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		from, ok := layer(name)
		if !ok {
			t.Errorf("%s has no place among the layers", name)
			continue
		}
		for _, i := range all[name].Imports {
			if to, ok := layer(i); ok && to < from {
				t.Errorf("%s imports %s, which is above it", name, i)
			}
		}
	}
}

// layer returns the depth of a package's layer; the longest path that fits counts.
func layer(name string) (depth int, ok bool) {
	rest, ours := strings.CutPrefix(name, module)
	if !ours {
		return 0, false
	}
	for p := rest; p != "."; p = path.Dir(p) {
		for depth, names := range layers() {
			if slices.Contains(names, p) {
				return depth, true
			}
		}
	}
	return 0, false
}

// The rules themselves: a slip in a path would let everything pass.
func TestRulesForbid(t *testing.T) {
	for _, r := range rules() {
		if r.why == "" || len(r.imports) == 0 || len(r.of) == 0 && len(r.except) == 0 {
			t.Errorf("rule %+v says nothing", r)
		}
	}
	for _, tt := range []struct {
		name  string
		paths []string
		want  bool
	}{
		{module + "internal/store", []string{module + "internal/store"}, true},
		{module + "internal/store/migrations", []string{module + "internal/store"}, true},
		{module + "internal/storetest", []string{module + "internal/store"}, false},
		{"github.com/aws/aws-sdk-go-v2/service/ivschat", []string{"github.com/aws/aws-sdk-go-v2/service"}, true},
	} {
		if got := within(tt.name, tt.paths); got != tt.want {
			t.Errorf("within(%s, %v) is %t", tt.name, tt.paths, got)
		}
	}
	top, _ := layer(module + "cmd/parley")
	messaging, _ := layer(module + "ivschat/messaging")
	ivschat, _ := layer(module + "ivschat")
	if !(top < messaging && messaging < ivschat) {
		t.Errorf("layers: cmd/parley %d, messaging %d, ivschat %d", top, messaging, ivschat)
	}
}
