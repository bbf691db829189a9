package server_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parleychat/parley/internal/access"
	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/ivschat"
)

// occupant is an account that calls at random, with ids of its own and of others.
type occupant struct {
	t      *testing.T
	name   string
	client *ivschat.Client
	heard  *strings.Builder // all that it was answered lately
	rooms  []string         // its ARNs; some may be gone
	logs   []string
}

// Do implements ivschat's HTTP client, and listens.
func (o *occupant) Do(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	o.heard.Write(body)
	fmt.Fprint(o.heard, response.Header)
	response.Body = io.NopCloser(strings.NewReader(string(body)))
	return response, nil
}

// ids are the ids of what the occupant made.
func (o *occupant) ids() (ids []string) {
	for _, arn := range slices.Concat(o.rooms, o.logs) {
		ids = append(ids, arn[strings.LastIndexByte(arn, '/')+1:])
	}
	return ids
}

// act makes a call at random. What belongs to nobody or to another must look alike.
func (o *occupant) act(ctx context.Context, rng *rand.Rand, other *occupant) (theirs bool, err error) {
	pick := func(own, foreign []string) string {
		from := own
		if theirs = len(foreign) > 0 && rng.IntN(2) == 0; theirs {
			from = foreign
		}
		if len(from) == 0 {
			return "arn:aws:ivschat:us-west-2:000000000000:room/nobodysRoom0"
		}
		return from[rng.IntN(len(from))]
	}
	room := func() string { return pick(o.rooms, other.rooms) }
	logging := func() string { return pick(o.logs, other.logs) }
	tags := map[string]string{"owner": o.name}
	switch rng.IntN(18) {
	case 0, 1:
		in := &ivschat.CreateRoomInput{Name: &o.name, Tags: tags}
		if len(o.logs)+len(other.logs) > 0 && rng.IntN(2) == 0 {
			in.LoggingConfigurationIdentifiers = []string{logging()}
		}
		made, err := o.client.CreateRoom(ctx, in)
		if err == nil {
			o.rooms = append(o.rooms, made.Arn)
		}
		return theirs, err
	case 2:
		made, err := o.client.CreateLoggingConfiguration(ctx, &ivschat.CreateLoggingConfigurationInput{Name: &o.name, DestinationConfiguration: bucketNamed("logs-of-" + o.name)})
		if err == nil {
			o.logs = append(o.logs, made.Arn)
		}
		return false, err
	case 3:
		_, err = o.client.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: room()})
	case 4:
		_, err = o.client.UpdateRoom(ctx, &ivschat.UpdateRoomInput{Identifier: room(), Name: &o.name})
	case 5:
		_, err = o.client.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: room()})
	case 6:
		_, err = o.client.ListRooms(ctx, &ivschat.ListRoomsInput{})
		return false, err
	case 7:
		_, err = o.client.CreateChatToken(ctx, &ivschat.CreateChatTokenInput{RoomIdentifier: room(), UserID: o.name})
	case 8:
		_, err = o.client.SendEvent(ctx, &ivschat.SendEventInput{RoomIdentifier: room(), EventName: o.name})
	case 9:
		_, err = o.client.DisconnectUser(ctx, &ivschat.DisconnectUserInput{RoomIdentifier: room(), UserID: o.name})
	case 10:
		_, err = o.client.DeleteMessage(ctx, &ivschat.DeleteMessageInput{RoomIdentifier: room(), ID: "abcdABCDefgh"})
	case 11:
		_, err = o.client.GetLoggingConfiguration(ctx, &ivschat.GetLoggingConfigurationInput{Identifier: logging()})
	case 12:
		_, err = o.client.UpdateLoggingConfiguration(ctx, &ivschat.UpdateLoggingConfigurationInput{Identifier: logging(), Name: &o.name})
	case 13:
		_, err = o.client.DeleteLoggingConfiguration(ctx, &ivschat.DeleteLoggingConfigurationInput{Identifier: logging()})
	case 14:
		_, err = o.client.ListLoggingConfigurations(ctx, &ivschat.ListLoggingConfigurationsInput{})
		return false, err
	case 15:
		_, err = o.client.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: room(), Tags: tags})
	case 16:
		_, err = o.client.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: logging(), TagKeys: []string{"owner"}})
	case 17:
		_, err = o.client.ListRooms(ctx, &ivschat.ListRoomsInput{LoggingConfigurationIdentifier: new(logging())})
	}
	return theirs, err
}

// Two accounts call at random for 10,000 steps, half of the time for what the other
// has: neither ever sees or changes any of it.
func TestTenantsNeverMeet(t *testing.T) {
	steps := 10_000
	if testing.Short() {
		steps = 1_000
	}
	r := start(t, func(c *config.Config) { c.Quotas, c.LogLevel = "none", 4 })
	desk := r.desk()
	occupants := make([]*occupant, 2)
	for i := range occupants {
		o := &occupant{t: t, name: []string{"alpha", "omega"}[i], heard: &strings.Builder{}}
		k, err := desk.Create(t.Context(), access.New{Account: strings.Repeat(fmt.Sprint(i+1), 12)})
		if err != nil {
			t.Fatal(err)
		}
		o.client = ivschat.New(ivschat.Options{
			Region: "us-west-2", BaseEndpoint: new("http://" + r.addr), Credentials: credentials(k.ID, string(k.Secret)),
			HTTPClient: o, RetryMaxAttempts: 1,
		})
		r.answered(o.client, "ok")
		occupants[i] = o
	}
	rng := rand.New(rand.NewPCG(11, 23))
	done := 0
	for step := range steps {
		o, other := occupants[step%2], occupants[1-step%2]
		o.heard.Reset()
		theirs, err := o.act(t.Context(), rng, other)
		if theirs && err == nil {
			t.Fatalf("step %d: %s did something to what is %s's", step, o.name, other.name)
		}
		if err == nil {
			done++
		}
		heard := o.heard.String()
		if strings.Contains(heard, other.name) {
			t.Fatalf("step %d: %s heard of %s: %s", step, o.name, other.name, heard)
		}
		if theirs { // the answer names what was asked for, and nothing else of theirs
			continue
		}
		for _, id := range other.ids() {
			if strings.Contains(heard, id) {
				t.Fatalf("step %d: %s heard of %s's %s: %s", step, o.name, other.name, id, heard)
			}
		}
	}
	if done < steps/4 {
		t.Errorf("%d of %d calls did something", done, steps)
	}
	var both sync.WaitGroup // what each has at the end is its own
	for i, o := range occupants {
		both.Go(func() {
			o.heard.Reset()
			list, err := o.client.ListRooms(t.Context(), &ivschat.ListRoomsInput{})
			if err != nil {
				t.Error(err)
				return
			}
			for _, room := range list.Rooms {
				if room.Name != "" && room.Name != o.name || !slices.Contains(o.rooms, room.Arn) || slices.Contains(occupants[1-i].rooms, room.Arn) {
					t.Errorf("%s has %+v", o.name, room)
				}
			}
		})
	}
	both.Wait()
}
