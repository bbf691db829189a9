package ivschat

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

func accepts(s modelShape, pattern, text string) bool {
	if s.kind == "enum" {
		return slices.Contains(s.values, text)
	}
	if s.name == "ResourceArn" {
		pattern = realResourceArn
	}
	return s.bounds.contain(len([]rune(text))) && matches(pattern, text)
}

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
		{"capabilities named often", &CreateChatTokenInput{RoomIdentifier: room, UserID: "u", Capabilities: slices.Repeat([]Capability{CapabilitySendMessage}, 50)}, ""},
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

// What is wrong many times is told once: an answer is never much larger than
// what was asked, nor its making slower.
func TestListsThatAreTooLongGetOneField(t *testing.T) {
	room := "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	many := slices.Repeat([]string{"x"}, 20_000)
	tags := make(map[string]string)
	for i := range 20_000 {
		tags[fmt.Sprint("!", i)] = "!"
	}
	for field, in := range map[string]input{
		"loggingConfigurationIdentifiers": &UpdateRoomInput{Identifier: room, LoggingConfigurationIdentifiers: many},
		"capabilities":                    &CreateChatTokenInput{RoomIdentifier: room, UserID: "u", Capabilities: slices.Repeat([]Capability{"FLY"}, 20_000)},
		"tagKeys":                         &UntagResourceInput{ResourceArn: room, TagKeys: slices.Repeat([]string{""}, 20_000)},
		"tags":                            &TagResourceInput{ResourceArn: room, Tags: tags},
	} {
		if got := in.Validate(); len(got) != 1 || got[0].Name != field {
			t.Errorf("%s: %d fields, the first %v", field, len(got), got[:min(1, len(got))])
		}
	}
}

func TestExceptionsStaySmall(t *testing.T) {
	e := Invalid(make([]ValidationExceptionField, 1000)...)
	if len(e.FieldList) != maxFields || strings.Count(e.Message, "Request member") != maxFields {
		t.Errorf("%d fields, message of %d bytes", len(e.FieldList), len(e.Message))
	}
	key := strings.Repeat("é", 100_000)
	fields := (&CreateRoomInput{Tags: map[string]string{key: ""}}).Validate()
	if len(fields) != 1 || len([]rune(fields[0].Name)) > maxShown+1 || !strings.HasPrefix(fields[0].Name, "tags[ééé") {
		t.Errorf("%d fields for a long tag key", len(fields))
	}
}

// Empty is another thing than absent for what may be absent.
func TestEmptyOptionalMembersAreTooShort(t *testing.T) {
	room := "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	for name, in := range map[string]input{
		"tags[]":                             &CreateRoomInput{Tags: map[string]string{"": "v"}},
		"tagKeys[0]":                         &UntagResourceInput{ResourceArn: room, TagKeys: []string{""}},
		"loggingConfigurationIdentifiers[0]": &CreateRoomInput{LoggingConfigurationIdentifiers: []string{""}},
		"loggingConfigurationIdentifier":     &ListRoomsInput{LoggingConfigurationIdentifier: new("")},
	} {
		want := []ValidationExceptionField{{Name: name, Message: "length must be between 1 and 128"}}
		if diff := cmp.Diff(want, in.Validate()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := (&GetRoomInput{}).Validate(); len(got) != 1 || got[0].Message != required {
		t.Errorf("GetRoom without identifier: %v", got)
	}
}
