package ivschat

import (
	"time"

	"github.com/parleychat/parley/internal/arn"
)

// LoggingConfigurationState tells whether a logging configuration logs.
type LoggingConfigurationState string

// The states (spec: control-plane.md §3.1).
const (
	LoggingConfigurationStateCreating     LoggingConfigurationState = "CREATING"
	LoggingConfigurationStateCreateFailed LoggingConfigurationState = "CREATE_FAILED"
	LoggingConfigurationStateDeleting     LoggingConfigurationState = "DELETING"
	LoggingConfigurationStateDeleteFailed LoggingConfigurationState = "DELETE_FAILED"
	LoggingConfigurationStateUpdating     LoggingConfigurationState = "UPDATING"
	LoggingConfigurationStateUpdateFailed LoggingConfigurationState = "UPDATE_FAILED"
	LoggingConfigurationStateActive       LoggingConfigurationState = "ACTIVE"
)

// DestinationConfiguration says where chat logs go. Exactly one member is set.
type DestinationConfiguration struct {
	S3             *S3DestinationConfiguration             `json:"s3,omitzero"`
	CloudWatchLogs *CloudWatchLogsDestinationConfiguration `json:"cloudWatchLogs,omitzero"`
	Firehose       *FirehoseDestinationConfiguration       `json:"firehose,omitzero"`
}

// S3DestinationConfiguration is a bucket.
type S3DestinationConfiguration struct {
	// BucketName is 3–63 of lower-case letters, digits, '-' and '.'. Required.
	BucketName string `json:"bucketName"`
}

// CloudWatchLogsDestinationConfiguration is a log group.
type CloudWatchLogsDestinationConfiguration struct {
	// LogGroupName is 1–512 of letters, digits and ". - _ / #". Required.
	LogGroupName string `json:"logGroupName"`
}

// FirehoseDestinationConfiguration is a delivery stream.
type FirehoseDestinationConfiguration struct {
	// DeliveryStreamName is 1–64 of letters, digits and "_ . -". Required.
	DeliveryStreamName string `json:"deliveryStreamName"`
}

// LoggingConfiguration says where the chat logs of the rooms attached to it go.
// The answers of create, get, update and list all have these members.
// Spec: control-plane.md §3.
type LoggingConfiguration struct {
	Arn                      string                    `json:"arn"`
	ID                       string                    `json:"id"`
	CreateTime               time.Time                 `json:"createTime"`
	UpdateTime               time.Time                 `json:"updateTime"`
	Name                     string                    `json:"name"`
	DestinationConfiguration DestinationConfiguration  `json:"destinationConfiguration"`
	State                    LoggingConfigurationState `json:"state"`
	Tags                     map[string]string         `json:"tags"`
}

// CreateLoggingConfigurationInput makes a logging configuration.
type CreateLoggingConfigurationInput struct {
	// Name is 0–128 of letters, digits, '-' and '_'; need not be unique.
	Name *string `json:"name,omitzero"`
	// DestinationConfiguration has exactly one member. Required.
	DestinationConfiguration *DestinationConfiguration `json:"destinationConfiguration,omitzero"`
	// Tags is at most 50; keys 1–128, values 0–256 characters.
	Tags map[string]string `json:"tags,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *CreateLoggingConfigurationInput) Validate() []ValidationExceptionField {
	var c check
	c.name("name", in.Name)
	if in.DestinationConfiguration == nil {
		c.add("destinationConfiguration", required)
	}
	c.destination("destinationConfiguration", in.DestinationConfiguration)
	c.tags("tags", in.Tags)
	return c.fields
}

// GetLoggingConfigurationInput names a logging configuration by ARN.
type GetLoggingConfigurationInput struct {
	// Identifier is the logging configuration's ARN. Required.
	Identifier string `json:"identifier"`
}

// Validate returns every member that breaks a rule.
func (in *GetLoggingConfigurationInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("identifier", in.Identifier, arn.LoggingConfiguration)
	return c.fields
}

// UpdateLoggingConfigurationInput changes a logging configuration: nil members keep their value.
type UpdateLoggingConfigurationInput struct {
	// Identifier is the logging configuration's ARN. Required.
	Identifier string `json:"identifier"`
	// Name is as in CreateLoggingConfigurationInput; "" clears it.
	Name *string `json:"name,omitzero"`
	// DestinationConfiguration has exactly one member.
	DestinationConfiguration *DestinationConfiguration `json:"destinationConfiguration,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *UpdateLoggingConfigurationInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("identifier", in.Identifier, arn.LoggingConfiguration)
	c.name("name", in.Name)
	c.destination("destinationConfiguration", in.DestinationConfiguration)
	return c.fields
}

// DeleteLoggingConfigurationInput names a logging configuration by ARN.
type DeleteLoggingConfigurationInput struct {
	// Identifier is the logging configuration's ARN. Required.
	Identifier string `json:"identifier"`
}

// Validate returns every member that breaks a rule.
func (in *DeleteLoggingConfigurationInput) Validate() []ValidationExceptionField {
	var c check
	c.identifier("identifier", in.Identifier, arn.LoggingConfiguration)
	return c.fields
}

// DeleteLoggingConfigurationOutput has no members.
type DeleteLoggingConfigurationOutput struct{}

// ListLoggingConfigurationsInput asks for a page of logging configurations.
type ListLoggingConfigurationsInput struct {
	// NextToken is the page token of the answer before; absent or "" asks for the first page.
	NextToken *string `json:"nextToken,omitzero"`
	// MaxResults is 1–50, default 50.
	MaxResults *int32 `json:"maxResults,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *ListLoggingConfigurationsInput) Validate() []ValidationExceptionField {
	var c check
	c.nextToken("nextToken", in.NextToken)
	c.bounds("maxResults", in.MaxResults, 1, 50)
	return c.fields
}

// ListLoggingConfigurationsOutput is a page; NextToken is nil on the last.
type ListLoggingConfigurationsOutput struct {
	LoggingConfigurations []LoggingConfiguration `json:"loggingConfigurations"`
	NextToken             *string                `json:"nextToken,omitzero"`
}
