package server_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/ivschat"
)

// metrics serves the server's metrics and returns where.
func (r *running) metrics() string {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.server.ServeMetrics(l))
	return "http://" + l.Addr().String()
}

// scrape returns the samples by name and labels, as in errors_sent_total{code="400"},
// the prefix ivschat_ left out and of a histogram the count; and all of the text.
func scrape(t *testing.T, url string) (map[string]float64, string) {
	t.Helper()
	response, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("scrape: %s, %v", response.Status, err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		t.Fatalf("scrape: %v", err)
	}
	samples := make(map[string]float64)
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			key := strings.TrimPrefix(name, "ivschat_")
			if len(labels) > 0 {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			samples[key] = value(m)
		}
	}
	return samples, string(body)
}

func value(m *dto.Metric) float64 {
	switch {
	case m.Gauge != nil:
		return m.GetGauge().GetValue()
	case m.Histogram != nil:
		return float64(m.GetHistogram().GetSampleCount())
	}
	return m.GetCounter().GetValue()
}

// await scrapes until the sample has the value.
func await(t *testing.T, url, sample string, want float64) map[string]float64 {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		samples, _ := scrape(t, url)
		if samples[sample] == want {
			return samples
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %v, want %v", sample, samples[sample], want)
		}
	}
}

func TestMetricsCountWhatHappened(t *testing.T) {
	r := start(t, func(c *config.Config) { c.MaxConnections = 2 })
	url := r.metrics()
	room := r.room()
	ana, bo := r.connect(room, "canary-ana"), r.connect(room, "canary-bo")
	await(t, url, `connections{account="000000000000",region="us-west-2"}`, 2)
	tooMany := r.token(room, "canary-cy")
	if _, status, err := r.dial(tooMany); err == nil || status != http.StatusTooManyRequests {
		t.Errorf("a third connection: %d %v", status, err)
	}
	if _, status, err := r.dial("garbled"); err == nil || status != http.StatusUnauthorized {
		t.Errorf("a garbled token: %d %v", status, err)
	}

	both := func(what string) {
		t.Helper()
		for _, c := range []*websocket.Conn{ana, bo} {
			if f := r.read(c); f.Content != what && f.EventName != what {
				t.Errorf("got %+v, want %s", f, what)
			}
		}
	}
	r.send(ana, `{"Action":"SEND_MESSAGE","Content":"canary-content"}`)
	both("canary-content")
	r.send(ana, `{"Action":"SEND_MESSAGE","Content":"`+strings.Repeat("x", 501)+`"}`)
	if f := r.read(ana); f.ErrorCode != 400 {
		t.Errorf("got %+v, want ERROR 400", f)
	}
	r.send(ana, `{"Action":"FLY"}`)
	r.read(ana)
	r.send(bo, `{"Action":"DELETE_MESSAGE","Id":"abcdABCDefgh"}`)
	both("aws:DELETE_MESSAGE")
	if _, err := r.client().SendEvent(t.Context(), &ivschat.SendEventInput{RoomIdentifier: room.Arn, EventName: "app:x"}); err != nil {
		t.Fatal(err)
	}
	both("app:x")
	unchecked := r.client(func(o *ivschat.Options) { o.SkipValidation = true })
	if _, err := unchecked.GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: "x"}); err == nil {
		t.Error("GetRoom of no ARN succeeded")
	}
	if _, err := r.client().DisconnectUser(t.Context(), &ivschat.DisconnectUserInput{RoomIdentifier: room.Arn, UserID: "canary-bo"}); err != nil {
		t.Fatal(err)
	}
	both("aws:DISCONNECT_USER")
	if _, _, err := bo.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("bo was disconnected with %v", err)
	}
	ana.Close(websocket.StatusNormalClosure, "")

	await(t, url, `connections{account="000000000000",region="us-west-2"}`, 0)
	await(t, url, `messaging_deliveries_total`, 8)
	got := await(t, url, `api_requests_total{code="OK",operation="DisconnectUser"}`, 1)
	want := map[string]float64{
		`handshakes_total{result="accepted"}`:                                2,
		`handshakes_total{result="full"}`:                                    1,
		`handshakes_total{result="malformed_token"}`:                         1,
		`connections_closed_total{reason="server_close"}`:                    1,
		`connections_closed_total{reason="client_close"}`:                    1,
		`messaging_requests_total`:                                           5,
		`action_requests_total{action="SEND_MESSAGE"}`:                       2,
		`action_requests_total{action="DELETE_MESSAGE"}`:                     1,
		`action_requests_total{action="DISCONNECT_USER"}`:                    1,
		`action_requests_total{action="SEND_EVENT"}`:                         1,
		`messaging_deliveries_total`:                                         8,
		`action_deliveries_total{action="SEND_MESSAGE"}`:                     2,
		`action_deliveries_total{action="DELETE_MESSAGE"}`:                   2,
		`action_deliveries_total{action="DISCONNECT_USER"}`:                  2,
		`action_deliveries_total{action="SEND_EVENT"}`:                       2,
		`errors_sent_total{code="400"}`:                                      2,
		`api_requests_total{code="OK",operation="CreateRoom"}`:               1,
		`api_requests_total{code="OK",operation="CreateChatToken"}`:          3,
		`api_requests_total{code="OK",operation="SendEvent"}`:                1,
		`api_requests_total{code="OK",operation="DisconnectUser"}`:           1,
		`api_requests_total{code="ValidationException",operation="GetRoom"}`: 1,
		`api_duration_seconds{operation="CreateChatToken"}`:                  3,
		`token_issued_total`:                                                 3,
		`throttled_total{quota="NodeConnections"}`:                           1,
		`quota_limit{quota="Rooms"}`:                                         50_000,
		`quota_limit{quota="ConnectionRequests"}`:                            10,
		`quota_limit{quota="NodeConnections"}`:                               2,
		`connections{account="000000000000",region="us-west-2"}`:             0,
	}
	have := make(map[string]float64)
	for key := range want {
		have[key] = got[key]
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("metrics (-want +got):\n%s\nall: %v", diff, slices.Sorted(maps.Keys(got)))
	}
	if got["go_goroutines"] == 0 {
		t.Error("nothing of the Go runtime")
	}
	_, text := scrape(t, url)
	for _, secret := range []string{"canary", tooMany, room.ID} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics hold %q", secret)
		}
	}
}

func TestThrottlesAreCountedByQuota(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Quotas, c.HandshakeRate = "aws", 1 })
	url := r.metrics()
	room, err := r.client().CreateRoom(t.Context(), &ivschat.CreateRoomInput{MaximumMessageRatePerSecond: new(int32(1))})
	if err != nil {
		t.Fatal(err)
	}
	first, second := r.token(room, "ana"), r.token(room, "ana")
	c, _, err := r.dial(first)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, status, err := r.dial(second); err == nil || status != http.StatusServiceUnavailable {
		t.Errorf("a second handshake at once: %d %v", status, err)
	}
	// 40 requests at once are over the connection's 10, and the first 10 over the room's 1.
	for range 40 {
		r.send(c, `{"Action":"SEND_MESSAGE","Content":"x"}`)
	}
	for range 40 {
		r.read(c)
	}
	client := r.client(func(o *ivschat.Options) { o.RetryMaxAttempts = 1 })
	for range 100 {
		if _, err = client.ListRooms(t.Context(), &ivschat.ListRoomsInput{}); err != nil {
			break
		}
	}
	samples, _ := scrape(t, url)
	for _, quota := range []string{"ConnectionRequests", "RoomMessages", "NodeHandshakes", "API.ListRooms"} {
		if samples[fmt.Sprintf("throttled_total{quota=%q}", quota)] == 0 {
			t.Errorf("no %s among the throttles: %v", quota, samples)
		}
	}
	if got := samples[`quota_limit{quota="API.ListRooms"}`]; got != 5 {
		t.Errorf("the limit of ListRooms is %v, want 5", got)
	}
}

func TestMetricsAreServedByThemselves(t *testing.T) {
	r := start(t, nil)
	url := r.metrics()
	if status, _ := r.get("/metrics"); status != http.StatusNotFound {
		t.Errorf("/metrics of the service: %d, want 404", status)
	}
	for _, path := range []string{"/", "/healthz", "/metrics/x", "/debug/pprof/"} {
		response, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s, want 404", path, response.Status)
		}
	}
}
