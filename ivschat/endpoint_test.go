package ivschat_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/parleychat/parley/ivschat"
)

// sentTo returns where a client sends a request, or why it sends none.
func sentTo(t *testing.T, make func(aws.HTTPClient) *ivschat.Client) (url, region string, err error) {
	t.Helper()
	stub := &answers{list: []answer{{err: errors.New("stop here")}}}
	_, err = make(stub).GetRoom(t.Context(), &ivschat.GetRoomInput{Identifier: roomARN})
	if len(stub.sent) == 0 {
		return "", "", err
	}
	req := stub.sent[0]
	if req.Method != http.MethodPost {
		t.Errorf("method is %s", req.Method)
	}
	_, scope, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	return strings.TrimSuffix(req.URL.String(), "/GetRoom"), strings.Split(scope, "/")[2], nil
}

// The cases that AWS publishes for this service, and regions of each partition.
func TestEndpoints(t *testing.T) {
	custom := "https://example.com"
	tests := []struct {
		region          string
		fips, dualStack bool
		endpoint        string // custom
		want            string // URL, or part of the error
	}{
		{"eu-west-1", false, false, "", "https://ivschat.eu-west-1.amazonaws.com"},
		{"us-east-1", false, false, "", "https://ivschat.us-east-1.amazonaws.com"},
		{"us-west-2", false, false, "", "https://ivschat.us-west-2.amazonaws.com"},
		{"us-east-1", true, true, "", "https://ivschat-fips.us-east-1.api.aws"},
		{"us-east-1", true, false, "", "https://ivschat-fips.us-east-1.amazonaws.com"},
		{"us-east-1", false, true, "", "https://ivschat.us-east-1.api.aws"},
		{"cn-north-1", true, true, "", "https://ivschat-fips.cn-north-1.api.amazonwebservices.com.cn"},
		{"cn-north-1", true, false, "", "https://ivschat-fips.cn-north-1.amazonaws.com.cn"},
		{"cn-north-1", false, true, "", "https://ivschat.cn-north-1.api.amazonwebservices.com.cn"},
		{"cn-north-1", false, false, "", "https://ivschat.cn-north-1.amazonaws.com.cn"},
		{"us-gov-east-1", true, true, "", "https://ivschat-fips.us-gov-east-1.api.aws"},
		{"us-gov-east-1", true, false, "", "https://ivschat-fips.us-gov-east-1.amazonaws.com"},
		{"us-gov-east-1", false, true, "", "https://ivschat.us-gov-east-1.api.aws"},
		{"us-gov-east-1", false, false, "", "https://ivschat.us-gov-east-1.amazonaws.com"},
		{"us-iso-east-1", true, false, "", "https://ivschat-fips.us-iso-east-1.c2s.ic.gov"},
		{"us-iso-east-1", false, false, "", "https://ivschat.us-iso-east-1.c2s.ic.gov"},
		{"us-isob-east-1", true, false, "", "https://ivschat-fips.us-isob-east-1.sc2s.sgov.gov"},
		{"us-isob-east-1", false, false, "", "https://ivschat.us-isob-east-1.sc2s.sgov.gov"},
		{"us-east-1", false, false, custom, custom},
		{"us-east-1", true, false, custom, "FIPS and custom endpoint"},
		{"us-east-1", false, true, custom, "dual-stack and custom endpoint"},
		{"", false, false, "", "missing region"},

		{"eu-isoe-west-1", false, true, "", "https://ivschat.eu-isoe-west-1.api.cloud-aws.adc-e.uk"},
		{"us-isof-south-1", false, false, "", "https://ivschat.us-isof-south-1.csp.hci.ic.gov"},
		{"eusc-de-east-1", false, false, "", "https://ivschat.eusc-de-east-1.amazonaws.eu"},
		{"mars-north-1", false, false, "", "https://ivschat.mars-north-1.amazonaws.com"},
		{"fips-us-east-1", false, false, "", "https://ivschat-fips.us-east-1.amazonaws.com"},
		{"us-east-1-fips", false, false, "", "https://ivschat-fips.us-east-1.amazonaws.com"},
		{"us-east-1/../x", false, false, "", "no host label"},
		{"-x", false, false, "", "no host label"},
		{"us-east-1", false, false, "http://127.0.0.1:7878/", "http://127.0.0.1:7878"},
		{"us-east-1", false, false, "http://127.0.0.1:7878/base%2Fpath/", "http://127.0.0.1:7878/base%2Fpath"},
		{"us-east-1", false, false, "ftp://example.com", "no http or https URL"},
		{"us-east-1", false, false, "http://%zz", "no http or https URL"},
	}
	for _, tt := range tests {
		got, _, err := sentTo(t, func(stub aws.HTTPClient) *ivschat.Client {
			return newClient(stub, func(o *ivschat.Options) {
				o.Region, o.UseFIPSEndpoint, o.UseDualStackEndpoint, o.BaseEndpoint = tt.region, tt.fips, tt.dualStack, nil
				o.Retryer = aws.NopRetryer{}
				if tt.endpoint != "" {
					o.BaseEndpoint = &tt.endpoint
				}
			})
		})
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// Where the environment and the shared configuration file say that the service is.
func TestEndpointsOfTheEnvironment(t *testing.T) {
	const global = "endpoint_url = http://file\n"
	const service = "services = mine\n[services mine]\nivschat =\n  endpoint_url = http://service-in-file\n"
	tests := []struct {
		name string
		env  map[string]string
		file string
		in   string // BaseEndpoint in code
		want string
	}{
		{"nothing", nil, "", "", "https://ivschat.eu-west-1.amazonaws.com"},
		{"the service's variable", map[string]string{"AWS_ENDPOINT_URL_IVSCHAT": "http://own"}, "", "", "http://own"},
		{"the global variable", map[string]string{"AWS_ENDPOINT_URL": "http://all"}, "", "", "http://all"},
		{"both variables", map[string]string{"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_IVSCHAT": "http://own"}, "", "", "http://own"},
		{"another service's variable", map[string]string{"AWS_ENDPOINT_URL_S3": "http://s3"}, "", "", "https://ivschat.eu-west-1.amazonaws.com"},
		{"the file", nil, global, "", "http://file"},
		{"the service in the file", nil, service, "", "http://service-in-file"},
		{"the file's both", nil, global + service, "", "http://service-in-file"},
		{"a variable and the file", map[string]string{"AWS_ENDPOINT_URL": "http://all"}, global + service, "", "http://all"},
		{"the service's variable and the file", map[string]string{"AWS_ENDPOINT_URL_IVSCHAT": "http://own"}, global + service, "", "http://own"},
		{"all ignored", map[string]string{"AWS_ENDPOINT_URL_IVSCHAT": "http://own", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, service, "", "https://ivschat.eu-west-1.amazonaws.com"},
		{"code over all", map[string]string{"AWS_ENDPOINT_URL_IVSCHAT": "http://own"}, service, "http://code", "http://code"},
		{"FIPS", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "", "", "https://ivschat-fips.eu-west-1.amazonaws.com"},
		{"dual stack in the file", nil, "use_dualstack_endpoint = true\n", "", "https://ivschat.eu-west-1.api.aws"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, variable := range os.Environ() {
				if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
					t.Setenv(name, "")
					os.Unsetenv(name) // Setenv brings it back
				}
			}
			file := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(file, []byte("[default]\nregion = eu-west-1\n"+tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AWS_CONFIG_FILE", file)
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
			t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			got, region, err := sentTo(t, func(stub aws.HTTPClient) *ivschat.Client {
				cfg, err := awsconfig.LoadDefaultConfig(t.Context(), awsconfig.WithHTTPClient(stub), awsconfig.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
				if err != nil {
					t.Fatal(err)
				}
				return ivschat.NewFromConfig(cfg, func(o *ivschat.Options) {
					if tt.in != "" {
						o.BaseEndpoint = &tt.in
					}
				})
			})
			if err != nil || got != tt.want || region != "eu-west-1" {
				t.Errorf("sent to %s for %s, %v", got, region, err)
			}
		})
	}
}

func TestConfigurationIsTakenOver(t *testing.T) {
	retryer := aws.NopRetryer{}
	keys := aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""))
	o := ivschat.NewFromConfig(aws.Config{
		Region: "eu-west-1", Credentials: keys, HTTPClient: http.DefaultClient, AppID: "app", BaseEndpoint: new("http://base"),
		Retryer: func() aws.Retryer { return retryer }, DisableClockSkewCorrection: true,
	}).Options()
	got := []any{o.Region, o.Credentials, o.HTTPClient, o.AppID, *o.BaseEndpoint, o.Retryer, o.DisableClockSkewCorrection}
	want := []any{"eu-west-1", aws.CredentialsProvider(keys), http.DefaultClient, "app", "http://base", retryer, true}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("option %d is %v", i, got[i])
		}
	}
	o = ivschat.NewFromConfig(aws.Config{RetryMode: aws.RetryModeAdaptive, RetryMaxAttempts: 7}).Options()
	if diff := cmp.Diff(7, o.Retryer.MaxAttempts()); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}
