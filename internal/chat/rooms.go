package chat

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// Defaults of a room (spec: control-plane.md §2.1).
const (
	defaultRate   = 10
	defaultLength = 500
	defaultPage   = 50
)

// CreateRoom implements ivschat.API.
func (s *Service) CreateRoom(ctx context.Context, in *ivschat.CreateRoomInput) (*ivschat.Room, error) {
	checked := strict{in, s.checkHandler(tenant(ctx), in.MessageReviewHandler)}
	t, err := s.begin(ctx, "CreateRoom", checked, in.LoggingConfigurationIdentifiers...)
	if err != nil {
		return nil, err
	}
	room := NewRoom(t, id.New())
	change(room, in.Name, in.MaximumMessageRatePerSecond, in.MaximumMessageLength,
		in.MessageReviewHandler, in.LoggingConfigurationIdentifiers)
	if in.Tags != nil {
		room.Tags = maps.Clone(in.Tags)
	}
	most := s.limits(t).Rooms
	err = s.Store.CreateRoom(ctx, t, room, most)
	if errors.Is(err, store.ErrQuota) {
		s.Throttled(limit.QuotaRooms)
		return nil, quotaExceeded(ivschat.ResourceTypeRoom, "rooms", most)
	}
	if err != nil {
		return nil, wire(err, room.Arn)
	}
	return room, nil
}

// NewRoom returns a room with every default, not yet stored.
func NewRoom(t store.Tenant, roomID string) *ivschat.Room {
	created := now()
	return &ivschat.Room{
		Arn: arn.ARN{Region: t.Region, Account: t.Account, Type: arn.Room, ID: roomID}.String(),
		ID:  roomID, CreateTime: created, UpdateTime: created,
		MaximumMessageRatePerSecond: defaultRate, MaximumMessageLength: defaultLength,
		Tags: map[string]string{}, LoggingConfigurationIdentifiers: []string{},
	}
}

// change sets the members that are present.
func change(room *ivschat.Room, name *string, rate, length *int32, h *ivschat.MessageReviewHandler, logging []string) {
	if name != nil {
		room.Name = *name
	}
	if rate != nil {
		room.MaximumMessageRatePerSecond = *rate
	}
	if length != nil {
		room.MaximumMessageLength = *length
	}
	if logging != nil {
		room.LoggingConfigurationIdentifiers = append([]string{}, logging...)
	}
	room.MessageReviewHandler = merge(room.MessageReviewHandler, h)
}

// merge replaces a handler's members one by one. A room that never had a
// handler has none until a URI comes; one whose handler was taken away shows
// an empty URI (spec: unknowns.md U-CP-01, U-CP-08).
func merge(old, h *ivschat.MessageReviewHandler) *ivschat.MessageReviewHandler {
	if h == nil || (old == nil && (h.URI == nil || *h.URI == "")) {
		return old
	}
	merged := ivschat.MessageReviewHandler{URI: new(""), FallbackResult: new(ivschat.FallbackResultAllow)}
	for _, from := range []*ivschat.MessageReviewHandler{old, h} {
		if from == nil {
			continue
		}
		if from.URI != nil {
			merged.URI = new(*from.URI)
		}
		if from.FallbackResult != nil {
			merged.FallbackResult = new(*from.FallbackResult)
		}
	}
	return &merged
}

// GetRoom implements ivschat.API.
func (s *Service) GetRoom(ctx context.Context, in *ivschat.GetRoomInput) (*ivschat.Room, error) {
	t, err := s.begin(ctx, "GetRoom", in, in.Identifier)
	if err != nil {
		return nil, err
	}
	room, err := s.Store.Room(ctx, t, idOf(in.Identifier))
	if err != nil {
		return nil, wire(err, in.Identifier)
	}
	return room, nil
}

// UpdateRoom implements ivschat.API.
func (s *Service) UpdateRoom(ctx context.Context, in *ivschat.UpdateRoomInput) (*ivschat.Room, error) {
	checked := strict{in, s.checkHandler(tenant(ctx), in.MessageReviewHandler)}
	t, err := s.begin(ctx, "UpdateRoom", checked, append([]string{in.Identifier}, in.LoggingConfigurationIdentifiers...)...)
	if err != nil {
		return nil, err
	}
	room, err := s.Store.UpdateRoom(ctx, t, idOf(in.Identifier), func(room *ivschat.Room) error {
		change(room, in.Name, in.MaximumMessageRatePerSecond, in.MaximumMessageLength,
			in.MessageReviewHandler, in.LoggingConfigurationIdentifiers)
		room.UpdateTime = now()
		return nil
	})
	if err != nil {
		return nil, wire(err, in.Identifier)
	}
	s.announce(ctx, key(t, room.ID))
	return room, nil
}

// DeleteRoom implements ivschat.API.
func (s *Service) DeleteRoom(ctx context.Context, in *ivschat.DeleteRoomInput) (*ivschat.DeleteRoomOutput, error) {
	t, err := s.begin(ctx, "DeleteRoom", in, in.Identifier)
	if err != nil {
		return nil, err
	}
	roomID := idOf(in.Identifier)
	if err := s.Store.DeleteRoom(ctx, t, roomID); err != nil {
		return nil, wire(err, in.Identifier)
	}
	s.announce(ctx, key(t, roomID))
	return &ivschat.DeleteRoomOutput{}, nil
}

// announce makes every node drop what it has cached of the room. The change is
// stored already: when the entry cannot be appended, age ends the cache.
func (s *Service) announce(ctx context.Context, room roomlog.Room) {
	s.rooms.drop(room)
	if _, err := s.Log.Append(ctx, room, roomlog.Entry{Kind: roomlog.KindControl}, roomlog.Terms{}); err != nil {
		s.Logger.Warn("room change not announced; other nodes see it late", "room", room.ID, "error", err)
	}
}

// ListRooms implements ivschat.API.
func (s *Service) ListRooms(ctx context.Context, in *ivschat.ListRoomsInput) (*ivschat.ListRoomsOutput, error) {
	filter := store.RoomFilter{
		Name: present(in.Name), HandlerURI: present(in.MessageReviewHandlerURI),
		LoggingConfigurationARN: in.LoggingConfigurationIdentifier,
	}
	page := s.page(tenant(ctx), "ListRooms", in.MaxResults, filter.Name, filter.HandlerURI, filter.LoggingConfigurationARN)
	after, fields := page.open(in.NextToken)
	var identifiers []string
	if filter.LoggingConfigurationARN != nil {
		identifiers = append(identifiers, *filter.LoggingConfigurationARN)
	}
	t, err := s.begin(ctx, "ListRooms", strict{in, fields}, identifiers...)
	if err != nil {
		return nil, err
	}
	for _, identifier := range identifiers {
		if _, err := s.Store.LoggingConfiguration(ctx, t, idOf(identifier)); err != nil {
			return nil, wire(err, identifier)
		}
	}
	rooms, err := s.Store.Rooms(ctx, t, filter, after, page.size+1)
	if err != nil {
		return nil, wire(fmt.Errorf("list rooms: %w", err), "")
	}
	out := &ivschat.ListRoomsOutput{Rooms: make([]ivschat.RoomSummary, 0, len(rooms))}
	if len(rooms) > page.size {
		rooms = rooms[:page.size]
		last := rooms[page.size-1]
		out.NextToken = page.seal(last.UpdateTime, last.ID)
	}
	for i := range rooms {
		out.Rooms = append(out.Rooms, rooms[i].Summary())
	}
	return out, nil
}

// present makes of an empty filter none, as the CLI's examples use it.
func present(s *string) *string {
	if s == nil || *s == "" {
		return nil
	}
	return s
}
