package awssdk

import (
	"errors"
	"fmt"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
	"github.com/aws/smithy-go"

	"github.com/parleychat/parley/ivschat"
)

// exception returns an error of the service as ours, with the SDK's error
// behind it; others it returns as they are.
func exception(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	var request ivschat.Request
	status := 0
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		request.ID, status = response.ServiceRequestID(), response.HTTPStatusCode()
	}
	typed := ofType(api, request, status)
	if typed.HTTPStatusCode() != status {
		return fmt.Errorf("%s travelled with status %d, not %d", typed.ErrorCode(), status, typed.HTTPStatusCode())
	}
	return errors.Join(typed, err)
}

func ofType(api smithy.APIError, request ivschat.Request, status int) ivschat.APIError {
	message := api.ErrorMessage()
	switch e := api.(type) {
	case *types.AccessDeniedException:
		return &ivschat.AccessDeniedException{Request: request, Message: message}
	case *types.ConflictException:
		return &ivschat.ConflictException{Request: request, Message: message,
			ResourceID: text(e.ResourceId), ResourceType: ivschat.ResourceType(e.ResourceType)}
	case *types.InternalServerException:
		return &ivschat.InternalServerException{Request: request, Message: message}
	case *types.PendingVerification:
		return &ivschat.PendingVerification{Request: request, Message: message}
	case *types.ResourceNotFoundException:
		return &ivschat.ResourceNotFoundException{Request: request, Message: message,
			ResourceID: text(e.ResourceId), ResourceType: ivschat.ResourceType(e.ResourceType)}
	case *types.ServiceQuotaExceededException:
		return &ivschat.ServiceQuotaExceededException{Request: request, Message: message,
			ResourceID: text(e.ResourceId), ResourceType: ivschat.ResourceType(e.ResourceType), Limit: e.Limit}
	case *types.ThrottlingException:
		return &ivschat.ThrottlingException{Request: request, Message: message,
			ResourceID: text(e.ResourceId), ResourceType: ivschat.ResourceType(e.ResourceType), Limit: e.Limit}
	case *types.ValidationException:
		ours := &ivschat.ValidationException{Request: request, Message: message, Reason: ivschat.ValidationExceptionReason(e.Reason)}
		for _, f := range e.FieldList {
			ours.FieldList = append(ours.FieldList, ivschat.ValidationExceptionField{Name: text(f.Name), Message: text(f.Message)})
		}
		return ours
	}
	// The SDK has no types for what an operation does not model, as the tag
	// operations do not model these (spec: control-plane.md §4.5).
	switch api.ErrorCode() {
	case "AccessDeniedException":
		return &ivschat.AccessDeniedException{Request: request, Message: message}
	case "ThrottlingException":
		return &ivschat.ThrottlingException{Request: request, Message: message}
	}
	return &ivschat.ClientError{Request: request, Code: api.ErrorCode(), Status: status, Message: message}
}

// text returns a member that must be there; a missing one is made visible.
func text(s *string) string {
	if s == nil {
		return "(missing)"
	}
	return *s
}
