package ivschat

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/id"
)

const required = "is required"

// maxFields is the most members an exception names: every member of an input
// whose lists keep to their lengths.
const maxFields = 64

// maxShown is the longest member name an exception shows, in code points.
const maxShown = 160

// check collects the broken rules of one input, by member, in the model's words,
// up to maxFields. Lengths are Unicode code points unless a rule says bytes.
type check struct {
	fields []ValidationExceptionField
}

// add clips the name, which for a tag is the sender's text.
func (c *check) add(name, message string) {
	if len(c.fields) == maxFields {
		return
	}
	if utf8.RuneCountInString(name) > maxShown {
		name = string([]rune(name)[:maxShown]) + "…"
	}
	c.fields = append(c.fields, ValidationExceptionField{Name: name, Message: message})
}

func (c *check) addf(name, format string, args ...any) {
	c.add(name, fmt.Sprintf(format, args...))
}

func index(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }

func (c *check) length(name, value string, least, most int) bool {
	n := utf8.RuneCountInString(value)
	if n >= least && n <= most {
		return true
	}
	c.addf(name, "length must be between %d and %d", least, most)
	return false
}

// given is of members that must be there: an empty one is as good as none.
func (c *check) given(name, value string) bool {
	if value == "" {
		c.add(name, required)
	}
	return value != ""
}

// requiredLength is length of a member that must be there.
func (c *check) requiredLength(name, value string, least, most int) bool {
	return c.given(name, value) && c.length(name, value, least, most)
}

// fits tells whether a list's or a map's length is allowed. One that is too
// long gets one field, however many of its elements are wrong.
func (c *check) fits(name string, length, most int) bool {
	if length > most {
		c.addf(name, "length must be between 0 and %d", most)
	}
	return length <= most
}

func (c *check) bounds(name string, value *int32, least, most int32) {
	if value != nil && (*value < least || *value > most) {
		c.addf(name, "value must be between %d and %d", least, most)
	}
}

func (c *check) oneOf(name, value string, values ...string) {
	if !slices.Contains(values, value) {
		c.addf(name, "value must be one of %s", strings.Join(values, ", "))
	}
}

func (c *check) pattern(name, value string, pattern *regexp.Regexp) {
	if !pattern.MatchString(value) {
		c.addf(name, "value must match %s", strings.Trim(pattern.String(), "^$"))
	}
}

var (
	namePattern   = regexp.MustCompile(`^[a-zA-Z0-9-_]*$`)
	lambdaPattern = regexp.MustCompile(`^arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:.+$`)
	bucketPattern = regexp.MustCompile(`^[a-z0-9-.]+$`)
	groupPattern  = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]+$`)
	streamPattern = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)
)

func (c *check) name(name string, value *string) {
	if value != nil && c.length(name, *value, 0, 128) {
		c.pattern(name, *value, namePattern)
	}
}

func (c *check) nextToken(name string, value *string) {
	if value != nil {
		c.length(name, *value, 0, 1024)
	}
}

func (c *check) reason(name string, value *string) {
	if value != nil {
		c.length(name, *value, 1, 256)
	}
}

func (c *check) messageID(name, value string) {
	if c.given(name, value) && !id.Valid(value) {
		c.addf(name, "value must be %d letters and digits", id.Length)
	}
}

// identifier is the ARN that an operation is about.
func (c *check) identifier(name, value, resourceType string) {
	if c.given(name, value) {
		c.arn(name, value, resourceType)
	}
}

func (c *check) arn(name, value, resourceType string) {
	if !c.length(name, value, 1, arn.MaxLength) {
		return
	}
	if a, ok := arn.Parse(value); !ok || a.Type != resourceType {
		c.addf(name, "value must be the ARN of a %s", strings.ReplaceAll(resourceType, "-", " "))
	}
}

// resourceARN departs from the model on purpose: its pattern for the tag
// operations matches no real ARN (spec: control-plane.md §1.2).
func (c *check) resourceARN(name, value string) {
	if !c.requiredLength(name, value, 1, arn.MaxLength) {
		return
	}
	if _, ok := arn.Parse(value); !ok {
		c.add(name, "value must be the ARN of a room or a logging configuration")
	}
}

func (c *check) lambdaARN(name string, value *string) {
	if value != nil && *value != "" && c.length(name, *value, 0, 170) && !lambdaPattern.MatchString(*value) {
		c.add(name, "value must be the ARN of a Lambda function")
	}
}

func (c *check) handler(name string, h *MessageReviewHandler) {
	if h == nil {
		return
	}
	c.lambdaARN(name+".uri", h.URI)
	if h.FallbackResult != nil {
		c.oneOf(name+".fallbackResult", string(*h.FallbackResult), string(FallbackResultAllow), string(FallbackResultDeny))
	}
}

func (c *check) loggingConfigurations(name string, identifiers []string) {
	if !c.fits(name, len(identifiers), 3) {
		return
	}
	for i, identifier := range identifiers {
		c.arn(index(name, i), identifier, arn.LoggingConfiguration)
		if slices.Contains(identifiers[:i], identifier) {
			c.add(index(name, i), "must not be named twice")
		}
	}
}

func (c *check) destination(name string, d *DestinationConfiguration) {
	if d == nil {
		return
	}
	members := 0
	if d.S3 != nil {
		members++
		if c.requiredLength(name+".s3.bucketName", d.S3.BucketName, 3, 63) {
			c.pattern(name+".s3.bucketName", d.S3.BucketName, bucketPattern)
		}
	}
	if d.CloudWatchLogs != nil {
		members++
		if c.requiredLength(name+".cloudWatchLogs.logGroupName", d.CloudWatchLogs.LogGroupName, 1, 512) {
			c.pattern(name+".cloudWatchLogs.logGroupName", d.CloudWatchLogs.LogGroupName, groupPattern)
		}
	}
	if d.Firehose != nil {
		members++
		if c.requiredLength(name+".firehose.deliveryStreamName", d.Firehose.DeliveryStreamName, 1, 64) {
			c.pattern(name+".firehose.deliveryStreamName", d.Firehose.DeliveryStreamName, streamPattern)
		}
	}
	if members != 1 {
		c.add(name, "must have exactly one of s3, cloudWatchLogs, firehose")
	}
}

// tags holds the general tagging rules too: reserved prefix and characters
// (spec: control-plane.md §4.5).
func (c *check) tags(name string, tags map[string]string) {
	if !c.fits(name, len(tags), MaxTags) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		at := fmt.Sprintf("%s[%s]", name, key)
		value := tags[key]
		switch {
		case !c.length(at, key, 1, 128) || !c.length(at, value, 0, 256):
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			c.add(at, `key must not begin with "aws:"`)
		case !taggable(key) || !taggable(value):
			c.add(at, "key and value may have letters, digits, spaces and + - = . _ : / @")
		}
	}
}

func taggable(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Zs, r) &&
			!strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return true
}

func (c *check) tagKeys(name string, keys []string) {
	if !c.fits(name, len(keys), MaxTags) {
		return
	}
	for i, key := range keys {
		c.length(index(name, i), key, 1, 128)
	}
}

// capabilities may be named repeatedly; the model has no bound on their list.
func (c *check) capabilities(name string, capabilities []Capability) {
	if !c.fits(name, len(capabilities), maxCapabilities) {
		return
	}
	for i, capability := range capabilities {
		c.oneOf(index(name, i), string(capability),
			string(CapabilitySendMessage), string(CapabilityDisconnectUser), string(CapabilityDeleteMessage))
	}
}

func (c *check) attributes(name string, attributes map[string]string, most int) {
	if AttributeBytes(attributes) > most {
		c.addf(name, "keys and values must be at most %d bytes in all", most)
	}
}

// AttributeBytes returns the size that limits on attributes count: the UTF-8
// bytes of keys and values (spec: unknowns.md U-CP-05).
func AttributeBytes(attributes map[string]string) int {
	n := 0
	for key, value := range attributes {
		n += len(key) + len(value)
	}
	return n
}
