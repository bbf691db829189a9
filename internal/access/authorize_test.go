package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parleychat/parley/internal/access"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

const (
	roomARN    = "arn:aws:ivschat:us-west-2:123456789012:room/abcdABCDefgh"
	loggingARN = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/ABCDabcdEFGH"
	anyRoom    = "arn:aws:ivschat:us-west-2:123456789012:room/*"
	anyLogging = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/*"
)

// tagged has the tags of resources, by id, and counts who asks.
type tagged struct {
	tags  map[string]map[string]string
	asked int
}

func (x *tagged) Tags(_ context.Context, t store.Tenant, _, id string) (map[string]string, error) {
	x.asked++
	if of, ok := x.tags[id]; ok && t == (store.Tenant{Account: account, Region: "us-west-2"}) {
		return of, nil
	}
	return nil, store.ErrNotFound
}

// operations are all of the service's, with the resource that each is about.
func operations() map[string]struct {
	in any
	on string
} {
	type row = struct {
		in any
		on string
	}
	return map[string]row{
		"CreateChatToken":            {&ivschat.CreateChatTokenInput{RoomIdentifier: roomARN}, roomARN},
		"CreateLoggingConfiguration": {&ivschat.CreateLoggingConfigurationInput{}, anyLogging},
		"CreateRoom":                 {&ivschat.CreateRoomInput{}, anyRoom},
		"DeleteLoggingConfiguration": {&ivschat.DeleteLoggingConfigurationInput{Identifier: loggingARN}, loggingARN},
		"DeleteMessage":              {&ivschat.DeleteMessageInput{RoomIdentifier: roomARN}, roomARN},
		"DeleteRoom":                 {&ivschat.DeleteRoomInput{Identifier: roomARN}, roomARN},
		"DisconnectUser":             {&ivschat.DisconnectUserInput{RoomIdentifier: roomARN}, roomARN},
		"GetLoggingConfiguration":    {&ivschat.GetLoggingConfigurationInput{Identifier: loggingARN}, loggingARN},
		"GetRoom":                    {&ivschat.GetRoomInput{Identifier: roomARN}, roomARN},
		"ListLoggingConfigurations":  {&ivschat.ListLoggingConfigurationsInput{}, anyLogging},
		"ListRooms":                  {&ivschat.ListRoomsInput{}, anyRoom},
		"ListTagsForResource":        {&ivschat.ListTagsForResourceInput{ResourceArn: roomARN}, roomARN},
		"SendEvent":                  {&ivschat.SendEventInput{RoomIdentifier: roomARN}, roomARN},
		"TagResource":                {&ivschat.TagResourceInput{ResourceArn: roomARN}, roomARN},
		"UntagResource":              {&ivschat.UntagResourceInput{ResourceArn: loggingARN}, loggingARN},
		"UpdateLoggingConfiguration": {&ivschat.UpdateLoggingConfigurationInput{Identifier: loggingARN}, loggingARN},
		"UpdateRoom":                 {&ivschat.UpdateRoomInput{Identifier: roomARN}, roomARN},
	}
}

// may asks whether a key may make a call.
func (o *office) may(id, operation string, in any, tags access.Tags, change func(*access.Call)) error {
	k, ok := o.book.Find(id)
	if !ok {
		o.t.Fatalf("there is no key %s", id)
	}
	c := access.Call{
		Principal: principal.Principal{Account: k.Account, Region: "us-west-2", ARN: k.ARN(), AccessKeyID: id},
		Operation: operation, Input: in, ClientIP: "203.0.113.9",
	}
	if change != nil {
		change(&c)
	}
	return o.book.Authorize(o.t.Context(), c, tags)
}

func TestEachOperationNeedsItsAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		ids := map[string]string{}
		for name, op := range operations() {
			ids[name] = o.create(access.New{Account: account, Name: name, Policies: []string{
				fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"ivschat:%s","Resource":%q}}`, name, op.on),
			}}).ID
		}
		seen()
		if len(ids) != len(ivschat.Operations()) {
			t.Fatalf("%d operations of %d", len(ids), len(ivschat.Operations()))
		}
		tags := &tagged{}
		for holder, id := range ids {
			for name, op := range operations() {
				err := o.may(id, name, op.in, tags, nil)
				if name == holder {
					if err != nil {
						t.Errorf("%s with its own policy: %v", name, err)
					}
					continue
				}
				want := fmt.Sprintf("User: arn:aws:iam::123456789012:user/%s is not authorized to perform: ivschat:%s on resource: %s because no identity-based policy allows the ivschat:%[2]s action", holder, name, op.on)
				if e, ok := errors.AsType[*ivschat.AccessDeniedException](err); !ok || e.Message != want {
					t.Errorf("%s with the policy of %s: %v, want %s", name, holder, err, want)
				}
			}
		}
		if tags.asked > 0 {
			t.Errorf("tags were read %d times, and no policy asks for them", tags.asked)
		}
	})
}

func TestConditionsSeeTheCall(t *testing.T) {
	allow := func(more string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ivschat:*","Resource":"*","Condition":{` + more + `}}}`
	}
	tags := &tagged{tags: map[string]map[string]string{"abcdABCDefgh": {"Team": "red", "empty": ""}}}
	get := &ivschat.GetRoomInput{Identifier: roomARN}
	create := func(tags map[string]string) any { return &ivschat.CreateRoomInput{Tags: tags} }
	now := time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC) // a bubble's, a second in
	tests := []struct {
		name, policy, operation string
		in                      any
		change                  func(*access.Call)
		want                    bool
	}{
		{"a tag of the resource", allow(`"StringEquals":{"aws:ResourceTag/Team":"red"}`), "GetRoom", get, nil, true},
		{"another value", allow(`"StringEquals":{"aws:ResourceTag/Team":"blue"}`), "GetRoom", get, nil, false},
		{"an empty tag is there", allow(`"Null":{"aws:ResourceTag/empty":"false"}`), "GetRoom", get, nil, true},
		{"a resource that is not there has no tags", allow(`"StringEquals":{"aws:ResourceTag/Team":"red"}`), "GetRoom",
			&ivschat.GetRoomInput{Identifier: strings.Replace(roomARN, "abcd", "zzzz", 1)}, nil, false},
		{"nor has another account's", allow(`"StringEquals":{"aws:ResourceTag/Team":"red"}`), "GetRoom",
			&ivschat.GetRoomInput{Identifier: strings.Replace(roomARN, account, "210987654321", 1)}, nil, false},
		{"what is no ARN", allow(`"StringEquals":{"aws:ResourceTag/Team":"red"}`), "GetRoom", &ivschat.GetRoomInput{Identifier: "abcdABCDefgh"}, nil, false},
		{"a tag of the request", allow(`"StringEquals":{"aws:RequestTag/team":"red"}`), "CreateRoom", create(map[string]string{"team": "red"}), nil, true},
		{"without it", allow(`"StringEquals":{"aws:RequestTag/team":"red"}`), "CreateRoom", create(nil), nil, false},
		{"keys of tags", allow(`"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}`), "CreateRoom", create(map[string]string{"team": "x"}), nil, true},
		{"another key", allow(`"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}`), "CreateRoom", create(map[string]string{"team": "x", "b": ""}), nil, false},
		{"keys to take away", allow(`"ForAnyValue:StringEquals":{"aws:TagKeys":["team"]}`), "UntagResource",
			&ivschat.UntagResourceInput{ResourceArn: roomARN, TagKeys: []string{"x", "team"}}, nil, true},
		{"the client's address", allow(`"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), "GetRoom", get, nil, true},
		{"another address", allow(`"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), "GetRoom", get, func(c *access.Call) { c.ClientIP = "198.51.100.1" }, false},
		{"no address", allow(`"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`), "GetRoom", get, func(c *access.Call) { c.ClientIP = "" }, false},
		{"the time", allow(fmt.Sprintf(`"DateLessThanEquals":{"aws:CurrentTime":%q}`, now.Add(time.Minute).Format(time.RFC3339))), "GetRoom", get, nil, true},
		{"too late", allow(fmt.Sprintf(`"NumericLessThan":{"aws:EpochTime":"%d"}`, now.Add(-time.Minute).Unix())), "GetRoom", get, nil, false},
		{"over TLS", allow(`"Bool":{"aws:SecureTransport":"true"}`), "GetRoom", get, func(c *access.Call) { c.TLS = true }, true},
		{"not over TLS", allow(`"Bool":{"aws:SecureTransport":"true"}`), "GetRoom", get, nil, false},
		{"the region", allow(`"StringEquals":{"aws:RequestedRegion":"us-west-2","aws:PrincipalAccount":"123456789012","aws:ResourceAccount":"123456789012"}`), "GetRoom", get, nil, true},
		{"the client", allow(`"StringLike":{"aws:UserAgent":"Boto3/*"}`), "GetRoom", get, func(c *access.Call) { c.UserAgent = "Boto3/1.42" }, true},
		{"the principal", allow(`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/te*"}`), "GetRoom", get, nil, true},
		{"a session's begin", allow(`"Null":{"aws:TokenIssueTime":"false"}`), "GetRoom", get, nil, false},
	}
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		ids := make([]string, len(tests))
		for i, test := range tests {
			ids[i] = o.create(access.New{Account: account, Name: "test", Policies: []string{test.policy}}).ID
		}
		seen()
		for i, test := range tests {
			if err := o.may(ids[i], test.operation, test.in, tags, test.change); (err == nil) != test.want {
				t.Errorf("%s: %v, want it allowed: %v", test.name, err, test.want)
			}
		}
	})
}

func TestTagsWithACreateNeedTheirOwnAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		id := o.create(access.New{Account: account, Policies: []string{`{"Statement":{"Effect":"Allow","Action":"ivschat:Create*","Resource":"*"}}`}}).ID
		seen()
		tags := map[string]string{"a": "b"}
		for name, in := range map[string]any{
			"CreateRoom": &ivschat.CreateRoomInput{Tags: tags}, "CreateLoggingConfiguration": &ivschat.CreateLoggingConfigurationInput{Tags: tags},
		} {
			if err := o.may(id, name, in, nil, nil); err == nil || !strings.Contains(err.Error(), "ivschat:TagResource on resource: arn:aws:ivschat:us-west-2:123456789012:") {
				t.Errorf("%s: %v", name, err)
			}
			if err := o.may(id, name, operations()[name].in, nil, nil); err != nil {
				t.Errorf("%s without tags: %v", name, err)
			}
		}
	})
}

func TestWhoIsNotHeldToPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		k := o.create(access.New{Account: account})
		held := o.create(access.New{Account: account, Policies: []string{`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*"}]}`}})
		session, err := o.desk.StartSession(t.Context(), held.ID, time.Hour)
		o.must(err)
		seen()
		get := operations()["GetRoom"].in
		if err := o.may(k.ID, "GetRoom", get, nil, nil); err != nil {
			t.Errorf("a key without policies: %v", err)
		}
		for _, id := range []string{held.ID, session.ID} {
			if err := o.may(id, "GetRoom", get, nil, nil); err == nil || !strings.Contains(err.Error(), "with an explicit deny in an identity-based policy") {
				t.Errorf("denied: %v", err)
			}
		}
		o.must(o.desk.SetPolicies(t.Context(), held.ID, nil))
		seen()
		if err := o.may(session.ID, "GetRoom", get, nil, nil); err != nil {
			t.Errorf("the session of a key that may do everything now: %v", err)
		}
		o.must(o.desk.SetAccount(t.Context(), account, access.Suspended))
		seen()
		for _, own := range []bool{true, false} {
			if err := o.may(k.ID, "GetRoom", get, nil, func(c *access.Call) { c.Own = own }); err == nil || !strings.Contains(err.Error(), "suspended") {
				t.Errorf("suspended: %v", err)
			}
		}
	})
}
