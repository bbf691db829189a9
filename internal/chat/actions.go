package chat

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// Actions is what sessions may ask of the service. Capabilities and the
// connection's own rate were checked by then; every refusal is a
// *messaging.Error without RequestID.
type Actions struct{ service *Service }

// Actions returns the messaging side of the service.
func (s *Service) Actions() Actions { return Actions{s} }

// Admit tells whether a session may begin: its room exists and its account is
// in good standing.
func (a Actions) Admit(ctx context.Context, u principal.User) error {
	_, _, err := a.enter(ctx, u)
	return err
}

// enter finds the room that the user acts in.
func (a Actions) enter(ctx context.Context, u principal.User) (roomlog.Room, *ivschat.Room, error) {
	where := roomlog.Room{Account: u.Account, Region: u.Region, ID: u.RoomID}
	if a.service.Pending(u.Account) {
		return where, nil, refuse(messaging.ErrorForbidden, "The account is pending verification")
	}
	room, err := a.service.room(ctx, where)
	if errors.Is(err, store.ErrNotFound) {
		return where, nil, refuse(messaging.ErrorRoomNotFound, "The room does not exist")
	}
	if err != nil {
		return where, nil, a.failed(where, err)
	}
	return where, room, nil
}

// SendMessage sends a message to everyone in the user's room.
func (a Actions) SendMessage(ctx context.Context, u principal.User, r *messaging.Request) error {
	received := time.Now()
	where, room, err := a.enter(ctx, u)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(r.Content) > int(room.MaximumMessageLength) {
		return refuse(messaging.ErrorInvalid, messaging.TextTooLong)
	}
	if a.service.Overloaded(where) {
		a.service.Throttled(limit.QuotaDeliveries)
		return refuse(messaging.ErrorThrottled, messaging.TextThrottled)
	}
	if err := a.allow(where, limit.QuotaSendMessage, a.service.Quotas.SendMessage); err != nil {
		return err
	}
	message := messaging.Message{
		ID: id.New(), RequestID: r.RequestID, Attributes: r.Attributes, Content: r.Content, SendTime: received,
		Sender: messaging.Sender{UserID: u.UserID, Attributes: u.Attributes},
	}
	terms := roomlog.Terms{LoggingConfigurations: room.LoggingConfigurationIdentifiers}
	if a.service.Quotas.RoomRates {
		terms.Rate = int(room.MaximumMessageRatePerSecond)
	}
	if err := a.review(where, room.MessageReviewHandler, terms.Rate, message.ID); err != nil {
		return err
	}
	entry := roomlog.Entry{Kind: roomlog.KindMessage, ID: message.ID, Time: received, Payload: message.Append(nil)}
	if _, err = a.service.Log.Append(ctx, where, entry, terms); err != nil {
		a.giveBack(where)
	}
	return a.answer(where, err)
}

// review decides a message of a room that has a handler. Handlers are not
// called: each counts as failed, and the fallback result decides
// (spec: review-handler.md §4). What comes to review has passed the room's
// rate, and counts against it when it is denied (spec: unknowns.md U-RH-06).
func (a Actions) review(where roomlog.Room, h *ivschat.MessageReviewHandler, rate int, messageID string) error {
	if h == nil || text(h.URI) == "" {
		return nil
	}
	reviewed := limit.Key{Account: where.Account, Region: where.Region, What: where.ID}
	if !a.service.reviews.Allow(reviewed, rate) {
		a.giveBack(where)
		a.service.Throttled(limit.QuotaRoomMessages)
		return refuse(messaging.ErrorThrottled, messaging.TextThrottled)
	}
	if h.FallbackResult == nil || *h.FallbackResult != ivschat.FallbackResultDeny {
		return nil
	}
	return &messaging.Error{
		ID: messageID, Code: messaging.ErrorRejected, Message: "Message rejected by the message review handler",
	}
}

// DeleteMessage tells everyone in the user's room to drop a message.
func (a Actions) DeleteMessage(ctx context.Context, u principal.User, r *messaging.Request) error {
	event := messaging.DeleteMessageEvent(r.ID, r.Reason)
	event.RequestID = r.RequestID
	return a.moderate(ctx, u, limit.QuotaDeleteMessage, a.service.Quotas.DeleteMessage, roomlog.Entry{Kind: roomlog.KindDelete}, event)
}

// DisconnectUser ends all of a user's connections to the user's room.
func (a Actions) DisconnectUser(ctx context.Context, u principal.User, r *messaging.Request) error {
	event := messaging.DisconnectUserEvent(r.UserID, r.Reason)
	event.RequestID = r.RequestID
	entry := roomlog.Entry{Kind: roomlog.KindDisconnect, UserID: r.UserID}
	return a.moderate(ctx, u, limit.QuotaDisconnectUser, a.service.Quotas.DisconnectUser, entry, event)
}

func (a Actions) moderate(ctx context.Context, u principal.User, what string, rate int, e roomlog.Entry, event messaging.Event) error {
	where, room, err := a.enter(ctx, u)
	if err != nil {
		return err
	}
	if err := a.allow(where, what, rate); err != nil {
		return err
	}
	_, err = a.service.publish(ctx, where, room, e, event)
	return a.answer(where, err)
}

// allow counts against the account's rate, shared with the control plane.
func (a Actions) allow(where roomlog.Room, what string, rate int) error {
	if a.service.rates.Allow(limit.Key{Account: where.Account, Region: where.Region, What: what}, rate) {
		return nil
	}
	a.service.Throttled(what)
	return refuse(messaging.ErrorThrottled, messaging.TextThrottled)
}

// answer turns the room log's refusals into the wire's.
func (a Actions) answer(where roomlog.Room, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, roomlog.ErrRate):
		a.service.Throttled(limit.QuotaRoomMessages)
		return refuse(messaging.ErrorThrottled, messaging.TextThrottled)
	case throttled(err):
		return refuse(messaging.ErrorThrottled, messaging.TextThrottled)
	}
	return a.failed(where, err)
}

// giveBack undoes allow for a message that the room refused: refusals count
// against the connection's rate only (spec: messaging.md §6).
func (a Actions) giveBack(where roomlog.Room) {
	a.service.rates.Return(limit.Key{Account: where.Account, Region: where.Region, What: limit.QuotaSendMessage})
}

func throttled(err error) bool {
	_, ok := errors.AsType[*ivschat.ThrottlingException](err)
	return ok
}

// failed hides an internal error from the wire and shows it to the operator.
func (a Actions) failed(where roomlog.Room, err error) error {
	a.service.Logger.Error("messaging request failed", "room", where.ID, "error", strings.ToValidUTF8(err.Error(), "?"))
	return refuse(messaging.ErrorInternal, "An internal error occurred")
}

func refuse(code messaging.ErrorCode, message string) error {
	return &messaging.Error{Code: code, Message: message}
}
