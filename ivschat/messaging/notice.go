package messaging

// Notice is something that happened in or to a room. It is one of
//
//	*Message           somebody sent a message, perhaps this user
//	*Event             an event of the application
//	*MessageDeleted    a message is to be removed from view
//	*UserDisconnected  a user's connections are ended
//	*StateChange       the room is connecting, connected or disconnected
//	*Dropped           the loop was too slow and missed what this counts
type Notice interface{ notice() }

func (*Message) notice()          {}
func (*Event) notice()            {}
func (*MessageDeleted) notice()   {}
func (*UserDisconnected) notice() {}
func (*StateChange) notice()      {}
func (*Dropped) notice()          {}

// MessageDeleted is the event aws:DELETE_MESSAGE.
type MessageDeleted struct {
	Event
	MessageID string // of the message to remove
	Reason    string // "" if none was given
}

// UserDisconnected is the event aws:DISCONNECT_USER.
type UserDisconnected struct {
	Event
	UserID string
	Reason string // "" if none was given
}

// State is how a room stands to the service.
type State string

// The states.
const (
	StateDisconnected State = "disconnected" // not connected and not trying to be
	StateConnecting   State = "connecting"   // cannot send, may miss what is sent
	StateConnected    State = "connected"
)

// DisconnectReason says why a room is disconnected for good.
type DisconnectReason string

// The reasons, named as in the SDKs.
const (
	ReasonClientDisconnect DisconnectReason = "clientDisconnect" // Disconnect, Close, or the context of Connect ended
	ReasonServerDisconnect DisconnectReason = "serverDisconnect" // the service sent a Close frame
	ReasonSocketError      DisconnectReason = "socketError"      // no connection within Config.MaxAttempts
	ReasonFetchTokenError  DisconnectReason = "fetchTokenError"  // no token within Config.MaxAttempts, or ErrNoToken
)

// StateChange says that a room has a new state.
type StateChange struct {
	State State
	// Reason is for StateDisconnected only.
	Reason DisconnectReason
	// Err is what ended the connection, or with StateDisconnected the last try
	// for one: a *CloseError, *HandshakeError, *TokenError, *Error (401) or an
	// error of the network. It is nil at first and for StateConnected.
	Err error
}

// Dropped counts what a loop over [Room.Events] missed, since the notice before
// it, because the buffer was full. What comes after it has no gap.
type Dropped struct {
	Messages          int
	Events            int
	MessagesDeleted   int
	UsersDisconnected int
	StateChanges      int
}

// Total returns how many notices were dropped.
func (d *Dropped) Total() int {
	return d.Messages + d.Events + d.MessagesDeleted + d.UsersDisconnected + d.StateChanges
}

func (d *Dropped) count(n Notice) {
	switch n.(type) {
	case *Message:
		d.Messages++
	case *Event:
		d.Events++
	case *MessageDeleted:
		d.MessagesDeleted++
	case *UserDisconnected:
		d.UsersDisconnected++
	case *StateChange:
		d.StateChanges++
	}
}

// noticeOf returns the notice of a message or an event. A system event without
// the attribute that makes it one is shown as it came.
func noticeOf(f Frame) Notice {
	e, ok := f.(*Event)
	if !ok {
		return f.(*Message)
	}
	switch e.Name {
	case EventDeleteMessage:
		id := e.Attributes["MessageId"]
		if id == "" {
			id = e.Attributes["MessageID"] // the older spelling
		}
		if id != "" {
			return &MessageDeleted{Event: *e, MessageID: id, Reason: e.Attributes["Reason"]}
		}
	case EventDisconnectUser:
		if user := e.Attributes["UserId"]; user != "" {
			return &UserDisconnected{Event: *e, UserID: user, Reason: e.Attributes["Reason"]}
		}
	}
	return e
}
