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
	switch a.service.Account(u.Account) {
	case AccountPending:
		return where, nil, refuse(messaging.ErrorForbidden, "The account is pending verification")
	case AccountSuspended:
		return where, nil, refuse(messaging.ErrorForbidden, principal.TextSuspended)
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

// SendMessage sends a message to everyone in the user's room. A message that has
// to wait, for its review or because earlier ones of its session do (behind), is
// only admitted; rest does the remainder and may be called from any goroutine.
// It calls turn once, which returns when the earlier ones are through.
func (a Actions) SendMessage(ctx context.Context, u principal.User, r *messaging.Request, behind bool) (rest func(turn func()) error, err error) {
	received := time.Now()
	where, room, err := a.enter(ctx, u)
	if err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(r.Content) > int(room.MaximumMessageLength) {
		return nil, refuse(messaging.ErrorInvalid, messaging.TextTooLong)
	}
	if a.service.Overloaded(where) {
		a.service.Throttled(limit.QuotaDeliveries)
		return nil, refuse(messaging.ErrorThrottled, messaging.TextThrottled)
	}
	limits := a.limits(u)
	if err := a.allow(where, limit.QuotaSendMessage, limits.SendMessage); err != nil {
		return nil, err
	}
	message := messaging.Message{
		ID: id.New(), RequestID: r.RequestID, Attributes: r.Attributes, Content: r.Content, SendTime: received,
		Sender: messaging.Sender{UserID: u.UserID, Attributes: u.Attributes},
	}
	rate := limits.RoomRate(room.MaximumMessageRatePerSecond)
	if !reviewed(room) && a.service.LogWait > 0 {
		return a.later(ctx, received, func(ctx context.Context) error { return a.post(ctx, where, room, &message, rate) }), nil
	}
	if !reviewed(room) && !behind {
		return nil, a.post(ctx, where, room, &message, rate)
	}
	// What the room's rate refuses is not reviewed, and what is denied has been
	// counted (spec: review-handler.md §1, unknowns.md U-RH-06).
	if err := a.service.Log.Admit(ctx, where, rate); err != nil {
		a.giveBack(where)
		return nil, a.answer(where, err)
	}
	s := sending{a, where, room, u.IP, message}
	if !behind && !a.waits(room) {
		return nil, s.finish(ctx, func() {})
	}
	return func(turn func()) error { return s.finish(ctx, turn) }, nil
}

// post appends a message to the room's log.
func (a Actions) post(ctx context.Context, where roomlog.Room, room *ivschat.Room, m *messaging.Message, rate int) error {
	entry := roomlog.Entry{Kind: roomlog.KindMessage, ID: m.ID, Time: m.SendTime, Payload: m.Append(nil)}
	terms := roomlog.Terms{Rate: rate, LoggingConfigurations: room.LoggingConfigurationIdentifiers}
	if _, err := a.service.Log.Append(ctx, where, entry, terms); err != nil {
		a.giveBack(where)
		return a.answer(where, err)
	}
	return nil
}

// later is what does something in its turn, as long as a request may wait.
func (a Actions) later(ctx context.Context, received time.Time, do func(context.Context) error) func(turn func()) error {
	return func(turn func()) error {
		ctx, cancel := context.WithDeadline(ctx, received.Add(a.service.LogWait))
		defer cancel()
		turn()
		return do(ctx)
	}
}

// DeleteMessage tells everyone in the user's room to drop a message, as SendMessage
// does.
func (a Actions) DeleteMessage(ctx context.Context, u principal.User, r *messaging.Request) (rest func(turn func()) error, err error) {
	event := messaging.DeleteMessageEvent(r.ID, r.Reason)
	event.RequestID = r.RequestID
	return a.moderate(ctx, u, limit.QuotaDeleteMessage, a.limits(u).DeleteMessage, roomlog.Entry{Kind: roomlog.KindDelete}, event)
}

// DisconnectUser ends all of a user's connections to the user's room, as SendMessage
// does.
func (a Actions) DisconnectUser(ctx context.Context, u principal.User, r *messaging.Request) (rest func(turn func()) error, err error) {
	event := messaging.DisconnectUserEvent(r.UserID, r.Reason)
	event.RequestID = r.RequestID
	entry := roomlog.Entry{Kind: roomlog.KindDisconnect, UserID: r.UserID}
	return a.moderate(ctx, u, limit.QuotaDisconnectUser, a.limits(u).DisconnectUser, entry, event)
}

func (a Actions) moderate(ctx context.Context, u principal.User, what string, rate int, e roomlog.Entry, event messaging.Event) (rest func(turn func()) error, err error) {
	received := time.Now()
	where, room, err := a.enter(ctx, u)
	if err != nil {
		return nil, err
	}
	if err := a.allow(where, what, rate); err != nil {
		return nil, err
	}
	publish := func(ctx context.Context) error {
		_, err := a.service.publish(ctx, where, room, e, event)
		return a.answer(where, err)
	}
	if a.service.LogWait > 0 {
		return a.later(ctx, received, publish), nil
	}
	return nil, publish(ctx)
}

func (a Actions) limits(u principal.User) *limit.Profile {
	return a.service.Quotas.For(u.Account, u.Region)
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
