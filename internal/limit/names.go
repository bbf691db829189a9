package limit

import (
	"maps"
	"slices"
	"strings"
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

const operationQuota = "API."

// QuotaOperation names the API call rate of an operation.
func QuotaOperation(operation string) string { return operationQuota + operation }

// operationSetting is what the settings of API call rates begin with.
const operationSetting = "api."

// named is a limit of profiles by its names.
type named struct {
	quota   string // for operators
	setting string // in settings
	per     string // what each has it for itself; "" is account and region
	second  bool   // a rate
	at      func(*Profile) *int
}

func all() []named {
	return []named{
		{QuotaRooms, "rooms", "", false, func(p *Profile) *int { return &p.Rooms }},
		{QuotaLoggingConfigurations, "logging-configurations", "", false, func(p *Profile) *int { return &p.LoggingConfigurations }},
		{QuotaConnections, "connections", "", false, func(p *Profile) *int { return &p.Connections }},
		{QuotaConnectionRequests, "connection-requests", "connection", true, func(p *Profile) *int { return &p.ConnectionRequests }},
		{QuotaRoomMessages, "room-messages", "room", true, func(p *Profile) *int { return &p.RoomMessages }},
		{QuotaSendMessage, "send-message", "", true, func(p *Profile) *int { return &p.SendMessage }},
		{QuotaDeleteMessage, "delete-message", "", true, func(p *Profile) *int { return &p.DeleteMessage }},
		{QuotaDisconnectUser, "disconnect-user", "", true, func(p *Profile) *int { return &p.DisconnectUser }},
	}
}

// Settings returns the names that settings have for the limits of a profile.
func Settings() []string {
	var names []string
	for _, l := range all() {
		names = append(names, l.setting)
	}
	for _, operation := range slices.Sorted(maps.Keys(awsRates())) {
		names = append(names, operationSetting+operation)
	}
	return names
}

// set changes the limit of the setting's name, and tells whether there is one.
func (p *Profile) set(setting string, most int) bool {
	if operation, ok := strings.CutPrefix(setting, operationSetting); ok {
		if _, known := awsRates()[operation]; !known {
			return false
		}
		if p.Operations == nil {
			p.Operations = map[string]int{}
		}
		p.Operations[operation] = most
		return true
	}
	for _, l := range all() {
		if l.setting == setting {
			*l.at(p) = most
			return true
		}
	}
	return false
}

// Most returns the limit of a quota's name; 0 is none.
func (p *Profile) Most(quota string) int {
	if operation, ok := strings.CutPrefix(quota, operationQuota); ok {
		return p.Operations[operation]
	}
	for _, l := range all() {
		if l.quota == quota {
			return *l.at(p)
		}
	}
	return 0
}

// Use is how much of a quota an account uses in a region.
type Use struct {
	Account, Region, Quota string
	Used                   int // now, or of a rate in a second
	Most                   int // 0 is no limit
}

// Limit is one limit of a profile.
type Limit struct {
	Quota string
	Most  int    // 0 is none
	Per   string // "connection" or "room" if each has it for itself, "" for account and region
	Rate  bool   // per second
}

// Limits returns every limit of the profile, those that are none too, always in
// the same order.
func (p *Profile) Limits() []Limit {
	var limits []Limit
	for _, l := range all() {
		limits = append(limits, Limit{l.quota, *l.at(p), l.per, l.second})
	}
	for _, operation := range slices.Sorted(maps.Keys(awsRates())) {
		limits = append(limits, Limit{QuotaOperation(operation), p.Operations[operation], "", true})
	}
	return limits
}
