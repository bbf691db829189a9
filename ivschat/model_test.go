package ivschat

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Where the shapes differ from the model on purpose.
const (
	// The model's pattern for the tag operations' ARN matches no real ARN
	// (spec: control-plane.md §1.2).
	realResourceArn = `arn:aws:ivschat:[a-z0-9-]+:[0-9]+:(room|logging-configuration)/[a-zA-Z0-9-]+`
	// The model leaves out the general rules on the characters of tags
	// (spec: control-plane.md §4.5).
	tagCharacters = `[\p{L}\p{M}\p{Nd}\p{Zs}+\-=._:/@]*`
)

// deviations by Go enumeration: constants that the model does not list.
func extraConstants() map[string][]string {
	return map[string][]string{
		"ResourceType": {"LOGGING_CONFIGURATION"}, // spec: control-plane.md §5
	}
}

func TestModelDeviationsAreStillNeeded(t *testing.T) {
	table := readModelTable(t)
	room := "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	if matches(table.shapes["ResourceArn"].pattern, room) {
		t.Error("the model's ResourceArn pattern matches a room ARN now: drop realResourceArn")
	}
	if table.shapes["TagKey"].pattern != "" {
		t.Error("the model has a pattern for TagKey now: drop tagCharacters")
	}
	for name, extra := range extraConstants() {
		for _, value := range extra {
			if slices.Contains(table.shapes[name].values, value) {
				t.Errorf("the model lists %s %s now", name, value)
			}
		}
	}
}

func TestOperationsAreTheModels(t *testing.T) {
	table := readModelTable(t)
	rows := make(map[string]Operation)
	for _, op := range Operations() {
		rows[op.Name] = op
	}
	api := reflect.TypeFor[API]()
	if api.NumMethod() != len(table.operations) || len(rows) != len(table.operations) {
		t.Errorf("the model has %d operations, API %d methods, Operations %d rows", len(table.operations), api.NumMethod(), len(rows))
	}
	for name, want := range table.operations {
		got := rows[name]
		if got.Method != want.method || got.Path != want.path || got.Status != want.status || got.Idempotent != want.idempotent {
			t.Errorf("%s: row is %+v, model says %+v", name, got, want)
		}
		_, paged := table.shapes[want.output].member("nextToken")
		if got.Paginated != paged {
			t.Errorf("%s: Paginated is %t", name, got.Paginated)
		}
		method, ok := api.MethodByName(name)
		if !ok {
			t.Errorf("API has no method %s", name)
			continue
		}
		if in := method.Type.In(1); in != reflect.TypeOf(newInput(name)) {
			t.Errorf("%s takes %v, its input is %T", name, in, newInput(name))
		}
		compareShapes(t, table, name+" input", want.input, method.Type.In(1).Elem())
		compareShapes(t, table, name+" output", want.output, method.Type.Out(0).Elem())
	}
}

func (s modelShape) member(name string) (modelMember, bool) {
	for _, m := range s.members {
		if m.name == name {
			return m, true
		}
	}
	return modelMember{}, false
}

// compareShapes fails for every member, location, kind and requiredness that
// differs between a shape and a Go type.
func compareShapes(t *testing.T, table modelTable, at, name string, typ reflect.Type) {
	t.Helper()
	optional := typ.Kind() == reflect.Pointer
	if optional {
		typ = typ.Elem()
	}
	s := table.shapes[name]
	switch s.kind {
	case "string", "enum":
		if typ.Kind() != reflect.String || s.kind == "enum" && typ == reflect.TypeFor[string]() {
			t.Errorf("%s: %s %s is a %v", at, s.kind, name, typ)
		}
	case "integer":
		if typ.Kind() != reflect.Int32 {
			t.Errorf("%s: %s is a %v", at, name, typ)
		}
	case "timestamp":
		if typ != reflect.TypeFor[time.Time]() {
			t.Errorf("%s: %s is a %v", at, name, typ)
		}
	case "list":
		if typ.Kind() != reflect.Slice {
			t.Errorf("%s: %s is a %v", at, name, typ)
			return
		}
		compareShapes(t, table, at+"[]", s.value, typ.Elem())
	case "map":
		if typ.Kind() != reflect.Map || typ.Key().Kind() != reflect.String || typ.Elem().Kind() != reflect.String {
			t.Errorf("%s: %s is a %v", at, name, typ)
		}
	default:
		compareMembers(t, table, at, s, typ)
	}
}

func compareMembers(t *testing.T, table modelTable, at string, s modelShape, typ reflect.Type) {
	t.Helper()
	if typ.Kind() != reflect.Struct {
		t.Errorf("%s: structure %s is a %v", at, s.name, typ)
		return
	}
	fields := wireFields(typ)
	for _, m := range s.members {
		f, ok := fields[m.name]
		if !ok {
			t.Errorf("%s: %v has no %s", at, typ, m.name)
			continue
		}
		delete(fields, m.name)
		if f.location != m.location {
			t.Errorf("%s.%s: travels in the %s, model says %s", at, m.name, f.location, m.location)
		}
		if m.required && f.field.Type.Kind() == reflect.Pointer && f.field.Type.Elem().Kind() != reflect.Struct {
			t.Errorf("%s.%s: required but a %v", at, m.name, f.field.Type)
		}
		if !m.required && strings.HasSuffix(at, " input") && !mayBeAbsent(f.field) {
			t.Errorf("%s.%s: optional but always sent", at, m.name)
		}
		compareShapes(t, table, at+"."+m.name, m.shape, f.field.Type)
	}
	for name := range fields {
		t.Errorf("%s: %v has %s, the model has not", at, typ, name)
	}
}

func mayBeAbsent(f reflect.StructField) bool {
	k := f.Type.Kind()
	return (k == reflect.Pointer || k == reflect.Slice || k == reflect.Map) && strings.Contains(f.Tag.Get("json"), ",omitzero")
}

type wireField struct {
	field    reflect.StructField
	location string
}

// wireFields returns a type's fields by the names they travel under.
func wireFields(typ reflect.Type) map[string]wireField {
	fields := make(map[string]wireField)
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Tag.Get("path") != "":
			fields[f.Tag.Get("path")] = wireField{f, "uri"}
		case f.Tag.Get("query") != "":
			fields[f.Tag.Get("query")] = wireField{f, "querystring"}
		case name != "-":
			fields[name] = wireField{f, "body"}
		}
	}
	return fields
}

func TestExceptionsAreTheModels(t *testing.T) {
	table := readModelTable(t)
	var found int
	for name, s := range table.shapes {
		if s.kind != "error" {
			continue
		}
		found++
		e := newException(name)
		if e == nil {
			t.Errorf("there is no %s", name)
			continue
		}
		if e.ErrorCode() != name || e.HTTPStatusCode() != s.status {
			t.Errorf("%s: code %s, status %d, model says %d", name, e.ErrorCode(), e.HTTPStatusCode(), s.status)
		}
		if server := s.status >= 500; server != (e.ErrorFault().String() == "server") {
			t.Errorf("%s: fault is the %v's", name, e.ErrorFault())
		}
		compareShapes(t, table, name, name, reflect.TypeOf(e).Elem())
	}
	if found != 8 {
		t.Errorf("the model has %d errors, the package knows 8", found)
	}
	for name, op := range table.operations {
		for _, e := range op.errors {
			if newException(e) == nil {
				t.Errorf("%s answers %s, which there is not", name, e)
			}
		}
	}
}

// TestConstantsAreTheModels reads the constants from the package's source:
// reflection does not see them.
func TestConstantsAreTheModels(t *testing.T) {
	table := readModelTable(t)
	constants := make(map[string][]string)
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			typ, _ := spec.Type.(*ast.Ident)
			for _, v := range spec.Values {
				lit, ok := v.(*ast.BasicLit)
				if typ == nil || !ok || lit.Kind != token.STRING {
					continue
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				constants[typ.Name] = append(constants[typ.Name], text)
			}
			return true
		})
	}
	names := map[string]string{"ChatTokenCapability": "Capability"}
	// The one state of these answers is one of LoggingConfigurationState's.
	narrower := []string{"CreateLoggingConfigurationState", "UpdateLoggingConfigurationState"}
	for name, s := range table.shapes {
		if s.kind != "enum" || slices.Contains(narrower, name) {
			continue
		}
		got := constants[name]
		if other, ok := names[name]; ok {
			got = constants[other]
		}
		want := slices.Concat(s.values, extraConstants()[name])
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-model +constants):\n%s", name, diff)
		}
	}
	for _, name := range narrower {
		for _, value := range table.shapes[name].values {
			if !slices.Contains(constants["LoggingConfigurationState"], value) {
				t.Errorf("%s has %s", name, value)
			}
		}
	}
}

// TestBoundsAreTheModels sets one member at a time of an otherwise valid input
// to values on both sides of each rule of the model.
// leaf is a member without members of its own.
// probeTexts returns texts on both sides of the shape's length, and some that
// one pattern or another refuses.
// accepts tells whether the model, with our deviations, accepts a text.
func matches(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile(`^(?:`+pattern+`)$`).MatchString(text)
}

// sample returns a text of n characters that the pattern accepts, if one can be
// that short.
// validInput returns an input with its required members.
// set puts a value at a path, making the structures on the way; of a union it
// leaves no other member.
// What the documentation limits and the model does not.
// The interface is what the errors are used through.
func TestExceptionsAreReachableThroughWrapping(t *testing.T) {
	for name := range maps.Keys(readModelTable(t).shapes) {
		e := newException(name)
		if e == nil {
			continue
		}
		var api APIError
		if wrapped := fmt.Errorf("outer: %w", e); !errors.As(wrapped, &api) || api.ErrorCode() != name {
			t.Errorf("%s is not reached by errors.As", name)
		}
	}
}
