// Package awssdk makes AWS's own Go client for IVS Chat an ivschat.API, so that
// the behavioural suite can run through it. It turns every input into the
// SDK's, every answer and exception back, and refuses answers that leave out a
// member the SDK's users rely on. It is for tests.
package awssdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/aws/smithy-go"

	"github.com/parleychat/parley/ivschat"
)

// API calls the service through the SDK.
type API struct {
	client *sdk.Client
}

var _ ivschat.API = API{}

// New returns an API over a client of the SDK.
func New(client *sdk.Client) API { return API{client} }

// errUnsayable is the error for an input that the SDK's types cannot hold.
var errUnsayable = errors.New("the SDK cannot say this")

// Local tells whether the SDK refused an input before sending it.
func Local(err error) bool {
	_, refused := errors.AsType[smithy.InvalidParamsError](err)
	_, unserializable := errors.AsType[*smithy.SerializationError](err)
	return refused || unserializable || errors.Is(err, errUnsayable)
}

// operation is a method of the SDK's client.
type operation[In, Out any] func(context.Context, *In, ...func(*sdk.Options)) (*Out, error)

// call performs an operation whose shapes have the same members on both sides.
// fix sets what the conversion cannot.
func call[Ours, In, Out any](ctx context.Context, do operation[In, Out], in any, fix func(*In)) (*Ours, *Out, error) {
	theirs := new(In)
	if err := convert(in, theirs); err != nil {
		return nil, nil, err
	}
	if fix != nil {
		fix(theirs)
	}
	answer, err := do(ctx, theirs)
	if err != nil {
		return nil, nil, exception(err)
	}
	ours := new(Ours)
	if err := complete(answer); err != nil {
		return nil, nil, err
	}
	return ours, answer, convert(answer, ours)
}

// convert copies members by name: JSON's case-insensitive decoding knows that
// Arn is arn.
func convert(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("convert %T: %w", from, err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("convert %T to %T: %w", from, to, err)
	}
	return nil
}

// complete fails when a member is missing that may not be: decoded into plain
// types it would look like an empty one.
func complete(answer any) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	var members any
	if err := json.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return present("answer", members)
}

func present(at string, v any) error {
	switch v := v.(type) {
	case nil:
		return fmt.Errorf("%s is missing", at)
	case []any:
		for i, item := range v {
			if err := present(fmt.Sprintf("%s[%d]", at, i), item); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, value := range v {
			if value == nil && slices.Contains([]string{"MessageReviewHandler", "NextToken"}, name) {
				continue
			}
			if err := present(at+"."+name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// CreateRoom implements ivschat.API.
func (a API) CreateRoom(ctx context.Context, in *ivschat.CreateRoomInput) (*ivschat.Room, error) {
	out, _, err := call[ivschat.Room](ctx, a.client.CreateRoom, in, nil)
	return out, err
}

// GetRoom implements ivschat.API.
func (a API) GetRoom(ctx context.Context, in *ivschat.GetRoomInput) (*ivschat.Room, error) {
	out, _, err := call[ivschat.Room](ctx, a.client.GetRoom, in, nil)
	return out, err
}

// UpdateRoom implements ivschat.API.
func (a API) UpdateRoom(ctx context.Context, in *ivschat.UpdateRoomInput) (*ivschat.Room, error) {
	out, _, err := call[ivschat.Room](ctx, a.client.UpdateRoom, in, nil)
	return out, err
}

// DeleteRoom implements ivschat.API.
func (a API) DeleteRoom(ctx context.Context, in *ivschat.DeleteRoomInput) (*ivschat.DeleteRoomOutput, error) {
	out, _, err := call[ivschat.DeleteRoomOutput](ctx, a.client.DeleteRoom, in, nil)
	return out, err
}

// ListRooms implements ivschat.API.
func (a API) ListRooms(ctx context.Context, in *ivschat.ListRoomsInput) (*ivschat.ListRoomsOutput, error) {
	out, _, err := call[ivschat.ListRoomsOutput](ctx, a.client.ListRooms, in, nil)
	return out, err
}

// CreateChatToken implements ivschat.API.
func (a API) CreateChatToken(ctx context.Context, in *ivschat.CreateChatTokenInput) (*ivschat.CreateChatTokenOutput, error) {
	out, _, err := call[ivschat.CreateChatTokenOutput](ctx, a.client.CreateChatToken, in, nil)
	return out, err
}

// SendEvent implements ivschat.API.
func (a API) SendEvent(ctx context.Context, in *ivschat.SendEventInput) (*ivschat.SendEventOutput, error) {
	out, _, err := call[ivschat.SendEventOutput](ctx, a.client.SendEvent, in, nil)
	return out, err
}

// DeleteMessage implements ivschat.API.
func (a API) DeleteMessage(ctx context.Context, in *ivschat.DeleteMessageInput) (*ivschat.DeleteMessageOutput, error) {
	out, _, err := call[ivschat.DeleteMessageOutput](ctx, a.client.DeleteMessage, in, nil)
	return out, err
}

// DisconnectUser implements ivschat.API.
func (a API) DisconnectUser(ctx context.Context, in *ivschat.DisconnectUserInput) (*ivschat.DisconnectUserOutput, error) {
	out, _, err := call[ivschat.DisconnectUserOutput](ctx, a.client.DisconnectUser, in, nil)
	return out, err
}

// ListTagsForResource implements ivschat.API.
func (a API) ListTagsForResource(ctx context.Context, in *ivschat.ListTagsForResourceInput) (*ivschat.ListTagsForResourceOutput, error) {
	out, _, err := call[ivschat.ListTagsForResourceOutput](ctx, a.client.ListTagsForResource, in,
		func(i *sdk.ListTagsForResourceInput) { i.ResourceArn = &in.ResourceArn })
	return out, err
}

// TagResource implements ivschat.API.
func (a API) TagResource(ctx context.Context, in *ivschat.TagResourceInput) (*ivschat.TagResourceOutput, error) {
	out, _, err := call[ivschat.TagResourceOutput](ctx, a.client.TagResource, in,
		func(i *sdk.TagResourceInput) { i.ResourceArn = &in.ResourceArn })
	return out, err
}

// UntagResource implements ivschat.API.
func (a API) UntagResource(ctx context.Context, in *ivschat.UntagResourceInput) (*ivschat.UntagResourceOutput, error) {
	out, _, err := call[ivschat.UntagResourceOutput](ctx, a.client.UntagResource, in,
		func(i *sdk.UntagResourceInput) { i.ResourceArn, i.TagKeys = &in.ResourceArn, in.TagKeys })
	return out, err
}

// CreateLoggingConfiguration implements ivschat.API.
func (a API) CreateLoggingConfiguration(ctx context.Context, in *ivschat.CreateLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	plain := *in
	plain.DestinationConfiguration = nil
	d, err := theirs(in.DestinationConfiguration)
	if err != nil {
		return nil, err
	}
	out, answer, err := call[ivschat.LoggingConfiguration](ctx, a.client.CreateLoggingConfiguration, &plain,
		func(i *sdk.CreateLoggingConfigurationInput) { i.DestinationConfiguration = d })
	if err != nil {
		return nil, err
	}
	out.DestinationConfiguration, err = ours(answer.DestinationConfiguration)
	return out, err
}

// GetLoggingConfiguration implements ivschat.API.
func (a API) GetLoggingConfiguration(ctx context.Context, in *ivschat.GetLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	out, answer, err := call[ivschat.LoggingConfiguration](ctx, a.client.GetLoggingConfiguration, in, nil)
	if err != nil {
		return nil, err
	}
	out.DestinationConfiguration, err = ours(answer.DestinationConfiguration)
	return out, err
}

// UpdateLoggingConfiguration implements ivschat.API.
func (a API) UpdateLoggingConfiguration(ctx context.Context, in *ivschat.UpdateLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	plain := *in
	plain.DestinationConfiguration = nil
	d, err := theirs(in.DestinationConfiguration)
	if err != nil {
		return nil, err
	}
	out, answer, err := call[ivschat.LoggingConfiguration](ctx, a.client.UpdateLoggingConfiguration, &plain,
		func(i *sdk.UpdateLoggingConfigurationInput) { i.DestinationConfiguration = d })
	if err != nil {
		return nil, err
	}
	out.DestinationConfiguration, err = ours(answer.DestinationConfiguration)
	return out, err
}

// DeleteLoggingConfiguration implements ivschat.API.
func (a API) DeleteLoggingConfiguration(ctx context.Context, in *ivschat.DeleteLoggingConfigurationInput) (*ivschat.DeleteLoggingConfigurationOutput, error) {
	out, _, err := call[ivschat.DeleteLoggingConfigurationOutput](ctx, a.client.DeleteLoggingConfiguration, in, nil)
	return out, err
}

// ListLoggingConfigurations implements ivschat.API.
func (a API) ListLoggingConfigurations(ctx context.Context, in *ivschat.ListLoggingConfigurationsInput) (*ivschat.ListLoggingConfigurationsOutput, error) {
	out, answer, err := call[ivschat.ListLoggingConfigurationsOutput](ctx, a.client.ListLoggingConfigurations, in, nil)
	if err != nil {
		return nil, err
	}
	for i := range out.LoggingConfigurations {
		out.LoggingConfigurations[i].DestinationConfiguration, err = ours(answer.LoggingConfigurations[i].DestinationConfiguration)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// theirs returns a destination as the SDK's union, which holds one member.
func theirs(d *ivschat.DestinationConfiguration) (types.DestinationConfiguration, error) {
	switch {
	case d == nil:
		return nil, nil
	case d.S3 != nil && d.CloudWatchLogs == nil && d.Firehose == nil:
		return &types.DestinationConfigurationMemberS3{Value: types.S3DestinationConfiguration{BucketName: &d.S3.BucketName}}, nil
	case d.CloudWatchLogs != nil && d.S3 == nil && d.Firehose == nil:
		return &types.DestinationConfigurationMemberCloudWatchLogs{
			Value: types.CloudWatchLogsDestinationConfiguration{LogGroupName: &d.CloudWatchLogs.LogGroupName}}, nil
	case d.Firehose != nil && d.S3 == nil && d.CloudWatchLogs == nil:
		return &types.DestinationConfigurationMemberFirehose{
			Value: types.FirehoseDestinationConfiguration{DeliveryStreamName: &d.Firehose.DeliveryStreamName}}, nil
	}
	return nil, fmt.Errorf("destination with none or several members: %w", errUnsayable)
}

func ours(d types.DestinationConfiguration) (ivschat.DestinationConfiguration, error) {
	switch d := d.(type) {
	case *types.DestinationConfigurationMemberS3:
		return ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: *d.Value.BucketName}}, nil
	case *types.DestinationConfigurationMemberCloudWatchLogs:
		return ivschat.DestinationConfiguration{
			CloudWatchLogs: &ivschat.CloudWatchLogsDestinationConfiguration{LogGroupName: *d.Value.LogGroupName}}, nil
	case *types.DestinationConfigurationMemberFirehose:
		return ivschat.DestinationConfiguration{
			Firehose: &ivschat.FirehoseDestinationConfiguration{DeliveryStreamName: *d.Value.DeliveryStreamName}}, nil
	}
	return ivschat.DestinationConfiguration{}, fmt.Errorf("destination is a %T", d)
}
