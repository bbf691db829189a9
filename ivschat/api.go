package ivschat

import "context"

// API is the control plane's 17 operations. Implementations are safe for
// concurrent use, keep nothing of their inputs after returning, and answer
// errors that satisfy [APIError] for everything the service refuses.
//
// Besides the errors named at each operation, every one may answer
// AccessDeniedException, ValidationException, ThrottlingException,
// InternalServerException and the un-modelled authentication errors
// (spec: control-plane.md §5, security.md §3).
type API interface {
	// CreateRoom makes a room. Names are not unique.
	// Errors: ConflictException, ResourceNotFoundException (a logging
	// configuration), ServiceQuotaExceededException, PendingVerification.
	CreateRoom(context.Context, *CreateRoomInput) (*Room, error)
	// GetRoom returns one room. Errors: ResourceNotFoundException.
	GetRoom(context.Context, *GetRoomInput) (*Room, error)
	// UpdateRoom replaces the members that are present and keeps the others.
	// Errors: ResourceNotFoundException, PendingVerification.
	UpdateRoom(context.Context, *UpdateRoomInput) (*Room, error)
	// DeleteRoom deletes a room; its open connections stay open.
	// Errors: ResourceNotFoundException, PendingVerification.
	DeleteRoom(context.Context, *DeleteRoomInput) (*DeleteRoomOutput, error)
	// ListRooms returns a page of rooms, latest update first.
	// Errors: ResourceNotFoundException (an unknown logging configuration as filter).
	ListRooms(context.Context, *ListRoomsInput) (*ListRoomsOutput, error)

	// CreateLoggingConfiguration makes a logging configuration.
	// Errors: ConflictException, ResourceNotFoundException,
	// ServiceQuotaExceededException, PendingVerification.
	CreateLoggingConfiguration(context.Context, *CreateLoggingConfigurationInput) (*LoggingConfiguration, error)
	// GetLoggingConfiguration returns one logging configuration.
	// Errors: ResourceNotFoundException.
	GetLoggingConfiguration(context.Context, *GetLoggingConfigurationInput) (*LoggingConfiguration, error)
	// UpdateLoggingConfiguration changes a name or a destination in place.
	// Errors: ConflictException, ResourceNotFoundException, PendingVerification.
	UpdateLoggingConfiguration(context.Context, *UpdateLoggingConfigurationInput) (*LoggingConfiguration, error)
	// DeleteLoggingConfiguration deletes one that no room refers to.
	// Errors: ConflictException, ResourceNotFoundException, PendingVerification.
	DeleteLoggingConfiguration(context.Context, *DeleteLoggingConfigurationInput) (*DeleteLoggingConfigurationOutput, error)
	// ListLoggingConfigurations returns a page, latest update first.
	ListLoggingConfigurations(context.Context, *ListLoggingConfigurationsInput) (*ListLoggingConfigurationsOutput, error)

	// CreateChatToken issues a token for one messaging connection.
	// Errors: ResourceNotFoundException, PendingVerification.
	CreateChatToken(context.Context, *CreateChatTokenInput) (*CreateChatTokenOutput, error)
	// SendEvent sends an application event to everyone in the room.
	// Errors: ResourceNotFoundException, PendingVerification.
	SendEvent(context.Context, *SendEventInput) (*SendEventOutput, error)
	// DeleteMessage tells everyone in the room to drop a message.
	// Errors: ResourceNotFoundException, PendingVerification.
	DeleteMessage(context.Context, *DeleteMessageInput) (*DeleteMessageOutput, error)
	// DisconnectUser ends all of a user's connections in the room.
	// Errors: ResourceNotFoundException, PendingVerification.
	DisconnectUser(context.Context, *DisconnectUserInput) (*DisconnectUserOutput, error)

	// ListTagsForResource returns a resource's tags. Errors: ResourceNotFoundException.
	ListTagsForResource(context.Context, *ListTagsForResourceInput) (*ListTagsForResourceOutput, error)
	// TagResource adds tags or overwrites their values. Errors: ResourceNotFoundException.
	TagResource(context.Context, *TagResourceInput) (*TagResourceOutput, error)
	// UntagResource removes tags; an absent key is no error. Errors: ResourceNotFoundException.
	UntagResource(context.Context, *UntagResourceInput) (*UntagResourceOutput, error)
}
