package chat_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/parleychat/parley/internal/chat"
	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/ivschat"
)

func TestADestinationThatDoesNotExistIsRefused(t *testing.T) {
	s, ctx := service(t, chat.Options{
		Probe: func(_ context.Context, _, _ string, c ivschat.DestinationConfiguration) error {
			if c.S3.BucketName == "nowhere" {
				return fmt.Errorf("bucket: %w", chatlog.ErrNotFound)
			}
			return nil
		},
	})
	bucket := func(name string) *ivschat.DestinationConfiguration {
		return &ivschat.DestinationConfiguration{S3: &ivschat.S3DestinationConfiguration{BucketName: name}}
	}
	refused := func(what string, err error) {
		t.Helper()
		if e, ok := errors.AsType[*ivschat.ResourceNotFoundException](err); !ok || e.ResourceID != "nowhere" {
			t.Errorf("%s: %v, want ResourceNotFoundException of the bucket", what, err)
		}
	}
	_, err := s.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: bucket("nowhere")})
	refused("create", err)
	list, err := s.ListLoggingConfigurations(ctx, &ivschat.ListLoggingConfigurationsInput{})
	if err != nil || len(list.LoggingConfigurations) != 0 {
		t.Errorf("%v, %v: what was refused was made", list, err)
	}
	made, err := s.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{DestinationConfiguration: bucket("here")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{Identifier: made.Arn, DestinationConfiguration: bucket("nowhere")})
	refused("update", err)
	got, err := s.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: made.Arn})
	if err != nil || got.DestinationConfiguration.S3.BucketName != "here" || got.State != ivschat.LoggingConfigurationStateActive {
		t.Errorf("%+v, %v: the refused update changed something", got, err)
	}
}
