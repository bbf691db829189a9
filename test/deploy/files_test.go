//go:build deploy

package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
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

func TestSystemd(t *testing.T) {
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
