// Package chaos kills, pauses and cuts apart the parts of a cluster while rooms
// chat, and holds everything that was recorded against what Parley promises.
package chaos
