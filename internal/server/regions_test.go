package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/ivschat"
)

// Tools ask STS at its global endpoint, whose region is us-east-1.
func TestRegionsDoNotHoldForSTS(t *testing.T) {
	r := start(t, func(c *config.Config) { c.Regions = []string{"us-west-2"} })
	const form = "Action=GetCallerIdentity&Version=2011-06-15"
	request, err := http.NewRequest(http.MethodPost, "http://"+r.addr+"/", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form))
	key := r.server.Keys.AccessKey
	credentials := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: string(key.Secret)}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, request, hex.EncodeToString(sum[:]), "sts", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("GetCallerIdentity in us-east-1: %s, want 200", response.Status)
	}
	elsewhere := r.client(func(o *ivschat.Options) { o.Region = "us-east-1" })
	if _, err := elsewhere.ListRooms(t.Context(), &ivschat.ListRoomsInput{}); err == nil || !strings.Contains(err.Error(), "valid region") {
		t.Errorf("ListRooms in us-east-1: %v, want a refusal of the region", err)
	}
}
