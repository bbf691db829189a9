// Package bench puts load on an IVS-compatible endpoint and measures what comes
// back: throughput, latency, the order and number of deliveries, and what the
// server spent on them. It knows the endpoint only as a client does and imports
// nothing of the server's.
//
// It is made to cost little, because it often shares a machine with what it
// measures: on Linux a few loops, each with an epoll set and one read buffer,
// receive for all connections, and a delivery is recognised by a marker in its
// content without decoding JSON. Elsewhere, and for wss:// URLs, a goroutine
// per connection does the same more expensively.
package bench
