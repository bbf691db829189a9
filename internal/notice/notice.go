// Package notice tells an operator, by webhook, what a server cannot mend by
// itself. Notices are signed as Standard Webhooks says, arrive in order, and are
// tried a few times: the log and the metrics have everything that they say.
package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/webhook"
)

const (
	queueLength = 64
	attempts    = 5
	timeout     = 10 * time.Second // of one attempt
)

// Options of a sender.
type Options struct {
	URL    string
	Secret string // none: notices are not signed
	Logger *slog.Logger
	// Backoff is the longest wait before the second attempt; it doubles: 1 second.
	Backoff time.Duration
}

// Sender sends notices, one after the other.
type Sender struct {
	o      Options
	sign   webhook.Signer
	client *http.Client
	queue  chan notice
	ctx    context.Context
	stop   context.CancelFunc
	done   chan struct{}
}

// notice is the body of a webhook, as the specification recommends.
type notice struct {
	id   string
	Type string    `json:"type"`
	Time time.Time `json:"timestamp"`
	Data any       `json:"data"`
}

// NewSender starts to send what Send is given. Close it.
func NewSender(o Options) (*Sender, error) {
	sign, err := webhook.NewSigner(o.Secret)
	if err != nil {
		return nil, fmt.Errorf("notice-webhook-secret: %w", err)
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	s := &Sender{
		o: o, sign: sign, queue: make(chan notice, queueLength), done: make(chan struct{}),
		client: &http.Client{
			Timeout:       timeout,
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	go s.run()
	return s, nil
}

// Send queues a notice whose data is a JSON object, and never waits: beyond 64
// that wait it is dropped, and the log says so. Not after Close.
func (s *Sender) Send(kind string, at time.Time, data any) {
	select {
	case s.queue <- notice{id: "msg_" + id.New(), Type: kind, Time: at.UTC(), Data: data}:
	default:
		s.o.Logger.Error("notice: dropped, as too many wait", "type", kind)
	}
}

// Close sends what waits until the context ends.
func (s *Sender) Close(ctx context.Context) {
	close(s.queue)
	over := context.AfterFunc(ctx, s.stop)
	<-s.done
	over()
	s.stop()
	s.client.CloseIdleConnections()
}

func (s *Sender) run() {
	defer close(s.done)
	for n := range s.queue {
		if err := s.deliver(n); err != nil {
			s.o.Logger.Error("notice: not delivered", "type", n.Type, "error", err)
		}
	}
}

func (s *Sender) deliver(n notice) error {
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		if err = s.post(n.id, body); err == nil || attempt == attempts-1 {
			return err
		}
		select {
		case <-s.ctx.Done():
			return errors.Join(err, s.ctx.Err())
		case <-time.After(rand.N(s.o.Backoff << attempt)):
		}
	}
}

func (s *Sender) post(id string, body []byte) error {
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.o.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "parley")
	s.sign.Set(r.Header, id, time.Now(), body)
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the receiver answers %s", response.Status)
	}
	return nil
}
