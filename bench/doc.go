// Package bench holds the Go benchmarks of the paths that decide what a Parley
// costs: a request from its bytes to the room log, an entry from there to its
// members, a handshake, a control-plane call. They reach the parts through the
// doors that the server uses. docs/performance.md says how to run and read them.
package bench
