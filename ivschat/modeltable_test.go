package ivschat

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testdata/model.txt holds the facts of the published model that the tests of
// this package need. -update rewrites it from the model itself.
var update = flag.Bool("update", false, "rewrite testdata/model.txt from the published model")

// bounds of a length or a value; the model may give none.
type bounds struct {
	set         bool
	least, most int
}

func (b bounds) contain(n int) bool { return !b.set || b.least <= n && n <= b.most }

type modelMember struct {
	name, shape, location string // location is "body", "uri" or "querystring"
	required              bool
}

type modelShape struct {
	kind       string // string, enum, integer, timestamp, list, map, structure, union, error
	name       string
	bounds     bounds
	pattern    string
	values     []string // of an enum
	key, value string   // of a map; value also of a list
	status     int      // of an error
	members    []modelMember
}

type modelOperation struct {
	name, method, path string
	status             int
	idempotent         bool
	input, output      string // "-" for none
	errors             []string
}

type modelTable struct {
	operations map[string]modelOperation
	shapes     map[string]modelShape
}

func readModelTable(t *testing.T) modelTable {
	t.Helper()
	text, err := os.ReadFile("testdata/model.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := modelTable{operations: make(map[string]modelOperation), shapes: make(map[string]modelShape)}
	var last string
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case strings.HasPrefix(line, "\t"):
			s := table.shapes[last]
			s.members = append(s.members, modelMember{name: words[0], shape: words[1], location: words[2], required: words[3] == "required"})
			table.shapes[last] = s
		case words[0] == "operation":
			op := modelOperation{name: words[1], method: words[2], path: words[3], status: number(t, words[4]),
				idempotent: words[5] == "idempotent", input: words[6], output: words[7], errors: words[8:]}
			table.operations[op.name] = op
		default:
			last = words[1]
			table.shapes[last] = parseShape(t, words)
		}
	}
	return table
}

func parseShape(t *testing.T, words []string) modelShape {
	t.Helper()
	s := modelShape{kind: words[0], name: words[1]}
	rest := words[2:]
	switch s.kind {
	case "enum":
		s.values = rest
	case "error":
		s.status = number(t, rest[0])
	case "list":
		s.value, s.bounds = rest[0], parseBounds(t, rest[1])
	case "map":
		s.key, s.value, s.bounds = rest[0], rest[1], parseBounds(t, rest[2])
	case "integer":
		s.bounds = parseBounds(t, rest[0])
	case "string":
		s.bounds = parseBounds(t, rest[0])
		s.pattern = strings.Join(rest[1:], " ")
	}
	return s
}

func parseBounds(t *testing.T, text string) bounds {
	t.Helper()
	least, most, ok := strings.Cut(text, "..")
	if !ok {
		return bounds{}
	}
	return bounds{set: true, least: number(t, least), most: number(t, most)}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// publishedModel is the part of the model's file that the table is made of.
type publishedModel struct {
	Operations map[string]struct {
		HTTP struct {
			Method       string
			RequestURI   string
			ResponseCode int
		}
		Idempotent bool
		Input      *struct{ Shape string }
		Output     *struct{ Shape string }
		Errors     []struct{ Shape string }
	}
	Shapes map[string]struct {
		Type     string
		Min, Max *int
		Pattern  string
		Enum     []string
		Required []string
		Union    bool
		Error    *struct{ HTTPStatusCode int }
		Fault    bool
		Member   struct{ Shape string }
		Key      struct{ Shape string }
		Value    struct{ Shape string }
		Members  map[string]struct{ Shape, Location, LocationName string }
	}
}

// modelText returns the table of a published model.
func modelText(t *testing.T, published []byte) string {
	t.Helper()
	var m publishedModel
	if err := json.Unmarshal(published, &m); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintln(&b, "# Facts of the published model of IVS Chat, API version 2020-07-14.")
	fmt.Fprintln(&b, "# operation name method path status idempotency input output errors…")
	for _, name := range slices.Sorted(maps.Keys(m.Operations)) {
		op := m.Operations[name]
		idempotency, in, out := "once", "-", "-"
		if op.Idempotent {
			idempotency = "idempotent"
		}
		if op.Input != nil {
			in = op.Input.Shape
		}
		if op.Output != nil {
			out = op.Output.Shape
		}
		fmt.Fprintf(&b, "operation %s %s %s %d %s %s %s", name, op.HTTP.Method, op.HTTP.RequestURI, op.HTTP.ResponseCode, idempotency, in, out)
		for _, e := range op.Errors {
			fmt.Fprintf(&b, " %s", e.Shape)
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintln(&b, "# shapes, with lengths or values; structures with members: name shape location presence")
	for _, name := range slices.Sorted(maps.Keys(m.Shapes)) {
		s := m.Shapes[name]
		limits := "any"
		if s.Min != nil && s.Max != nil {
			limits = fmt.Sprintf("%d..%d", *s.Min, *s.Max)
		} else if s.Min != nil || s.Max != nil {
			t.Fatalf("shape %s has one bound only", name)
		}
		switch {
		case s.Type == "structure" && s.Error != nil:
			fmt.Fprintf(&b, "error %s %d\n", name, s.Error.HTTPStatusCode)
		case s.Union:
			fmt.Fprintf(&b, "union %s\n", name)
		case len(s.Enum) > 0:
			fmt.Fprintf(&b, "enum %s %s\n", name, strings.Join(s.Enum, " "))
		case s.Type == "list":
			fmt.Fprintf(&b, "list %s %s %s\n", name, s.Member.Shape, limits)
		case s.Type == "map":
			fmt.Fprintf(&b, "map %s %s %s %s\n", name, s.Key.Shape, s.Value.Shape, limits)
		case s.Type == "string" || s.Type == "integer":
			fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.Type, name, limits, s.Pattern)))
		default:
			fmt.Fprintf(&b, "%s %s\n", s.Type, name)
		}
		for _, member := range slices.Sorted(maps.Keys(s.Members)) {
			at, location, presence := s.Members[member], "body", "optional"
			if at.Location != "" {
				location = at.Location
			}
			if slices.Contains(s.Required, member) {
				presence = "required"
			}
			fmt.Fprintf(&b, "\t%s %s %s %s\n", member, at.Shape, location, presence)
		}
	}
	return b.String()
}

func TestModelTableIsThePublishedModel(t *testing.T) {
	root, err := filepath.Abs("..") // the package sits one below go.mod
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "..", "shared", "spec", "ivschat-2020-07-14.model.json")
	published, err := os.ReadFile(name)
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skip("THE PUBLISHED MODEL IS NOT AT HAND: testdata/model.txt is not compared with it")
	}
	if err != nil {
		t.Fatal(err)
	}
	want := modelText(t, published)
	if *update {
		if err := os.WriteFile("testdata/model.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("testdata/model.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("testdata/model.txt differs from the published model (-published +table; -update rewrites it):\n%s", diff)
	}
}
