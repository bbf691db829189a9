// Package limit holds the quotas and the rates that accounts and connections
// are held to (spec: quotas.md). It counts; what a refusal looks like is the
// caller's business.
package limit

import (
	"fmt"
	"maps"
)

// Profile is a set of limits; 0 is none. One that [Quotas] returned is shared
// and stays as it is.
type Profile struct {
	Rooms                 int // per account and region
	LoggingConfigurations int // per account and region
	Connections           int // per account and region
	ConnectionRequests    int // messaging requests per second and connection
	RoomMessages          int // messages per second and room: the most that a room's own rate counts for
	SendMessage           int // per second, account and region, all rooms
	DeleteMessage         int // the same, control plane and messaging together
	DisconnectUser        int // the same
	// Operations is the calls per second, account and region, by operation.
	Operations map[string]int
}

// The names of the profiles.
const (
	Default = "default" // limits on fields and objects, none among neighbours: a self-hoster has none
	AWS     = "aws"     // every quota of IVS Chat
	None    = "none"    // whatever can be lifted is
)

// Lookup returns the profile of the name.
func Lookup(name string) (Profile, error) {
	switch name {
	case Default:
		return Profile{
			Rooms: 50_000, LoggingConfigurations: 10, ConnectionRequests: 10, RoomMessages: 100,
		}, nil
	case AWS:
		return Profile{
			Rooms: 50_000, LoggingConfigurations: 10, Connections: 50_000,
			ConnectionRequests: 10, RoomMessages: 100,
			SendMessage: 1000, DeleteMessage: 100, DisconnectUser: 100,
			Operations: awsRates(),
		}, nil
	case None:
		return Profile{}, nil
	}
	return Profile{}, fmt.Errorf("quotas: there is no profile %q; use default, aws or none", name)
}

// clone returns a profile that shares nothing with p.
func (p Profile) clone() Profile {
	p.Operations = maps.Clone(p.Operations)
	return p
}

// RoomRate is what a room's own rate comes to; 0 is no limit.
func (p *Profile) RoomRate(own int32) int {
	if p.RoomMessages == 0 {
		return 0
	}
	return min(int(own), p.RoomMessages)
}

// awsRates are the transactions per second of quotas.md §1.
func awsRates() map[string]int {
	rates := map[string]int{"CreateChatToken": 200, "SendEvent": 100, "DeleteMessage": 100, "DisconnectUser": 100}
	for _, name := range []string{"CreateRoom", "GetRoom", "UpdateRoom", "DeleteRoom", "ListRooms"} {
		rates[name] = 5
	}
	for _, name := range []string{
		"CreateLoggingConfiguration", "GetLoggingConfiguration", "UpdateLoggingConfiguration",
		"DeleteLoggingConfiguration", "ListLoggingConfigurations",
	} {
		rates[name] = 3
	}
	for _, name := range []string{"ListTagsForResource", "TagResource", "UntagResource"} {
		rates[name] = 10
	}
	return rates
}
