package api

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/restjson"
	"github.com/parleychat/parley/ivschat"
)

// GetCallerIdentity is not of this service but of STS, with STS's protocol:
// tools that are set up with credentials ask it first whose they are. Like
// there it needs no permission.
const (
	stsService   = "sts"
	stsVersion   = "2011-06-15"
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	getIdentity  = "GetCallerIdentity"
)

type callerIdentityInput struct{}

type callerIdentityResponse struct {
	XMLName   xml.Name `xml:"GetCallerIdentityResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Arn       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

func callerIdentity() route {
	return route{
		binding: binding{decode: decodeQueryProtocol, call: identify},
		name:    getIdentity, service: stsService, status: http.StatusOK, format: xmlFormat{},
	}
}

// decodeQueryProtocol finds the action in the form that is the body, or in the
// query of a request without one.
func decodeQueryProtocol(r restjson.Request) (any, error) {
	text := r.Query
	if len(r.Body) > 0 {
		text = string(r.Body)
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return nil, stsError("MalformedQueryString", "The parameters are malformed.")
	}
	action, version := form.Get("Action"), form.Get("Version")
	switch {
	case action == "":
		return nil, stsError("MissingAction", "The request must contain the parameter Action.")
	case len(form["Action"]) > 1 || len(form["Version"]) > 1:
		return nil, stsError("MalformedQueryString", "A parameter appears twice.")
	case action != getIdentity || version != "" && version != stsVersion:
		return nil, stsError("InvalidAction", fmt.Sprintf("Could not find operation %.64q for version %.16q.", action, version))
	}
	return callerIdentityInput{}, nil
}

func identify(ctx context.Context, _ any) (any, error) {
	p := principal.FromContext(ctx)
	user := p.AccessKeyID
	if strings.HasSuffix(p.ARN, ":root") { // as STS says of an account's own keys
		user = p.Account
	}
	return &callerIdentityResponse{Namespace: stsNamespace, Arn: p.ARN, UserID: user, Account: p.Account}, nil
}

func stsError(code, message string) error {
	return &ivschat.ClientError{Code: code, Status: http.StatusBadRequest, Message: message}
}

// xmlFormat is the query protocol's.
type xmlFormat struct{}

func (xmlFormat) contentType() string { return "text/xml" }

func (xmlFormat) success(out any, requestID string) ([]byte, error) {
	identity, ok := out.(*callerIdentityResponse)
	if !ok {
		return nil, fmt.Errorf("%T is no answer of STS", out)
	}
	identity.RequestID = requestID
	return xml.Marshal(identity)
}

type xmlError struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"` // Sender or Receiver
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

func (xmlFormat) failure(e ivschat.APIError, requestID string) ([]byte, string) {
	out := xmlError{Namespace: stsNamespace, Type: "Sender", Code: stsCode(e.ErrorCode()), Message: e.ErrorMessage(), RequestID: requestID}
	if e.ErrorFault() == smithy.FaultServer {
		out.Type = "Receiver"
	}
	body, err := xml.Marshal(out)
	if err != nil { // not with strings alone
		panic(fmt.Sprintf("api: encode an error: %v", err))
	}
	return body, out.Code
}

// stsCode returns the name that STS has for an exception of this service.
func stsCode(code string) string {
	names := map[string]string{
		"ExpiredTokenException":               "ExpiredToken",
		"IncompleteSignatureException":        "IncompleteSignature",
		"InternalServerException":             "InternalFailure",
		"InvalidSignatureException":           "SignatureDoesNotMatch",
		"MissingAuthenticationTokenException": "MissingAuthenticationToken",
		"ThrottlingException":                 "Throttling",
		"UnrecognizedClientException":         "InvalidClientTokenId",
	}
	if name, ok := names[code]; ok {
		return name
	}
	return code
}
