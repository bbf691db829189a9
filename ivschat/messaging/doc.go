// Package messaging is the messaging side of Amazon IVS Chat: its protocol,
// byte for byte (spec: messaging.md §2, §3), and a client.
//
// # Client
//
// A [Room] is one user's place in a room, over as many connections as that takes:
//
//	room, err := messaging.NewRoom(messaging.Config{
//		RegionOrURL:   "us-west-2",
//		TokenProvider: func(ctx context.Context) (*messaging.Token, error) { … },
//	})
//	…
//	defer room.Close()
//	if err := room.Connect(ctx); err != nil { … }
//	for notice := range room.Events(ctx) {
//		switch notice := notice.(type) {
//		case *messaging.Message: …
//		case *messaging.MessageDeleted: …
//		}
//	}
//
// It behaves as the JavaScript SDK does (spec: messaging.md §7), and better
// where that SDK loses its connection for no need:
//
//   - A connection that breaks is made anew with a new token, after a pause of
//     full jitter that grows from half a second to 30 seconds, for as long as it
//     takes unless [Config].MaxAttempts says otherwise. The SDK gives up after
//     four instant tries. A Retry-After header is honoured.
//   - Before the session expires, a second connection with a new token takes
//     over without a gap: nothing is lost, doubled or out of order. When that
//     fails, the first connection stays; the SDK closes it.
//   - That happens by the token's SessionExpirationTime. The SDK goes by
//     TokenExpirationTime, which says how long a token can open a connection, and
//     so reconnects every half minute for nothing; it is not used here. Without
//     a SessionExpirationTime the service tells when the session is over.
//   - ERROR 401 is that: a new token and a new connection, and no disconnect.
//   - A Close frame from the service is final, as in the SDK: it means stay away.
//
// State changes and what is received come through [Room.Events], a bounded
// buffer that never holds up the connection: a loop that is too slow for its
// room loses the oldest notices and gets a [Dropped] that counts them. Requests
// return when the frame that answers them is there, without the help of that loop.
//
// A room at rest is one goroutine and some 7 KiB, stacks and buffers included;
// with a second one in a loop over its events, 9 to 12 KiB. TLS adds some 4 KiB.
// Ten thousand in a process are fine.
package messaging
