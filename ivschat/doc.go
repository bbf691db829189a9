// Package ivschat is a typed client for the Amazon IVS Chat control plane (API
// version 2020-07-14) and the home of its shapes: inputs, outputs, enumerations
// and exceptions. It works against Parley and AWS alike.
//
// The shapes are the whole system's domain: what the client gets is what a
// server returns and what its store saves. [API] is the 17 operations; the
// remote [Client] implements it, and so does Parley's service in process.
//
// # boto3 names
//
// Every method of boto3's IvschatClient has one here:
//
//	boto3                          this package
//	create_chat_token              API.CreateChatToken
//	create_logging_configuration   API.CreateLoggingConfiguration
//	create_room                    API.CreateRoom
//	delete_logging_configuration   API.DeleteLoggingConfiguration
//	delete_message                 API.DeleteMessage
//	delete_room                    API.DeleteRoom
//	disconnect_user                API.DisconnectUser
//	get_logging_configuration      API.GetLoggingConfiguration
//	get_room                       API.GetRoom
//	list_logging_configurations    API.ListLoggingConfigurations
//	list_rooms                     API.ListRooms
//	list_tags_for_resource         API.ListTagsForResource
//	send_event                     API.SendEvent
//	tag_resource                   API.TagResource
//	untag_resource                 API.UntagResource
//	update_logging_configuration   API.UpdateLoggingConfiguration
//	update_room                    API.UpdateRoom
//	can_paginate                   Client.CanPaginate
//	generate_presigned_url         Client.GeneratePresignedURL
//
// and every exception class a type of the same name: [AccessDeniedException],
// [ConflictException], [InternalServerException], [PendingVerification],
// [ResourceNotFoundException], [ServiceQuotaExceededException],
// [ThrottlingException], [ValidationException] and [ClientError] for what the
// model does not name.
package ivschat
