package chat

import (
	"context"
	"errors"
	"time"

	"github.com/parleychat/parley/internal/chatlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// probeWithin bounds how long a call waits for a destination's answer.
const probeWithin = 5 * time.Second

// probe tells whether the destination can be written to. One that does not exist
// is the caller's mistake and an error. Any other failure shows in the logging
// configuration's state only: the model's answers to Create and Update have but
// ACTIVE (spec: control-plane.md §3.1).
func (s *Service) probe(ctx context.Context, t store.Tenant, d *ivschat.DestinationConfiguration) (ok bool, err error) {
	if s.Probe == nil {
		return true, nil
	}
	trying, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	err = s.Probe(trying, t.Account, t.Region, *d)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, chatlog.ErrNotFound):
		return false, &ivschat.ResourceNotFoundException{
			Message:    "Resource not found: " + destinationName(d),
			ResourceID: destinationName(d), ResourceType: ivschat.ResourceTypeLoggingConfiguration,
		}
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	s.Logger.WarnContext(ctx, "chat logs: a logging configuration's destination cannot be written to",
		"account", t.Account, "region", t.Region, "destination", destinationName(d), "error", err)
	return false, nil
}

func destinationName(d *ivschat.DestinationConfiguration) string {
	switch {
	case d.S3 != nil:
		return d.S3.BucketName
	case d.CloudWatchLogs != nil:
		return d.CloudWatchLogs.LogGroupName
	case d.Firehose != nil:
		return d.Firehose.DeliveryStreamName
	}
	return ""
}

// createdState is the state of a new logging configuration.
func createdState(ok bool) ivschat.LoggingConfigurationState {
	if ok {
		return ivschat.LoggingConfigurationStateActive
	}
	return ivschat.LoggingConfigurationStateCreateFailed
}

// update is what becomes of a logging configuration that is updated. With a
// destination that cannot be written to only its state changes: a room's records
// go on to the destination that took them so far.
func update(lc *ivschat.LoggingConfiguration, in *ivschat.UpdateLoggingConfigurationInput, at time.Time, ok bool) {
	lc.UpdateTime = at
	if !ok {
		if lc.State != ivschat.LoggingConfigurationStateCreateFailed {
			lc.State = ivschat.LoggingConfigurationStateUpdateFailed
		}
		return
	}
	lc.State = ivschat.LoggingConfigurationStateActive
	if in.Name != nil {
		lc.Name = *in.Name
	}
	if in.DestinationConfiguration != nil {
		lc.DestinationConfiguration = *in.DestinationConfiguration
	}
}
