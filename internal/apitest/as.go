package apitest

import (
	"context"

	"github.com/parleychat/parley/ivschat"
)

// decorated is an API whose calls get another context.
type decorated struct {
	api ivschat.API
	ctx func(context.Context) context.Context
}

func (d decorated) CreateRoom(ctx context.Context, in *ivschat.CreateRoomInput) (*ivschat.Room, error) {
	return d.api.CreateRoom(d.ctx(ctx), in)
}

func (d decorated) GetRoom(ctx context.Context, in *ivschat.GetRoomInput) (*ivschat.Room, error) {
	return d.api.GetRoom(d.ctx(ctx), in)
}

func (d decorated) UpdateRoom(ctx context.Context, in *ivschat.UpdateRoomInput) (*ivschat.Room, error) {
	return d.api.UpdateRoom(d.ctx(ctx), in)
}

func (d decorated) DeleteRoom(ctx context.Context, in *ivschat.DeleteRoomInput) (*ivschat.DeleteRoomOutput, error) {
	return d.api.DeleteRoom(d.ctx(ctx), in)
}

func (d decorated) ListRooms(ctx context.Context, in *ivschat.ListRoomsInput) (*ivschat.ListRoomsOutput, error) {
	return d.api.ListRooms(d.ctx(ctx), in)
}

func (d decorated) CreateLoggingConfiguration(ctx context.Context, in *ivschat.CreateLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	return d.api.CreateLoggingConfiguration(d.ctx(ctx), in)
}

func (d decorated) GetLoggingConfiguration(ctx context.Context, in *ivschat.GetLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	return d.api.GetLoggingConfiguration(d.ctx(ctx), in)
}

func (d decorated) UpdateLoggingConfiguration(ctx context.Context, in *ivschat.UpdateLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	return d.api.UpdateLoggingConfiguration(d.ctx(ctx), in)
}

func (d decorated) DeleteLoggingConfiguration(ctx context.Context, in *ivschat.DeleteLoggingConfigurationInput) (*ivschat.DeleteLoggingConfigurationOutput, error) {
	return d.api.DeleteLoggingConfiguration(d.ctx(ctx), in)
}

func (d decorated) ListLoggingConfigurations(ctx context.Context, in *ivschat.ListLoggingConfigurationsInput) (*ivschat.ListLoggingConfigurationsOutput, error) {
	return d.api.ListLoggingConfigurations(d.ctx(ctx), in)
}

func (d decorated) CreateChatToken(ctx context.Context, in *ivschat.CreateChatTokenInput) (*ivschat.CreateChatTokenOutput, error) {
	return d.api.CreateChatToken(d.ctx(ctx), in)
}

func (d decorated) SendEvent(ctx context.Context, in *ivschat.SendEventInput) (*ivschat.SendEventOutput, error) {
	return d.api.SendEvent(d.ctx(ctx), in)
}

func (d decorated) DeleteMessage(ctx context.Context, in *ivschat.DeleteMessageInput) (*ivschat.DeleteMessageOutput, error) {
	return d.api.DeleteMessage(d.ctx(ctx), in)
}

func (d decorated) DisconnectUser(ctx context.Context, in *ivschat.DisconnectUserInput) (*ivschat.DisconnectUserOutput, error) {
	return d.api.DisconnectUser(d.ctx(ctx), in)
}

func (d decorated) ListTagsForResource(ctx context.Context, in *ivschat.ListTagsForResourceInput) (*ivschat.ListTagsForResourceOutput, error) {
	return d.api.ListTagsForResource(d.ctx(ctx), in)
}

func (d decorated) TagResource(ctx context.Context, in *ivschat.TagResourceInput) (*ivschat.TagResourceOutput, error) {
	return d.api.TagResource(d.ctx(ctx), in)
}

func (d decorated) UntagResource(ctx context.Context, in *ivschat.UntagResourceInput) (*ivschat.UntagResourceOutput, error) {
	return d.api.UntagResource(d.ctx(ctx), in)
}
