package natslog

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// Tell sends a word to all nodes that are in reach, itself too. Words may be lost.
func (l *Log) Tell(word []byte) error {
	if err := l.conn.Publish(l.options.Name+".nodes", word); err != nil {
		return fmt.Errorf("tell the nodes: %w", err)
	}
	return nil
}

// Hear has f called with each word of a node, one at a time, until Close.
func (l *Log) Hear(f func(word []byte)) error {
	if _, err := l.conn.Subscribe(l.options.Name+".nodes", func(m *nats.Msg) { f(m.Data) }); err != nil {
		return fmt.Errorf("hear the nodes: %w", err)
	}
	return nil
}
