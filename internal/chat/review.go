package chat

import (
	"context"
	"errors"
	"strings"

	"github.com/parleychat/parley/internal/review"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
	"github.com/parleychat/parley/ivschat/messaging"
)

// textRejected answers a denial without a reason (spec: review-handler.md §3).
const textRejected = "Message rejected by the message review handler"

// reviewed tells whether the room has a handler.
func reviewed(room *ivschat.Room) bool {
	h := room.MessageReviewHandler
	return h != nil && text(h.URI) != ""
}

// waits tells whether a message of the room has to wait for its review.
func (a Actions) waits(room *ivschat.Room) bool {
	return reviewed(room) && a.service.Reviewer != nil && a.service.Reviewer.Waits(*room.MessageReviewHandler.URI)
}

// sending is a message that was admitted and is on its way through its review.
type sending struct {
	actions Actions
	where   roomlog.Room
	room    *ivschat.Room
	ip      string
	message messaging.Message
}

// finish reviews the message and, in its turn, posts it.
func (s *sending) finish(ctx context.Context, turn func()) error {
	rejected := s.review(ctx)
	turn()
	if rejected != nil {
		return rejected
	}
	// Meanwhile the room may have been deleted, or begun to be logged.
	room, err := s.actions.service.room(ctx, s.where)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(messaging.ErrorRoomNotFound, "The room does not exist")
	}
	if err != nil {
		return s.actions.failed(s.where, err)
	}
	return s.actions.post(ctx, s.where, room, &s.message, 0)
}

// review lets the room's handler change or reject the message.
func (s *sending) review(ctx context.Context) error {
	if !reviewed(s.room) {
		return nil
	}
	h := s.room.MessageReviewHandler
	verdict, err := s.actions.verdict(ctx, review.Handler{
		URI:          *h.URI,
		FallbackDeny: h.FallbackResult != nil && *h.FallbackResult == ivschat.FallbackResultDeny,
	}, review.Request{
		Content: s.message.Content, MessageID: s.message.ID, RoomARN: s.room.Arn, Attributes: s.message.Attributes,
		Sender:     review.Sender{UserID: s.message.Sender.UserID, Attributes: s.message.Sender.Attributes, IP: s.ip},
		MaxContent: int(s.room.MaximumMessageLength),
	})
	switch {
	case err != nil: // the server stops before there is a verdict
		return refuse(messaging.ErrorInternal, "The service is shutting down")
	case verdict.Deny && verdict.Reason != "":
		return &messaging.Error{ID: s.message.ID, Code: messaging.ErrorRejected, Message: verdict.Reason}
	case verdict.Deny:
		return &messaging.Error{ID: s.message.ID, Code: messaging.ErrorRejected, Message: textRejected}
	}
	s.message.Content, s.message.Attributes = verdict.Content, verdict.Attributes
	return nil
}

// verdict asks the reviewer. A service without one has no handlers that could be
// called: each fails, and the fallback result decides.
func (a Actions) verdict(ctx context.Context, h review.Handler, q review.Request) (review.Verdict, error) {
	if a.service.Reviewer == nil {
		return review.Verdict{Deny: h.FallbackDeny, Content: q.Content, Attributes: q.Attributes}, nil
	}
	return a.service.Reviewer.Review(ctx, h, q)
}

// checkHandler holds the rules that a handler's function is in the room's
// account and region, and that it can be invoked: here, that the operator said
// what its ARN means (spec: control-plane.md §2.1).
func (s *Service) checkHandler(t store.Tenant, h *ivschat.MessageReviewHandler) []ivschat.ValidationExceptionField {
	if h == nil || text(h.URI) == "" {
		return nil
	}
	if !strings.HasPrefix(*h.URI, "arn:aws:lambda:"+t.Region+":"+t.Account+":") {
		return []ivschat.ValidationExceptionField{{
			Name: "messageReviewHandler.uri", Message: "the function must be in the room's account and region",
		}}
	}
	if s.Reviewer == nil || s.AcceptUnresolved || s.Reviewer.Resolves(*h.URI) {
		return nil
	}
	return []ivschat.ValidationExceptionField{{Name: "uri", Message: "invalid lambda permission"}}
}
