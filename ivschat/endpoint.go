package ivschat

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// partition is a group of AWS regions whose hosts share a suffix.
type partition struct {
	regions         *regexp.Regexp
	suffix          string
	dualStackSuffix string
}

// partitions returns the published partitions. The first is also that of
// regions nobody has heard of yet.
func partitions() []partition {
	return []partition{
		{regexp.MustCompile(`^(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+$`), "amazonaws.com", "api.aws"},
		{regexp.MustCompile(`^cn-\w+-\d+$`), "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
		{regexp.MustCompile(`^us-gov-\w+-\d+$`), "amazonaws.com", "api.aws"},
		{regexp.MustCompile(`^eusc-de-\w+-\d+$`), "amazonaws.eu", "api.amazonwebservices.eu"},
		{regexp.MustCompile(`^us-iso-\w+-\d+$`), "c2s.ic.gov", "api.aws.ic.gov"},
		{regexp.MustCompile(`^us-isob-\w+-\d+$`), "sc2s.sgov.gov", "api.aws.scloud"},
		{regexp.MustCompile(`^eu-isoe-\w+-\d+$`), "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
		{regexp.MustCompile(`^us-isof-\w+-\d+$`), "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	}
}

// resolveEndpoint answers as AWS's published endpoint rules for this service do
// (spec: control-plane.md §1).
func resolveEndpoint(o Options) (*url.URL, error) {
	if o.BaseEndpoint != nil {
		return customEndpoint(o)
	}
	if o.Region == "" {
		return nil, errors.New("invalid configuration: missing region")
	}
	if !hostLabel(o.Region) {
		return nil, fmt.Errorf("invalid configuration: region %q is no host label", o.Region)
	}
	known := partitions()
	in := known[0]
	for _, p := range known {
		if p.regions.MatchString(o.Region) {
			in = p
			break
		}
	}
	host, suffix := ServiceID, in.suffix
	if o.UseFIPSEndpoint {
		host += "-fips"
	}
	if o.UseDualStackEndpoint {
		suffix = in.dualStackSuffix
	}
	return &url.URL{Scheme: "https", Host: host + "." + o.Region + "." + suffix}, nil
}

func customEndpoint(o Options) (*url.URL, error) {
	if o.UseFIPSEndpoint {
		return nil, errors.New("invalid configuration: FIPS and custom endpoint are not supported together")
	}
	if o.UseDualStackEndpoint {
		return nil, errors.New("invalid configuration: dual-stack and custom endpoint are not supported together")
	}
	u, err := url.Parse(*o.BaseEndpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("invalid configuration: endpoint %q is no http or https URL", *o.BaseEndpoint)
	}
	return u, nil
}

// plainRegion takes FIPS out of the old region names that asked for it
// ("fips-us-east-1", "us-east-1-fips").
func plainRegion(region string, fips bool) (string, bool) {
	plain := strings.TrimSuffix(strings.TrimPrefix(region, "fips-"), "-fips")
	return plain, fips || plain != region
}

func hostLabel(s string) bool {
	if len(s) > 63 || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

// What the sources of an aws.Config may know of endpoints. AWS's clients find
// these by the same methods.
type (
	serviceEndpointSource interface {
		GetServiceBaseEndpoint(ctx context.Context, sdkID string) (string, bool, error)
	}
	ignoreEndpointsSource interface {
		GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
	}
	fipsSource interface {
		GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
	}
	dualStackSource interface {
		GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
	}
)

// baseEndpoint returns the endpoint that the environment or the shared
// configuration file set, nil for none. The service's own variable wins over
// AWS_ENDPOINT_URL, which wins over the file.
func baseEndpoint(cfg aws.Config) *string {
	ctx := context.Background()
	endpoint := cfg.BaseEndpoint // AWS_ENDPOINT_URL and the file's global setting arrive here
	_, all := os.LookupEnv("AWS_ENDPOINT_URL")
	_, own := os.LookupEnv("AWS_ENDPOINT_URL_IVSCHAT")
	if all && !own {
		return endpoint
	}
	ignored, _ := first(cfg.ConfigSources, func(s ignoreEndpointsSource) (bool, bool, error) {
		return s.GetIgnoreConfiguredEndpoints(ctx)
	})
	if ignored {
		return endpoint
	}
	value, found := first(cfg.ConfigSources, func(s serviceEndpointSource) (string, bool, error) {
		return s.GetServiceBaseEndpoint(ctx, ServiceID)
	})
	if found {
		return &value
	}
	return endpoint
}

func endpointFlags(cfg aws.Config) (fips, dualStack bool) {
	ctx := context.Background()
	f, _ := first(cfg.ConfigSources, func(s fipsSource) (aws.FIPSEndpointState, bool, error) {
		return s.GetUseFIPSEndpoint(ctx)
	})
	d, _ := first(cfg.ConfigSources, func(s dualStackSource) (aws.DualStackEndpointState, bool, error) {
		return s.GetUseDualStackEndpoint(ctx)
	})
	return f == aws.FIPSEndpointStateEnabled, d == aws.DualStackEndpointStateEnabled
}

// first asks the sources in order until one knows the answer.
func first[Source, T any](sources []any, ask func(Source) (T, bool, error)) (value T, found bool) {
	for _, s := range sources {
		source, ok := s.(Source)
		if !ok {
			continue
		}
		if value, found, err := ask(source); found || err != nil {
			return value, found && err == nil
		}
	}
	return value, false
}
