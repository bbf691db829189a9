package apitest

import (
	"slices"
	"testing"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/ivschat"
)

func destinations() map[string]*ivschat.DestinationConfiguration {
	return map[string]*ivschat.DestinationConfiguration{
		"s3":             bucket("chat.logs-1"),
		"cloudWatchLogs": {CloudWatchLogs: &ivschat.CloudWatchLogsDestinationConfiguration{LogGroupName: "/aws/ivs.chat_log#1"}},
		"firehose":       {Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: "chat_logs.1-a"}},
	}
}

func (s suite) getConfig(t *testing.T, identifier string) *ivschat.LoggingConfiguration {
	t.Helper()
	c, err := s.API.GetLoggingConfiguration(t.Context(), &ivschat.GetLoggingConfigurationInput{Identifier: identifier})
	if err != nil {
		t.Fatalf("GetLoggingConfiguration: %v", err)
	}
	return c
}

func (s suite) updateConfig(t *testing.T, in *ivschat.UpdateLoggingConfigurationInput) *ivschat.LoggingConfiguration {
	t.Helper()
	c, err := s.API.UpdateLoggingConfiguration(t.Context(), in)
	if err != nil {
		t.Fatalf("UpdateLoggingConfiguration: %v", err)
	}
	equal(t, "GetLoggingConfiguration after the update", c, s.getConfig(t, in.Identifier))
	return c
}

// spec: control-plane.md §3.
func testCreateLoggingConfiguration(t *testing.T, s suite) {
	for kind, d := range destinations() {
		c := s.config(t, &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: d})
		want := &ivschat.LoggingConfiguration{
			Arn: c.Arn, ID: c.ID, CreateTime: c.CreateTime, UpdateTime: c.UpdateTime,
			DestinationConfiguration: *d,
			State:                    ivschat.LoggingConfigurationStateActive,
			Tags:                     map[string]string{},
		}
		equal(t, "CreateLoggingConfiguration "+kind, want, c)
		equal(t, "GetLoggingConfiguration "+kind, want, s.getConfig(t, c.Arn))
		a, ok := arn.Parse(c.Arn)
		if !ok || a.Type != arn.LoggingConfiguration || a.ID != c.ID || !id.Valid(c.ID) {
			t.Errorf("logging configuration %q has the ARN %q", c.ID, c.Arn)
		}
		resourceTimes(t, kind, c.CreateTime, c.UpdateTime)
	}
	name := uniqueName()
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{Name: &name, Tags: map[string]string{"k": "v"}})
	if c.Name != name || c.Tags["k"] != "v" {
		t.Errorf("logging configuration is %+v", c)
	}
}

func testUpdateLoggingConfiguration(t *testing.T, s suite) {
	before := s.config(t, &ivschat.CreateLoggingConfigurationInput{Name: new(uniqueName()), Tags: map[string]string{"k": "v"}})
	want := *before
	check := func(what string, got *ivschat.LoggingConfiguration) {
		t.Helper()
		resourceTimes(t, what, want.UpdateTime, got.UpdateTime)
		want.UpdateTime = got.UpdateTime
		equal(t, what, &want, got)
	}
	check("nothing", s.updateConfig(t, &ivschat.UpdateLoggingConfigurationInput{Identifier: before.Arn}))
	d := destinations()["firehose"]
	want.DestinationConfiguration = *d
	check("destination", s.updateConfig(t, &ivschat.UpdateLoggingConfigurationInput{Identifier: before.Arn, DestinationConfiguration: d}))
	want.Name = uniqueName()
	check("name", s.updateConfig(t, &ivschat.UpdateLoggingConfigurationInput{Identifier: before.Arn, Name: new(want.Name)}))
	want.Name = ""
	check("name cleared", s.updateConfig(t, &ivschat.UpdateLoggingConfigurationInput{Identifier: before.Arn, Name: new("")}))
}

// A destination has exactly one member, on create and on update.
func testDestinationUnion(t *testing.T, s suite) {
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	bad := map[string]*ivschat.DestinationConfiguration{
		"no member":     {},
		"two members":   {S3: bucket("chat-logs").S3, Firehose: destinations()["firehose"].Firehose},
		"three members": {S3: bucket("chat-logs").S3, Firehose: destinations()["firehose"].Firehose, CloudWatchLogs: destinations()["cloudWatchLogs"].CloudWatchLogs},
	}
	for what, d := range bad {
		_, err := s.API.CreateLoggingConfiguration(t.Context(), &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: d})
		s.invalid(t, "create with "+what, err, "destinationConfiguration")
		_, err = s.API.UpdateLoggingConfiguration(t.Context(), &ivschat.UpdateLoggingConfigurationInput{Identifier: c.Arn, DestinationConfiguration: d})
		s.invalid(t, "update with "+what, err, "destinationConfiguration")
	}
	_, err := s.API.CreateLoggingConfiguration(t.Context(), &ivschat.CreateLoggingConfigurationInput{})
	s.invalid(t, "create without destination", err, "destinationConfiguration")
	equal(t, "after the refused updates", c, s.getConfig(t, c.Arn))
}

// spec: control-plane.md §3.1: one that a room refers to stays.
func testDeleteLoggingConfiguration(t *testing.T, s suite) {
	c := s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	in := &ivschat.DeleteLoggingConfigurationInput{Identifier: c.Arn}
	var rooms []string
	for range 2 { // one configuration serves many rooms
		rooms = append(rooms, s.room(t, &ivschat.CreateRoomInput{LoggingConfigurationIdentifiers: []string{c.Arn}}).Arn)
	}
	conflict := func(what string) {
		t.Helper()
		_, err := s.API.DeleteLoggingConfiguration(t.Context(), in)
		e := refused[*ivschat.ConflictException](t, what, err)
		aboutResource(t, what, c.Arn, e.ResourceID, e.ResourceType)
	}
	conflict("attached to two rooms")
	s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: rooms[0], LoggingConfigurationIdentifiers: []string{}})
	conflict("attached to one room")
	s.updateRoom(t, &ivschat.UpdateRoomInput{Identifier: rooms[1], LoggingConfigurationIdentifiers: []string{}})
	if _, err := s.API.DeleteLoggingConfiguration(t.Context(), in); err != nil {
		t.Fatalf("attached to none: %v", err)
	}
	_, err := s.API.DeleteLoggingConfiguration(t.Context(), in)
	e := refused[*ivschat.ResourceNotFoundException](t, "second DeleteLoggingConfiguration", err)
	aboutResource(t, "second DeleteLoggingConfiguration", c.Arn, e.ResourceID, e.ResourceType)
	_, err = s.API.GetLoggingConfiguration(t.Context(), &ivschat.GetLoggingConfigurationInput{Identifier: c.Arn})
	refused[*ivschat.ResourceNotFoundException](t, "GetLoggingConfiguration", err)
}

func configPages(t *testing.T, api ivschat.API, size *int32) (pages [][]ivschat.LoggingConfiguration) {
	t.Helper()
	in := &ivschat.ListLoggingConfigurationsInput{MaxResults: size, NextToken: new("")}
	for range 1000 {
		out, err := api.ListLoggingConfigurations(t.Context(), in)
		if err != nil {
			t.Fatalf("ListLoggingConfigurations: %v", err)
		}
		if out.LoggingConfigurations == nil {
			t.Error("ListLoggingConfigurations: no list, not even an empty one")
		}
		pages = append(pages, out.LoggingConfigurations)
		if out.NextToken == nil {
			return pages
		}
		in.NextToken = out.NextToken
	}
	t.Fatal("the pages do not end")
	return nil
}

func configArns(list []ivschat.LoggingConfiguration) []string {
	arns := []string{}
	for _, c := range list {
		arns = append(arns, c.Arn)
	}
	return arns
}

func testListLoggingConfigurations(t *testing.T, s suite) {
	before := configArns(slices.Concat(configPages(t, s.API, nil)...))
	var made []*ivschat.LoggingConfiguration
	for range 3 {
		made = append(made, s.config(t, &ivschat.CreateLoggingConfigurationInput{Name: new(uniqueName()), Tags: map[string]string{"k": "v"}}))
	}
	all := slices.Concat(configPages(t, s.API, nil)...)
	want := slices.Clone(before)
	for _, c := range made {
		want = append(want, c.Arn)
		for _, got := range all {
			if got.Arn == c.Arn {
				equal(t, "listed", *c, got)
			}
		}
	}
	sameSet(t, "ListLoggingConfigurations", want, configArns(all))
	byUpdate := func(a, b ivschat.LoggingConfiguration) int { return b.UpdateTime.Compare(a.UpdateTime) }
	if !slices.IsSortedFunc(all, byUpdate) {
		t.Error("logging configurations are not in descending order of updateTime")
	}
	pages := configPages(t, s.API, new(int32(2)))
	for i, p := range pages[:len(pages)-1] {
		if len(p) != 2 {
			t.Errorf("page %d of 2 has %d", i, len(p))
		}
	}
	equal(t, "by pages of 2", configArns(all), configArns(slices.Concat(pages...)))
	in := &ivschat.ListLoggingConfigurationsInput{NextToken: new("garbage")}
	_, err := s.API.ListLoggingConfigurations(t.Context(), in)
	s.invalid(t, "page token", err, "nextToken")
	page, err := s.API.ListLoggingConfigurations(t.Context(), &ivschat.ListLoggingConfigurationsInput{MaxResults: new(int32(1))})
	if err != nil || page.NextToken == nil {
		t.Fatalf("ListLoggingConfigurations: %+v, %v", page, err)
	}
	_, err = s.Other.ListLoggingConfigurations(t.Context(), &ivschat.ListLoggingConfigurationsInput{NextToken: page.NextToken})
	s.invalid(t, "page token of another account", err, "nextToken")
}

func testLoggingConfigurationQuota(t *testing.T, s suite) {
	if s.LoggingConfigurations == 0 {
		return // no quota here
	}
	there := len(slices.Concat(configPages(t, s.API, nil)...))
	for range s.LoggingConfigurations - there {
		s.config(t, &ivschat.CreateLoggingConfigurationInput{})
	}
	in := &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: bucket("chat-logs")}
	_, err := s.API.CreateLoggingConfiguration(t.Context(), in)
	e := refused[*ivschat.ServiceQuotaExceededException](t, "CreateLoggingConfiguration over the quota", err)
	if int(e.Limit) != s.LoggingConfigurations || e.ResourceType != ivschat.ResourceTypeLoggingConfiguration || e.ResourceID != "" {
		t.Errorf("exception is %+v, the quota is %d", e, s.LoggingConfigurations)
	}
	s.configOf(t, s.Other, &ivschat.CreateLoggingConfigurationInput{}) // another account's quota is its own
}
