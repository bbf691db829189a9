// Package messaging is the messaging protocol of Amazon IVS Chat: the frames
// that a WebSocket connection to a room carries, both ways, byte for byte
// (spec: messaging.md §2, §3).
package messaging
