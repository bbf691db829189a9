// Package limit holds the quotas and the rates that accounts and connections
// are held to (spec: quotas.md). It counts; what a refusal looks like is the
// caller's business.
package limit

import "fmt"

// Profile is a set of limits; 0 is none.
type Profile struct {
	Name                  string
	Rooms                 int // per account and region
	LoggingConfigurations int // per account and region
	Connections           int // per account and region
	ConnectionRequests    int // messaging requests per second and connection
	RoomRates             bool
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

// The names of the quotas, for operators: rates are per second.
const (
	QuotaRooms                 = "Rooms"
	QuotaLoggingConfigurations = "LoggingConfigurations"
	QuotaConnections           = "Connections"        // per account and region
	QuotaConnectionRequests    = "ConnectionRequests" // per connection
	QuotaSendMessage           = "SendMessage"        // over all rooms, as the next two
	QuotaDeleteMessage         = "DeleteMessage"
	QuotaDisconnectUser        = "DisconnectUser"
	QuotaRoomMessages          = "RoomMessages" // a room's maximumMessageRatePerSecond
	QuotaDeliveries            = "Deliveries"   // those that wait in a room
	QuotaReviews               = "Reviews"      // those that wait for one session
	QuotaNodeConnections       = "NodeConnections"
	QuotaNodeHandshakes        = "NodeHandshakes"
	QuotaClientHandshakes      = "ClientHandshakes"  // of one client address
	QuotaClientConnections     = "ClientConnections" // the same
	QuotaClientPending         = "ClientPending"     // the same: connections before their first request
)

// QuotaOperation names the API call rate of an operation.
func QuotaOperation(operation string) string { return "API." + operation }

// Lookup returns the profile of the name.
func Lookup(name string) (Profile, error) {
	switch name {
	case Default:
		return Profile{
			Name: name, Rooms: 50_000, LoggingConfigurations: 10, ConnectionRequests: 10, RoomRates: true,
		}, nil
	case AWS:
		return Profile{
			Name: name, Rooms: 50_000, LoggingConfigurations: 10, Connections: 50_000,
			ConnectionRequests: 10, RoomRates: true,
			SendMessage: 1000, DeleteMessage: 100, DisconnectUser: 100,
			Operations: awsRates(),
		}, nil
	case None:
		return Profile{Name: name}, nil
	}
	return Profile{}, fmt.Errorf("quotas: there is no profile %q; use default, aws or none", name)
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
