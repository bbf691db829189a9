package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// SendEvent implements ivschat.API.
func (s *Service) SendEvent(ctx context.Context, in *ivschat.SendEventInput) (*ivschat.SendEventOutput, error) {
	event := messaging.Event{Name: in.EventName, Attributes: in.Attributes}
	id, err := s.operate(ctx, "SendEvent", strict{in, s.checkEvent(in)}, in.RoomIdentifier, 0, roomlog.Entry{Kind: roomlog.KindEvent}, event)
	if err != nil {
		return nil, err
	}
	return &ivschat.SendEventOutput{ID: id}, nil
}

// checkEvent holds the rules on events that are settings (spec: unknowns.md
// U-CP-04, U-CP-14).
func (s *Service) checkEvent(in *ivschat.SendEventInput) (fields []ivschat.ValidationExceptionField) {
	if strings.HasPrefix(in.EventName, "aws:") && !s.ReservedEvents {
		fields = append(fields, ivschat.ValidationExceptionField{
			Name: "eventName", Message: `value must not begin with "aws:", which is reserved`,
		})
	}
	if ivschat.AttributeBytes(in.Attributes) > s.EventAttributes {
		fields = append(fields, ivschat.ValidationExceptionField{
			Name: "attributes", Message: fmt.Sprintf("keys and values must be at most %d bytes in all", s.EventAttributes),
		})
	}
	return fields
}

// DeleteMessage implements ivschat.API. Any well-formed id succeeds: there is
// no history to look it up in (spec: control-plane.md §4.3).
func (s *Service) DeleteMessage(ctx context.Context, in *ivschat.DeleteMessageInput) (*ivschat.DeleteMessageOutput, error) {
	event := messaging.DeleteMessageEvent(in.ID, text(in.Reason))
	id, err := s.operate(ctx, "DeleteMessage", in, in.RoomIdentifier, s.limits(tenant(ctx)).DeleteMessage,
		roomlog.Entry{Kind: roomlog.KindDelete}, event)
	if err != nil {
		return nil, err
	}
	return &ivschat.DeleteMessageOutput{ID: id}, nil
}

// DisconnectUser implements ivschat.API. A user without connections is no error.
func (s *Service) DisconnectUser(ctx context.Context, in *ivschat.DisconnectUserInput) (*ivschat.DisconnectUserOutput, error) {
	event := messaging.DisconnectUserEvent(in.UserID, text(in.Reason))
	_, err := s.operate(ctx, "DisconnectUser", in, in.RoomIdentifier, s.limits(tenant(ctx)).DisconnectUser,
		roomlog.Entry{Kind: roomlog.KindDisconnect, UserID: in.UserID}, event)
	if err != nil {
		return nil, err
	}
	return &ivschat.DisconnectUserOutput{}, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// operate is an operation that publishes one event; rate is the account's for
// it. It returns the event's id.
func (s *Service) operate(ctx context.Context, operation string, in input, identifier string, rate int, e roomlog.Entry, event messaging.Event) (string, error) {
	s.Operated(operation)
	t, err := s.begin(ctx, operation, in, identifier)
	if err != nil {
		return "", err
	}
	where := key(t, idOf(identifier))
	room, err := s.room(ctx, where)
	if err != nil {
		return "", wire(err, identifier)
	}
	if !s.rates.Allow(limit.Key{Account: t.Account, Region: t.Region, What: operation}, rate) {
		s.Throttled(operation)
		return "", ivschat.Throttled(identifier, int32(rate))
	}
	return s.publish(ctx, where, room, e, event)
}

// publish appends an event to the room's log and returns its id. A room whose
// deliveries are behind takes none: what waits for viewers stays bounded. No
// limit that has a number was reached then; the room's rate is the nearest.
func (s *Service) publish(ctx context.Context, where roomlog.Room, room *ivschat.Room, e roomlog.Entry, event messaging.Event) (string, error) {
	if s.Overloaded(where) {
		s.Throttled(limit.QuotaDeliveries)
		return "", ivschat.Throttled(room.Arn, room.MaximumMessageRatePerSecond)
	}
	event.ID, event.SendTime = id.New(), time.Now()
	e.ID, e.Time, e.Payload = event.ID, event.SendTime, event.Append(nil)
	_, err := s.Log.Append(ctx, where, e, roomlog.Terms{LoggingConfigurations: room.LoggingConfigurationIdentifiers})
	if err != nil {
		return "", err
	}
	return event.ID, nil
}
