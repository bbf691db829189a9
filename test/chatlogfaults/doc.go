// Package chatlogfaults kills servers while logged rooms chat, and holds what
// viewers got against what came to the destinations.
package chatlogfaults
