package ivschat

import (
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/parleychat/parley/internal/arn"
)

// APIError is what every error answered by the service satisfies: the modelled
// exceptions and [ClientError].
type APIError interface {
	smithy.APIError // Error, ErrorCode, ErrorMessage, ErrorFault
	// HTTPStatusCode is the status the error travels with.
	HTTPStatusCode() int
	// ServiceRequestID is the id of the request that was refused, "" when it is not known.
	ServiceRequestID() string
}

// Request is the part of an exception that travels outside its body.
type Request struct {
	// ID is what the service called the request (x-amzn-RequestId).
	ID string
}

// ServiceRequestID returns the request's id.
func (r Request) ServiceRequestID() string { return r.ID }

// ResourceType is the kind of resource an exception names.
type ResourceType string

// The resource types. The model lists only ROOM; the SDKs take others
// (spec: control-plane.md §5).
const (
	ResourceTypeRoom                 ResourceType = "ROOM"
	ResourceTypeLoggingConfiguration ResourceType = "LOGGING_CONFIGURATION"
)

// ValidationExceptionReason says what kind of rule an input broke.
type ValidationExceptionReason string

// The reasons.
const (
	ValidationExceptionReasonUnknownOperation      ValidationExceptionReason = "UNKNOWN_OPERATION"
	ValidationExceptionReasonFieldValidationFailed ValidationExceptionReason = "FIELD_VALIDATION_FAILED"
	ValidationExceptionReasonOther                 ValidationExceptionReason = "OTHER"
)

// ValidationExceptionField is one member that broke a rule.
type ValidationExceptionField struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// AccessDeniedException says that the principal may not do this.
type AccessDeniedException struct {
	Request `json:"-"`
	Message string `json:"message"`
}

func (e *AccessDeniedException) Error() string                 { return e.ErrorCode() + ": " + e.Message }
func (e *AccessDeniedException) ErrorCode() string             { return "AccessDeniedException" }
func (e *AccessDeniedException) ErrorMessage() string          { return e.Message }
func (e *AccessDeniedException) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
func (e *AccessDeniedException) HTTPStatusCode() int           { return http.StatusForbidden }

// ConflictException says that the resource's state forbids the operation.
type ConflictException struct {
	Request      `json:"-"`
	Message      string       `json:"message"`
	ResourceID   string       `json:"resourceId"`
	ResourceType ResourceType `json:"resourceType"`
}

func (e *ConflictException) Error() string                 { return e.ErrorCode() + ": " + e.Message }
func (e *ConflictException) ErrorCode() string             { return "ConflictException" }
func (e *ConflictException) ErrorMessage() string          { return e.Message }
func (e *ConflictException) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
func (e *ConflictException) HTTPStatusCode() int           { return http.StatusConflict }

// InternalServerException says that the service failed.
type InternalServerException struct {
	Request `json:"-"`
	Message string `json:"message"`
}

func (e *InternalServerException) Error() string                 { return e.ErrorCode() + ": " + e.Message }
func (e *InternalServerException) ErrorCode() string             { return "InternalServerException" }
func (e *InternalServerException) ErrorMessage() string          { return e.Message }
func (e *InternalServerException) ErrorFault() smithy.ErrorFault { return smithy.FaultServer }
func (e *InternalServerException) HTTPStatusCode() int           { return http.StatusInternalServerError }

// PendingVerification says that the account is being verified and may change nothing.
type PendingVerification struct {
	Request `json:"-"`
	Message string `json:"message"`
}

func (e *PendingVerification) Error() string                 { return e.ErrorCode() + ": " + e.Message }
func (e *PendingVerification) ErrorCode() string             { return "PendingVerification" }
func (e *PendingVerification) ErrorMessage() string          { return e.Message }
func (e *PendingVerification) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
func (e *PendingVerification) HTTPStatusCode() int           { return http.StatusForbidden }

// ResourceNotFoundException says that the resource does not exist.
type ResourceNotFoundException struct {
	Request      `json:"-"`
	Message      string       `json:"message"`
	ResourceID   string       `json:"resourceId"`
	ResourceType ResourceType `json:"resourceType"`
}

func (e *ResourceNotFoundException) Error() string                 { return e.ErrorCode() + ": " + e.Message }
func (e *ResourceNotFoundException) ErrorCode() string             { return "ResourceNotFoundException" }
func (e *ResourceNotFoundException) ErrorMessage() string          { return e.Message }
func (e *ResourceNotFoundException) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
func (e *ResourceNotFoundException) HTTPStatusCode() int           { return http.StatusNotFound }

// ServiceQuotaExceededException says that the account has as many as it may have.
type ServiceQuotaExceededException struct {
	Request      `json:"-"`
	Message      string       `json:"message"`
	ResourceID   string       `json:"resourceId"`
	ResourceType ResourceType `json:"resourceType"`
	Limit        int32        `json:"limit"`
}

func (e *ServiceQuotaExceededException) Error() string                 { return e.ErrorCode() + ": " + e.Message }
func (e *ServiceQuotaExceededException) ErrorCode() string             { return "ServiceQuotaExceededException" }
func (e *ServiceQuotaExceededException) ErrorMessage() string          { return e.Message }
func (e *ServiceQuotaExceededException) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
func (e *ServiceQuotaExceededException) HTTPStatusCode() int           { return http.StatusPaymentRequired }

// ThrottlingException says that too many requests; try again later.
type ThrottlingException struct {
	Request      `json:"-"`
	Message      string       `json:"message"`
	ResourceID   string       `json:"resourceId"`
	ResourceType ResourceType `json:"resourceType"`
	Limit        int32        `json:"limit"`
}

func (e *ThrottlingException) Error() string                 { return e.ErrorCode() + ": " + e.Message }
func (e *ThrottlingException) ErrorCode() string             { return "ThrottlingException" }
func (e *ThrottlingException) ErrorMessage() string          { return e.Message }
func (e *ThrottlingException) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
func (e *ThrottlingException) HTTPStatusCode() int           { return http.StatusTooManyRequests }

// ValidationException says that members of the input broke rules.
type ValidationException struct {
	Request   `json:"-"`
	Message   string                     `json:"message"`
	Reason    ValidationExceptionReason  `json:"reason"`
	FieldList []ValidationExceptionField `json:"fieldList,omitzero"`
}

func (e *ValidationException) Error() string                 { return e.ErrorCode() + ": " + e.Message }
func (e *ValidationException) ErrorCode() string             { return "ValidationException" }
func (e *ValidationException) ErrorMessage() string          { return e.Message }
func (e *ValidationException) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }
func (e *ValidationException) HTTPStatusCode() int           { return http.StatusBadRequest }

// ClientError is an error the model does not name, by its code: the
// authentication family, SerializationException, UnknownOperationException,
// RequestEntityTooLargeException, ServiceUnavailable and whatever a service
// newer than this package answers.
type ClientError struct {
	Request `json:"-"`
	Code    string `json:"-"`
	Status  int    `json:"-"`
	Message string `json:"message"`
}

func (e *ClientError) Error() string        { return e.Code + ": " + e.Message }
func (e *ClientError) ErrorCode() string    { return e.Code }
func (e *ClientError) ErrorMessage() string { return e.Message }
func (e *ClientError) HTTPStatusCode() int  { return e.Status }

// ErrorFault is the server's from status 500 up.
func (e *ClientError) ErrorFault() smithy.ErrorFault {
	if e.Status >= http.StatusInternalServerError {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// Invalid returns the exception for an input whose members broke rules, in the
// wording of the service (spec: control-plane.md §5). It names at most maxFields.
func Invalid(fields ...ValidationExceptionField) *ValidationException {
	fields = fields[:min(len(fields), maxFields)]
	texts := make([]string, len(fields))
	for i, f := range fields {
		texts[i] = "Request member: " + f.Name + " failed to satisfy the constraints: " + f.Message
	}
	return &ValidationException{
		Message:   strings.Join(texts, "; "),
		Reason:    ValidationExceptionReasonFieldValidationFailed,
		FieldList: fields,
	}
}

// NotFound returns the exception for an ARN that names nothing.
func NotFound(identifier string) *ResourceNotFoundException {
	id, kind := resource(identifier)
	return &ResourceNotFoundException{Message: "Resource not found: " + identifier, ResourceID: id, ResourceType: kind}
}

// Conflict returns the exception for a resource whose state forbids an operation.
func Conflict(identifier, message string) *ConflictException {
	id, kind := resource(identifier)
	return &ConflictException{Message: message, ResourceID: id, ResourceType: kind}
}

// Throttled returns the exception for a rate that was exceeded; identifier is
// "" for an account's rate.
func Throttled(identifier string, limit int32) *ThrottlingException {
	id, kind := resource(identifier)
	return &ThrottlingException{Message: "Rate exceeded", ResourceID: id, ResourceType: kind, Limit: limit}
}

// resource returns what exceptions say of an ARN: the bare id, and the type.
func resource(identifier string) (id string, kind ResourceType) {
	a, _ := arn.Parse(identifier)
	if a.Type == arn.LoggingConfiguration {
		return a.ID, ResourceTypeLoggingConfiguration
	}
	return a.ID, ResourceTypeRoom
}
