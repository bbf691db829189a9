// Package chatlogfaults lets servers chat in logged rooms while everything around
// them fails: the process, the destinations, the disk, the power. It holds what
// viewers got against what came to the destinations in the end.
package chatlogfaults
