package natslog

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// Tell sends a word on a topic to all nodes that are in reach, itself too. Words may
// be lost.
func (l *Log) Tell(topic string, word []byte) error {
	if !l.Reachable() {
		return fmt.Errorf("tell the nodes: %w", nats.ErrDisconnected)
	}
	if err := l.conn.Publish(l.options.Name+".nodes."+topic, word); err != nil {
		return fmt.Errorf("tell the nodes: %w", err)
	}
	return nil
}

// Hear has f called with each word of a node on a topic, one at a time, until Close.
func (l *Log) Hear(topic string, f func(word []byte)) error {
	if _, err := l.conn.Subscribe(l.options.Name+".nodes."+topic, func(m *nats.Msg) { f(m.Data) }); err != nil {
		return fmt.Errorf("hear the nodes: %w", err)
	}
	return nil
}
