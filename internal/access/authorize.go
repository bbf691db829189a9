package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/policy"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/sigv4"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// Tags finds the tags of resources; store.ErrNotFound says that there is no such.
type Tags interface {
	Tags(ctx context.Context, t store.Tenant, kind, id string) (map[string]string, error)
}

// Call is what is to be allowed.
type Call struct {
	Principal principal.Principal
	Own       bool // the key is the server's own and not in the book: it may do everything
	Operation string
	Input     any // of the operation, decoded but not validated
	ClientIP  string
	TLS       bool
	UserAgent string
}

// Authorize returns the exception for a call that the principal may not make
// (spec: security.md §1, control-plane.md §5). It tells nothing of the resource, not
// even whether there is one.
func (b *Book) Authorize(ctx context.Context, c Call, tags Tags) error {
	if b.Account(c.Principal.Account) == Suspended {
		return &ivschat.AccessDeniedException{Message: "The account " + c.Principal.Account + " is suspended."}
	}
	if c.Own {
		return nil
	}
	k, ok := b.Find(c.Principal.AccessKeyID)
	if !ok { // it was deleted since it was verified
		return &ivschat.AccessDeniedException{Message: "The access key " + c.Principal.AccessKeyID + " may not be used any more."}
	}
	if len(k.Policies) == 0 {
		return nil
	}
	return authorize(ctx, k, c, tags, b.now())
}

func authorize(ctx context.Context, k *Key, c Call, tags Tags, now time.Time) error {
	actions, on := permissions(c)
	var failed error
	values := func(key string) []string {
		v, err := c.value(ctx, k, key, on, tags, now)
		if err != nil {
			failed = err
		}
		return v
	}
	for _, action := range actions {
		r := policy.Request{Action: "ivschat:" + action, Resource: on, Values: values}
		d := policy.Evaluate(k.Policies, r)
		if failed != nil {
			return fmt.Errorf("authorize: %w", failed)
		}
		if d.Effect != policy.Allow {
			return denied(c.Principal, r, d.Effect)
		}
	}
	return nil
}

func denied(p principal.Principal, r policy.Request, e policy.Effect) error {
	why := "because no identity-based policy allows the " + r.Action + " action"
	if e == policy.ExplicitDeny {
		why = "with an explicit deny in an identity-based policy"
	}
	return &ivschat.AccessDeniedException{
		Message: fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", p.ARN, r.Action, r.Resource, why),
	}
}

// permissions are the actions that an operation needs, and the resource. What has no
// id yet, or is about all, stands for any of its kind.
func permissions(c Call) (actions []string, resource string) {
	any := func(kind string) string {
		return arn.ARN{Region: c.Principal.Region, Account: c.Principal.Account, Type: kind, ID: "*"}.String()
	}
	actions = []string{c.Operation}
	tagged := func(tags map[string]string) {
		if len(tags) > 0 {
			actions = append(actions, "TagResource")
		}
	}
	switch in := c.Input.(type) {
	case *ivschat.CreateRoomInput:
		tagged(in.Tags)
		return actions, any(arn.Room)
	case *ivschat.CreateLoggingConfigurationInput:
		tagged(in.Tags)
		return actions, any(arn.LoggingConfiguration)
	case *ivschat.ListRoomsInput:
		return actions, any(arn.Room)
	case *ivschat.ListLoggingConfigurationsInput:
		return actions, any(arn.LoggingConfiguration)
	}
	return actions, identifier(c.Input)
}

// identifier is the ARN that an input names.
func identifier(in any) string {
	switch in := in.(type) {
	case *ivschat.CreateChatTokenInput:
		return in.RoomIdentifier
	case *ivschat.DeleteMessageInput:
		return in.RoomIdentifier
	case *ivschat.DisconnectUserInput:
		return in.RoomIdentifier
	case *ivschat.SendEventInput:
		return in.RoomIdentifier
	case *ivschat.GetRoomInput:
		return in.Identifier
	case *ivschat.UpdateRoomInput:
		return in.Identifier
	case *ivschat.DeleteRoomInput:
		return in.Identifier
	case *ivschat.GetLoggingConfigurationInput:
		return in.Identifier
	case *ivschat.UpdateLoggingConfigurationInput:
		return in.Identifier
	case *ivschat.DeleteLoggingConfigurationInput:
		return in.Identifier
	case *ivschat.ListTagsForResourceInput:
		return in.ResourceArn
	case *ivschat.TagResourceInput:
		return in.ResourceArn
	case *ivschat.UntagResourceInput:
		return in.ResourceArn
	}
	panic(fmt.Sprintf("access: %T names no resource", in)) // a new operation needs its row here
}

// value returns the values of a condition key.
func (c Call) value(ctx context.Context, k *Key, key, resource string, tags Tags, now time.Time) ([]string, error) {
	if tag, ok := strings.CutPrefix(key, policy.KeyRequestTag); ok {
		return tagValue(requestTags(c.Input), tag), nil
	}
	if tag, ok := strings.CutPrefix(key, policy.KeyResourceTag); ok {
		of, err := resourceTags(ctx, c.Principal, resource, tags)
		return tagValue(of, tag), err
	}
	switch key {
	case policy.KeyTagKeys:
		return tagKeys(c.Input), nil
	case policy.KeySourceIP:
		return one(c.ClientIP), nil
	case policy.KeyCurrentTime:
		return one(now.UTC().Format(time.RFC3339)), nil
	case policy.KeyEpochTime:
		return one(strconv.FormatInt(now.Unix(), 10)), nil
	case policy.KeySecureTransport:
		return one(strconv.FormatBool(c.TLS)), nil
	case policy.KeyUserAgent:
		return one(c.UserAgent), nil
	case policy.KeyPrincipalAccount:
		return one(c.Principal.Account), nil
	case policy.KeyPrincipalArn:
		return one(c.Principal.ARN), nil
	case policy.KeyRequestedRegion:
		return one(c.Principal.Region), nil
	case policy.KeyResourceAccount:
		a, _ := arn.Parse(resource)
		return one(a.Account), nil
	case policy.KeyTokenIssueTime:
		if k.Parent != "" {
			return one(k.Created.UTC().Format(time.RFC3339)), nil
		}
	}
	return nil, nil
}

func one(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// tagValue finds a tag by its key, whose letters' case does not count in conditions.
func tagValue(tags map[string]string, lower string) []string {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if strings.ToLower(key) == lower {
			return []string{tags[key]} // an empty value is one
		}
	}
	return nil
}

func requestTags(in any) map[string]string {
	switch in := in.(type) {
	case *ivschat.CreateRoomInput:
		return in.Tags
	case *ivschat.CreateLoggingConfigurationInput:
		return in.Tags
	case *ivschat.TagResourceInput:
		return in.Tags
	}
	return nil
}

func tagKeys(in any) []string {
	if in, ok := in.(*ivschat.UntagResourceInput); ok {
		return in.TagKeys
	}
	return slices.Sorted(maps.Keys(requestTags(in)))
}

// resourceTags are the tags of the resource, if the principal's account has it.
func resourceTags(ctx context.Context, p principal.Principal, resource string, tags Tags) (map[string]string, error) {
	a, ok := arn.Parse(resource)
	if !ok || a.ID == "*" || a.Account != p.Account || a.Region != p.Region {
		return nil, nil
	}
	of, err := tags.Tags(ctx, store.Tenant{Account: a.Account, Region: a.Region}, a.Type, a.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return of, err
}

// Lookup finds the key that a request is signed with.
func (b *Book) Lookup(id string) (sigv4.Key, error) {
	k, ok := b.Find(id)
	if !ok {
		return sigv4.Key{}, sigv4.ErrUnknownKey
	}
	return sigv4.Key{Secret: string(k.Secret), SessionToken: string(k.SessionToken), Expires: k.Expires}, nil
}
