package ivschat

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
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

func TestEmptyInputsMissTheRequiredMembers(t *testing.T) {
	table := readModelTable(t)
	for name, op := range table.operations {
		var want []string
		for _, m := range table.shapes[op.input].members {
			if m.required {
				want = append(want, m.name)
			}
		}
		var got []string
		for _, f := range newInput(name).Validate() {
			got = append(got, f.Name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-model +Validate):\n%s", name, diff)
		}
	}
}

// TestBoundsAreTheModels sets one member at a time of an otherwise valid input
// to values on both sides of each rule of the model.
func TestBoundsAreTheModels(t *testing.T) {
	table := readModelTable(t)
	probes := 0
	for name, op := range table.operations {
		for _, l := range leaves(table, op.input, nil) {
			for _, v := range probeValues(table, l) {
				probes++
				in := validInput(t, table, name)
				set(t, reflect.ValueOf(in).Elem(), l.path, v.value)
				at := strings.Join(l.path, ".")
				var about, others []ValidationExceptionField
				for _, f := range in.Validate() {
					if strings.HasPrefix(f.Name, at) {
						about = append(about, f)
					} else {
						others = append(others, f)
					}
				}
				if v.ok != (len(about) == 0) || len(others) > 0 {
					t.Errorf("%s with %s = %.200s: model accepts: %t; Validate: %v %v", name, at, fmt.Sprintf("%#v", v.value), v.ok, about, others)
				}
			}
		}
	}
	if probes < 500 {
		t.Errorf("only %d values were probed", probes)
	}
}

// leaf is a member without members of its own.
type leaf struct {
	path  []string
	shape string
}

func leaves(table modelTable, shape string, path []string) []leaf {
	s := table.shapes[shape]
	if s.kind != "structure" && s.kind != "union" {
		return []leaf{{path, shape}}
	}
	var all []leaf
	for _, m := range s.members {
		all = append(all, leaves(table, m.shape, append(slices.Clone(path), m.name))...)
	}
	return all
}

type probe struct {
	value any
	ok    bool
}

func probeValues(table modelTable, l leaf) (probes []probe) {
	s := table.shapes[l.shape]
	switch s.kind {
	case "string", "enum":
		for _, text := range probeTexts(s) {
			probes = append(probes, probe{text, accepts(s, s.pattern, text)})
		}
	case "integer":
		for _, n := range []int{math.MinInt32, -1, 0, s.bounds.least, s.bounds.most, s.bounds.most + 1, math.MaxInt32} {
			probes = append(probes, probe{int32(n), s.bounds.contain(n)})
		}
	case "list":
		probes = probeLists(table, s)
	case "map":
		probes = probeMaps(table, s)
	}
	return probes
}

func probeLists(table modelTable, s modelShape) (probes []probe) {
	element := table.shapes[s.value]
	for _, n := range []int{0, 1, s.bounds.most, s.bounds.most + 1} {
		list := make([]string, n)
		for i := range list {
			list[i] = distinct(element, i)
		}
		probes = append(probes, probe{list, s.bounds.contain(n)})
	}
	for _, text := range probeTexts(element) {
		probes = append(probes, probe{[]string{text}, accepts(element, element.pattern, text)})
	}
	return probes
}

func probeMaps(table modelTable, s modelShape) (probes []probe) {
	key, value := table.shapes[s.key], table.shapes[s.value]
	pattern := ""
	if s.name == "Tags" {
		pattern = tagCharacters
	}
	for _, n := range []int{0, 1, s.bounds.most, s.bounds.most + 1} {
		entries := make(map[string]string)
		for i := range n {
			entries[fmt.Sprint("k", i)] = ""
		}
		probes = append(probes, probe{entries, s.bounds.contain(n)})
	}
	for _, text := range probeTexts(key) {
		if len(text) < MaxTokenAttributes { // attributes have a budget that the model does not know
			probes = append(probes, probe{map[string]string{text: "v"}, accepts(key, pattern, text)})
		}
	}
	for _, text := range probeTexts(value) {
		if len(text) < MaxTokenAttributes {
			probes = append(probes, probe{map[string]string{"k": text}, accepts(value, pattern, text)})
		}
	}
	return probes
}

// probeTexts returns texts on both sides of the shape's length, and some that
// one pattern or another refuses.
func probeTexts(s modelShape) []string {
	texts := []string{
		"", "a", "-", " ", "a b", "a\n", "!", "é", "A.b", "a/b", "a_b", "a#b",
		"arn:aws:lambda:us-west-2:123456789012:function:f:alias",
		"arn:aws:lambda:us-west-2:12345678901:function:f",
		"arn:aws:lambda:us-west-2:123456789012:function:",
		"arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh",
		"arn:aws:ivschat:us-west-2:123456789012:room/abcd_ABCDefg",
		"arn:aws:ivschat:us-west-2:123456789012:room/",
		"arn:aws:ivschat:US:123456789012:room/abcdABCDefgh",
		"arn:aws:ivschat:us-west-2::room/abcdABCDefgh",
		"arn:aws-cn:ivschat:cn-north-1:123456789012:room/abcdABCDefgh",
		"arn:aws:ivschat:us-west-2:123456789012:logging-configuration/abcdABCDefgh",
		"arn:aws:ivschat:us-west-2:123456789012:channel/abcdABCDefgh",
		"xarn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh",
		"arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh/x",
	}
	for _, value := range s.values {
		texts = append(texts, value, strings.ToLower(value))
	}
	if s.bounds.set {
		for _, n := range []int{s.bounds.least - 1, s.bounds.least, s.bounds.most, s.bounds.most + 1} {
			texts = append(texts, sample(s, n), strings.Repeat("é", max(n, 0)))
		}
	}
	return texts
}

// accepts tells whether the model, with our deviations, accepts a text.
func accepts(s modelShape, pattern, text string) bool {
	if s.kind == "enum" {
		return slices.Contains(s.values, text)
	}
	if s.name == "ResourceArn" {
		pattern = realResourceArn
	}
	return s.bounds.contain(len([]rune(text))) && matches(pattern, text)
}

func matches(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile(`^(?:`+pattern+`)$`).MatchString(text)
}

// sample returns a text of n characters that the pattern accepts, if one can be
// that short.
func sample(s modelShape, n int) string {
	prefix := ""
	switch {
	case s.kind == "enum":
		return s.values[0]
	case strings.HasSuffix(s.pattern, "room/[a-zA-Z0-9-]+") || s.name == "ResourceArn":
		prefix = "arn:aws:ivschat:us-west-2:123456789012:room/"
	case strings.HasSuffix(s.pattern, "logging-configuration/[a-zA-Z0-9-]+"):
		prefix = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/"
	case s.name == "LambdaArn":
		prefix = "arn:aws:lambda:us-west-2:123456789012:function:"
	}
	return prefix + strings.Repeat("a", max(n-len(prefix), 0))
}

func distinct(s modelShape, i int) string {
	if s.kind == "enum" {
		return s.values[min(max(i, 0), len(s.values)-1)]
	}
	return sample(s, 70) + fmt.Sprint(i)
}

// validInput returns an input with its required members.
func validInput(t *testing.T, table modelTable, operation string) input {
	t.Helper()
	in := newInput(operation)
	for _, m := range table.shapes[table.operations[operation].input].members {
		if m.required {
			l := leaves(table, m.shape, []string{m.name})[0]
			set(t, reflect.ValueOf(in).Elem(), l.path, ordinary(table, table.shapes[l.shape]))
		}
	}
	if fields := in.Validate(); len(fields) > 0 {
		t.Fatalf("%s: the valid input is not: %v", operation, fields)
	}
	return in
}

func ordinary(table modelTable, s modelShape) any {
	switch s.kind {
	case "list":
		return []string{distinct(table.shapes[s.value], 0)}
	case "map":
		return map[string]string{"k": "v"}
	}
	if s.bounds.most == s.bounds.least {
		return sample(s, s.bounds.least)
	}
	return sample(s, min(s.bounds.most, 70))
}

// set puts a value at a path, making the structures on the way; of a union it
// leaves no other member.
func set(t *testing.T, v reflect.Value, path []string, value any) {
	t.Helper()
	if v.Type() == reflect.TypeFor[DestinationConfiguration]() {
		v.SetZero()
	}
	f, ok := wireFields(v.Type())[path[0]]
	if !ok {
		t.Fatalf("%v has no %s", v.Type(), path[0])
	}
	at := v.FieldByIndex(f.field.Index)
	if at.Kind() == reflect.Pointer {
		at.Set(reflect.New(at.Type().Elem()))
		at = at.Elem()
	}
	if len(path) > 1 {
		set(t, at, path[1:], value)
		return
	}
	from := reflect.ValueOf(value)
	if list, ok := value.([]string); ok {
		made := reflect.MakeSlice(at.Type(), 0, len(list))
		for _, text := range list {
			made = reflect.Append(made, reflect.ValueOf(text).Convert(at.Type().Elem()))
		}
		from = made
	}
	at.Set(from.Convert(at.Type()))
}

// What the documentation limits and the model does not.
func TestBoundsTheModelDoesNotKnow(t *testing.T) {
	room := "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	config := "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/abcdABCDefgh"
	attributes := func(n int) map[string]string { return map[string]string{"éé": strings.Repeat("é", n/2-2)} }
	tests := []struct {
		name  string
		in    input
		field string // "" when valid
	}{
		{"token attributes of 1 KB", &CreateChatTokenInput{RoomIdentifier: room, UserID: "u", Attributes: attributes(1024)}, ""},
		{"token attributes over 1 KB", &CreateChatTokenInput{RoomIdentifier: room, UserID: "u", Attributes: attributes(1026)}, "attributes"},
		{"reserved tag key", &TagResourceInput{ResourceArn: room, Tags: map[string]string{"aws:k": ""}}, "tags[aws:k]"},
		{"configuration named twice", &CreateRoomInput{LoggingConfigurationIdentifiers: []string{config, config}}, "loggingConfigurationIdentifiers[1]"},
		{"destination without member", &CreateLoggingConfigurationInput{DestinationConfiguration: &DestinationConfiguration{}}, "destinationConfiguration"},
		{"destination with two members", &CreateLoggingConfigurationInput{DestinationConfiguration: &DestinationConfiguration{
			S3:       &S3DestinationConfiguration{BucketName: "bucket"},
			Firehose: &FirehoseDestinationConfiguration{DeliveryStreamName: "stream"},
		}}, "destinationConfiguration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			for _, f := range tt.in.Validate() {
				got += f.Name
			}
			if got != tt.field {
				t.Errorf("Validate names %q, want %q", got, tt.field)
			}
		})
	}
}

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
