//go:build deploy

package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// starts holds a command line of parley to the settings that there are.
func starts(t *testing.T, args []string, env ...string) {
	t.Helper()
	if len(args) == 0 || args[0] != "serve" {
		t.Fatalf("%q does not serve", args)
	}
	check := exec.Command(os.Getenv("TEST_PARLEY_BINARY"), append([]string{"config", "check"}, args[1:]...)...)
	check.Env = append(os.Environ(), env...)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("parley %q, %q: %v\n%s", args, env, err, out)
	}
}

// checkWhole holds the settings of nodes that come with their NATS servers and
// PostgreSQL against what Parley takes, and those of the servers against theirs.
func checkWhole(t *testing.T, list []map[string]any) {
	t.Helper()
	sets := map[string]bool{}
	for _, m := range list {
		name := m["metadata"].(map[string]any)["name"].(string)
		if m["kind"] == "ConfigMap" && name == "chat-nats" {
			checkNATS(t, m["data"].(map[string]any)["nats.conf"].(string))
		}
		if m["kind"] != "StatefulSet" {
			continue
		}
		sets[name] = true
		if name != "chat" {
			continue
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var of struct {
			Spec struct {
				Template struct {
					Spec struct {
						Containers []struct {
							Env []struct{ Name, Value string }
						}
					}
				}
			}
		}
		if err := json.Unmarshal(text, &of); err != nil {
			t.Fatal(err)
		}
		env := os.Environ()
		for _, e := range of.Spec.Template.Spec.Containers[0].Env {
			env = append(env, e.Name+"="+strings.NewReplacer("$(POSTGRES_PASSWORD)", "canary", "$(NATS_PASSWORD)", "canary").Replace(e.Value))
		}
		cmd := exec.Command(os.Getenv("TEST_PARLEY_BINARY"), "config", "print")
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "canary") || strings.Count(string(out), "@chat-nats-") != 3 || !strings.Contains(string(out), "@chat-postgresql/parley") {
			t.Errorf("the nodes' settings: %v\n%s", err, out)
		}
	}
	if len(sets) != 3 {
		t.Errorf("there are the stateful sets %v", sets)
	}
}

// checkNATS has a NATS server, where there is one, read its configuration.
func checkNATS(t *testing.T, text string) {
	t.Helper()
	server := os.Getenv("TEST_NATS_SERVER")
	if server == "" {
		t.Error("TEST_NATS_SERVER is not set; run test/deploy/run.sh")
		return
	}
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, "-t", "-c", path)
	cmd.Env = append(os.Environ(), "NATS_PASSWORD=secret")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("nats-server -t: %v\n%s\n%s", err, out, text)
	}
}

func TestNATS(t *testing.T) {
	for _, name := range []string{"compose/nats.conf", "systemd/nats.conf"} {
		text, err := os.ReadFile(filepath.Join("../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		checkNATS(t, string(text))
	}
}

func TestCompose(t *testing.T) {
	text, err := os.ReadFile("../../deploy/compose/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var of struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal(text, &of); err != nil {
		t.Fatal(err)
	}
	nodes := 0
	for name, s := range of.Services {
		if s.Image != "parley" {
			continue
		}
		nodes++
		cmd := exec.Command(os.Getenv("TEST_PARLEY_BINARY"), append([]string{"config", "check"}, s.Command[1:]...)...)
		cmd.Env = os.Environ()
		for variable, value := range s.Environment {
			filled := regexp.MustCompile(`\$\{\w+(:\?)?\}`).ReplaceAllString(value, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")
			if variable == "PARLEY_MASTER_KEY" {
				filled += "="
			}
			cmd.Env = append(cmd.Env, variable+"="+filled)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if nodes != 3 {
		t.Errorf("there are %d nodes", nodes)
	}
}

func TestSystemd(t *testing.T) {
	nats := file(t, "systemd/nats-server.service", "/usr/local/bin/nats-server", os.Getenv("TEST_NATS_SERVER"))
	if out := output(t, "systemd-analyze", "verify", nats); strings.Contains(out, "nats-server.service") {
		t.Errorf("systemd-analyze verify says:\n%s", out)
	}
	unit := file(t, "systemd/parley.service", "/usr/local/bin/parley", os.Getenv("TEST_PARLEY_BINARY"))
	if out := output(t, "systemd-analyze", "verify", unit); strings.Contains(out, "parley.service") {
		t.Errorf("systemd-analyze verify says:\n%s", out)
	}
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if run, ok := strings.CutPrefix(line, "ExecStart="); ok {
			starts(t, strings.Fields(run)[1:])
		}
	}
}

const chart = "../../deploy/helm/parley"

// manifests are what the chart makes of the values.
func manifests(t *testing.T, set ...string) (list []map[string]any) {
	t.Helper()
	args := []string{"template", "chat", chart}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	for _, text := range strings.Split(output(t, "helm", args...), "\n---") {
		var m map[string]any
		if err := yaml.Unmarshal([]byte(strings.TrimPrefix(text, "---")), &m); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if m != nil {
			list = append(list, m)
		}
	}
	return list
}

func TestHelm(t *testing.T) {
	output(t, "helm", "lint", "--strict", chart)
	kinds := func(list []map[string]any) (kinds []string) {
		for _, m := range list {
			kinds = append(kinds, m["kind"].(string))
		}
		slices.Sort(kinds)
		return slices.Compact(kinds)
	}
	one := manifests(t)
	if got := kinds(one); !slices.Equal(got, []string{"ConfigMap", "Service", "StatefulSet"}) {
		t.Errorf("a single node is %v", got)
	}
	three := manifests(t, "replicas=3", "cluster.enabled=true", "existingSecret=chat", "ingress.enabled=true", "ingress.hosts={chat.example.com}",
		"metrics.serviceMonitor=true", "ingress.tls[0].secretName=tls")
	if got := kinds(three); !slices.Equal(got, []string{"ConfigMap", "Ingress", "PodDisruptionBudget", "Service", "ServiceMonitor", "StatefulSet"}) {
		t.Errorf("a cluster is %v", got)
	}
	whole := manifests(t, "replicas=3", "cluster.enabled=true", "cluster.installNATS=true", "cluster.installPostgreSQL=true", "existingSecret=chat")
	if got := kinds(whole); !slices.Equal(got, []string{"ConfigMap", "PodDisruptionBudget", "Service", "StatefulSet"}) {
		t.Errorf("a whole cluster is %v", got)
	}
	checkWhole(t, whole)
	for _, list := range [][]map[string]any{one, three} {
		settings, args := "", []string{}
		for _, m := range list {
			var of struct {
				Data map[string]string
				Spec struct {
					Template struct {
						Spec struct{ Containers []struct{ Args []string } }
					}
				}
			}
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &of); err != nil {
				continue // another kind's spec
			}
			switch m["kind"] {
			case "ConfigMap":
				settings = of.Data["parley.yaml"]
			case "StatefulSet":
				args = of.Spec.Template.Spec.Containers[0].Args
			}
		}
		path := filepath.Join(t.TempDir(), "parley.yaml")
		if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		for i := range args {
			if strings.HasPrefix(args[i], "--config=") {
				args[i] = "--config=" + path
			}
		}
		starts(t, args)
	}
	for _, bad := range [][]string{{"replicas=3"}, {"replicas=3", "cluster.enabled=true"}} {
		args := []string{"template", "chat", chart}
		for _, s := range bad {
			args = append(args, "--set", s)
		}
		if out, err := exec.Command("helm", args...).CombinedOutput(); err == nil {
			t.Errorf("%v is taken:\n%s", bad, out)
		}
	}
}
