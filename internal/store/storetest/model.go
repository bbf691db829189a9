package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// reference is what one tenant's part of the store should be.
type reference struct {
	tenant  store.Tenant
	rooms   map[string]ivschat.Room
	logging map[string]ivschat.LoggingConfiguration
}

// model does random operations for tenants whose resources have the same ids
// and looks after each that every tenant sees its own and all of its own.
func model(t *testing.T, s *store.Store) {
	account := 0
	rapid.Check(t, func(rt *rapid.T) {
		// Tenants of their own for every round: one store serves all rounds.
		account += 2
		m := &machine{store: s}
		for _, tenant := range []store.Tenant{
			{Account: fmt.Sprintf("%012d", account), Region: "us-west-2"},
			{Account: fmt.Sprintf("%012d", account), Region: "eu-west-1"},
			{Account: fmt.Sprintf("%012d", account+1), Region: "us-west-2"},
		} {
			m.tenants = append(m.tenants, &reference{
				tenant: tenant, rooms: map[string]ivschat.Room{}, logging: map[string]ivschat.LoggingConfiguration{},
			})
		}
		rt.Repeat(rapid.StateMachineActions(m))
	})
}

type machine struct {
	store   *store.Store
	tenants []*reference
	checks  int
}

const limit = 4

var (
	anyID     = rapid.SampledFrom([]string{"abcdefghij01", "abcdefghij02", "abcdefghij03", "Abcdefghij01", "zzzzzzzzzz99"})
	anyName   = rapid.SampledFrom([]string{"", "stage", "Stage", "stage-2"})
	anyURI    = rapid.SampledFrom([]string{"", "arn:aws:lambda:us-west-2:123456789012:function:a", "arn:aws:lambda:us-west-2:123456789012:function:b"})
	anyTime   = rapid.Int64Range(0, 5) // few, so that many are equal
	anyTags   = rapid.MapOfN(rapid.StringN(1, 8, 32), rapid.StringN(0, 8, 32), 0, 3)
	anyState  = rapid.SampledFrom([]ivschat.LoggingConfigurationState{ivschat.LoggingConfigurationStateActive, ivschat.LoggingConfigurationStateActive, ivschat.LoggingConfigurationStateCreating})
	errChange = errors.New("changed my mind")
)

func (m *machine) any(t *rapid.T) *reference { return rapid.SampledFrom(m.tenants).Draw(t, "tenant") }

// anyLogging draws ARNs, most of them of the tenant, some of another.
func (m *machine) anyLogging(t *rapid.T, r *reference) []string {
	list := []string{}
	for _, id := range rapid.SliceOfNDistinct(anyID, 0, 3, rapid.ID).Draw(t, "attached") {
		owner := r
		if rapid.IntRange(0, 9).Draw(t, "foreign") == 0 {
			owner = m.any(t)
		}
		list = append(list, loggingARN(owner.tenant, id))
	}
	return list
}

func (m *machine) editRoom(t *rapid.T, r *reference, room *ivschat.Room) {
	room.Name = anyName.Draw(t, "name")
	room.UpdateTime = at(anyTime.Draw(t, "time"))
	room.MaximumMessageRatePerSecond = rapid.Int32Range(1, 100).Draw(t, "rate")
	if rapid.Bool().Draw(t, "handler") {
		room.MessageReviewHandler = &ivschat.MessageReviewHandler{
			URI: new(anyURI.Draw(t, "uri")), FallbackResult: new(ivschat.FallbackResultDeny)}
	}
	if rapid.Bool().Draw(t, "reattach") {
		room.LoggingConfigurationIdentifiers = m.anyLogging(t, r)
	}
}

// refusal returns what the store must say of a changed list of logging configurations.
func (r *reference) refusal(attached []string) *store.LoggingConfigurationError {
	for _, text := range attached {
		i := slices.IndexFunc(slices.Collect(maps.Values(r.logging)), func(lc ivschat.LoggingConfiguration) bool { return lc.Arn == text })
		if i < 0 {
			return &store.LoggingConfigurationError{ARN: text, Missing: true}
		}
		a, _ := arn.Parse(text)
		if r.logging[a.ID].State != ivschat.LoggingConfigurationStateActive {
			return &store.LoggingConfigurationError{ARN: text}
		}
	}
	return nil
}

func (m *machine) CreateRoom(t *rapid.T) {
	r := m.any(t)
	room := *newRoom(r.tenant, anyID.Draw(t, "id"), at(0))
	room.Tags = anyTags.Draw(t, "tags")
	m.editRoom(t, r, &room)
	_, exists := r.rooms[room.ID]
	full := len(r.rooms) >= limit
	refusal := r.refusal(room.LoggingConfigurationIdentifiers)
	err := m.store.CreateRoom(context.Background(), r.tenant, &room, limit)
	switch {
	case full:
		is(t, err, store.ErrQuota)
	case exists:
		if err == nil {
			t.Fatalf("room %s was created twice", room.ID)
		}
	case refusal != nil:
		wantLoggingError(t, err, refusal.ARN, refusal.Missing)
	default:
		ok(t, err)
		r.rooms[room.ID] = room
	}
}

func (m *machine) UpdateRoom(t *rapid.T) {
	r := m.any(t)
	id := anyID.Draw(t, "id")
	room, exists := r.rooms[id]
	before := room.LoggingConfigurationIdentifiers
	m.editRoom(t, r, &room)
	undo := rapid.IntRange(0, 4).Draw(t, "undo") == 0
	got, err := m.store.UpdateRoom(context.Background(), r.tenant, id, func(stored *ivschat.Room) error {
		*stored = room
		if undo {
			return errChange
		}
		return nil
	})
	var refusal *store.LoggingConfigurationError
	if !slices.Equal(before, room.LoggingConfigurationIdentifiers) {
		refusal = r.refusal(room.LoggingConfigurationIdentifiers)
	}
	switch {
	case !exists:
		is(t, err, store.ErrNotFound)
	case undo:
		is(t, err, errChange)
	case refusal != nil:
		wantLoggingError(t, err, refusal.ARN, refusal.Missing)
	default:
		ok(t, err)
		equal(t, *got, room)
		r.rooms[id] = room
	}
}

func (m *machine) DeleteRoom(t *rapid.T) {
	r := m.any(t)
	id := anyID.Draw(t, "id")
	err := m.store.DeleteRoom(context.Background(), r.tenant, id)
	if _, exists := r.rooms[id]; !exists {
		is(t, err, store.ErrNotFound)
		return
	}
	ok(t, err)
	delete(r.rooms, id)
}

func (m *machine) CreateLoggingConfiguration(t *rapid.T) {
	r := m.any(t)
	lc := *newLogging(r.tenant, anyID.Draw(t, "id"), at(anyTime.Draw(t, "time")))
	lc.State, lc.Tags = anyState.Draw(t, "state"), anyTags.Draw(t, "tags")
	_, exists := r.logging[lc.ID]
	full := len(r.logging) >= limit
	err := m.store.CreateLoggingConfiguration(context.Background(), r.tenant, &lc, limit)
	switch {
	case full:
		is(t, err, store.ErrQuota)
	case exists:
		if err == nil {
			t.Fatalf("logging configuration %s was created twice", lc.ID)
		}
	default:
		ok(t, err)
		r.logging[lc.ID] = lc
	}
}

func (m *machine) UpdateLoggingConfiguration(t *rapid.T) {
	r := m.any(t)
	id := anyID.Draw(t, "id")
	lc, exists := r.logging[id]
	lc.Name, lc.State, lc.UpdateTime = anyName.Draw(t, "name"), anyState.Draw(t, "state"), at(anyTime.Draw(t, "time"))
	got, err := m.store.UpdateLoggingConfiguration(context.Background(), r.tenant, id, func(stored *ivschat.LoggingConfiguration) error {
		*stored = lc
		return nil
	})
	if !exists {
		is(t, err, store.ErrNotFound)
		return
	}
	ok(t, err)
	equal(t, *got, lc)
	r.logging[id] = lc
}

func (m *machine) DeleteLoggingConfiguration(t *rapid.T) {
	r := m.any(t)
	id := anyID.Draw(t, "id")
	used := false
	for _, room := range r.rooms {
		used = used || slices.Contains(room.LoggingConfigurationIdentifiers, loggingARN(r.tenant, id))
	}
	_, exists := r.logging[id]
	err := m.store.DeleteLoggingConfiguration(context.Background(), r.tenant, id)
	switch {
	case !exists:
		is(t, err, store.ErrNotFound)
	case used:
		is(t, err, store.ErrInUse)
	default:
		ok(t, err)
		delete(r.logging, id)
	}
}

func (m *machine) UpdateTags(t *rapid.T) {
	r := m.any(t)
	id := anyID.Draw(t, "id")
	tags := anyTags.Draw(t, "tags")
	kind := rapid.SampledFrom([]string{arn.Room, arn.LoggingConfiguration}).Draw(t, "kind")
	room, exists := r.rooms[id]
	lc, existsLC := r.logging[id]
	if kind == arn.LoggingConfiguration {
		exists = existsLC
	}
	err := m.store.UpdateTags(context.Background(), r.tenant, kind, id, func(stored map[string]string) error {
		clear(stored)
		maps.Copy(stored, tags)
		return nil
	})
	switch {
	case !exists:
		is(t, err, store.ErrNotFound)
	case kind == arn.Room:
		ok(t, err)
		room.Tags = tags
		r.rooms[id] = room
	default:
		ok(t, err)
		lc.Tags = tags
		r.logging[id] = lc
	}
}

func (m *machine) ListRooms(t *rapid.T) {
	r := m.any(t)
	var f store.RoomFilter
	if rapid.Bool().Draw(t, "by name") {
		f.Name = new(anyName.Draw(t, "name"))
	}
	if rapid.Bool().Draw(t, "by handler") {
		f.HandlerURI = new(anyURI.Draw(t, "uri"))
	}
	if rapid.Bool().Draw(t, "by logging") {
		f.LoggingConfigurationARN = new(loggingARN(m.any(t).tenant, anyID.Draw(t, "id")))
	}
	got := pages(t, m.store, r.tenant, f, rapid.IntRange(1, 4).Draw(t, "size"), nothing)
	equal(t, got, r.list(f))
}

// list is the model of Rooms.
func (r *reference) list(f store.RoomFilter) (rooms []ivschat.Room) {
	for _, room := range r.rooms {
		h := room.MessageReviewHandler
		if (f.Name == nil || room.Name == *f.Name) &&
			(f.HandlerURI == nil || h != nil && *h.URI == *f.HandlerURI) &&
			(f.LoggingConfigurationARN == nil || slices.Contains(room.LoggingConfigurationIdentifiers, *f.LoggingConfigurationARN)) {
			rooms = append(rooms, room)
		}
	}
	slices.SortFunc(rooms, func(a, b ivschat.Room) int {
		return cmp.Or(b.UpdateTime.Compare(a.UpdateTime), cmp.Compare(a.ID, b.ID))
	})
	return rooms
}

// Check runs after every operation, for one tenant after the other.
func (m *machine) Check(t *rapid.T) {
	ctx := context.Background()
	r := m.tenants[m.checks%len(m.tenants)]
	m.checks++
	rooms, err := m.store.Rooms(ctx, r.tenant, store.RoomFilter{}, store.Cursor{}, 100)
	ok(t, err)
	equal(t, rooms, r.list(store.RoomFilter{}))
	list, err := m.store.LoggingConfigurations(ctx, r.tenant, store.Cursor{}, 100)
	ok(t, err)
	equal(t, len(list), len(r.logging))
	for _, lc := range list {
		equal(t, lc, r.logging[lc.ID])
	}
}
