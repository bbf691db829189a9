package server

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/roomlog"
	"github.com/parleychat/parley/internal/roomlog/memlog"
	"github.com/parleychat/parley/internal/roomlog/natslog"
	"github.com/parleychat/parley/internal/store"
)

// cluster is what a node does with others that share its room logs.
type cluster struct {
	log  *natslog.Log
	stop context.CancelFunc
	done sync.WaitGroup
}

// clusterCacheAge is how long a node may not see that a room has changed.
const clusterCacheAge = time.Second

// cacheAge is how stale a room may be; 0 is chat's default.
func (s *Server) cacheAge() time.Duration {
	if s.cluster != nil {
		return clusterCacheAge
	}
	return 0
}

// logWait is how long requests may wait for the room logs; 0 where they do not.
func (s *Server) logWait() time.Duration {
	if s.cluster != nil {
		return s.Config.RoomlogWait
	}
	return 0
}

// clusterLinger is how long a session is a member before its client knows: what nodes
// may differ by in when they deliver an entry, while all is well, and what a client
// that is busy takes to read what came on its old connection.
const clusterLinger = 100 * time.Millisecond

func (s *Server) linger() time.Duration {
	if s.cluster != nil {
		return clusterLinger
	}
	return 0
}

// reached returns an error while what other nodes say does not reach this one.
func (s *Server) reached(ctx context.Context) error {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.log.Ping(ctx)
}

// openLog opens the room logs: this node's own, or those of several nodes.
func (s *Server) openLog(ctx context.Context) error {
	if len(s.Config.Roomlog) == 0 {
		s.log = memlog.New(memlog.Options{Outbox: outbox{s}})
		return nil
	}
	var urls []string
	for _, u := range s.Config.Roomlog {
		urls = append(urls, string(u))
	}
	log, err := natslog.Open(ctx, natslog.Options{
		URLs: urls, Credentials: s.Config.RoomlogCredentials, CA: s.Config.RoomlogTLSCA, Name: s.Config.RoomlogName,
		Replicas: s.Config.RoomlogReplicas, Memory: s.Config.RoomlogStorage == "memory", MaxBytes: int64(s.Config.RoomlogLimit),
		Wait: s.Config.RoomlogWait, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	s.log, s.cluster = log, &cluster{log: log}
	return nil
}

// joinCluster begins what a node does for the others.
func (s *Server) joinCluster() error {
	c := s.cluster
	if c == nil {
		return nil
	}
	peers := &limit.Peers{
		ID:     id.New(),
		Rates:  map[string]*limit.Rates{"operations": &s.calls, "messages": s.chat.RateLimits()},
		Gauges: map[string]*limit.Gauge{"sessions": s.sessions.Gauge()},
	}
	s.peers.Store(peers)
	s.handover.node = peers.ID
	s.handover.tell = func(word []byte) {
		if err := c.log.Tell("handover", word); err != nil {
			s.logger.Warn("a session that comes back will miss what comes meanwhile", "error", err)
		}
	}
	if err := c.log.Hear("handover", s.handover.hear); err != nil {
		return err
	}
	if err := c.log.Hear("limits", func(word []byte) {
		if err := peers.Hear(word, time.Now()); err != nil {
			s.logger.Warn("limits of the cluster", "error", err)
		}
	}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.done.Go(func() { s.tellPeers(ctx, peers) })
	if s.Config.RoomlogStorage != "memory" {
		c.done.Go(func() { s.collect(ctx) })
	}
	return nil
}

// servers is how many nodes there are, as far as is known.
func (s *Server) servers() int {
	if p := s.peers.Load(); p != nil {
		return 1 + p.Nodes()
	}
	return 1
}

func (s *Server) leaveCluster() {
	if s.cluster != nil && s.cluster.stop != nil {
		s.cluster.stop()
		s.cluster.done.Wait()
	}
}

// tellEvery is how often nodes tell each other what they allowed: see limit.Peers
// for what that means for limits, and docs/quotas.md.
const tellEvery = 100 * time.Millisecond

func (s *Server) tellPeers(ctx context.Context, peers *limit.Peers) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, word := range peers.Words(now) {
				if err := s.cluster.log.Tell("limits", word); err != nil {
					break // NATS is out of reach, which the log has told
				}
			}
		}
	}
}

// collector is the lane of whoever brings what is to be logged from the room logs
// to the outbox.
const collector = "collector"

// collect brings what is to be logged from the room logs to the outbox, on one of
// the nodes at a time. Who does is agreed on to save work: that each record comes
// once and in order is by the position that the outbox keeps.
func (s *Server) collect(ctx context.Context) {
	for {
		if held, err := s.store.HoldLane(ctx, collector); err != nil && ctx.Err() == nil {
			s.logger.Warn("chat logs: who collects cannot be agreed on", "error", err)
		} else if held {
			if err := s.collectOn(ctx); ctx.Err() == nil && !errors.Is(err, store.ErrSourceMoved) {
				s.logger.Warn("chat logs: entries wait in the room logs", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second/2 + rand.N(time.Second)):
		}
	}
}

// collectOn collects until that fails. Nothing is lost by it: what is not in the
// outbox stays in the room logs.
func (s *Server) collectOn(ctx context.Context) error {
	origin := s.cluster.log.Origin()
	source, err := s.store.OutboxSource(ctx, origin)
	if err != nil {
		return err
	}
	return s.cluster.log.Logged(ctx, origin, uint64(source.Position), func(records []roomlog.Record) error {
		if held, err := s.store.HoldLane(ctx, collector); err != nil || !held {
			return errors.Join(store.ErrSourceMoved, err)
		}
		rows := outboxRows(records)
		to := int64(records[len(records)-1].Entry.Seq)
		err := outbox{s}.keep(ctx, rows, func(most int64) error {
			return s.store.AppendOutboxFrom(ctx, source, to, rows, most)
		})
		if err == nil {
			source.Position = to
		}
		return err
	})
}
