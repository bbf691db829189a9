package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsivschat "github.com/aws/aws-sdk-go-v2/service/ivschat"

	"github.com/parleychat/parley/internal/apitest"
	"github.com/parleychat/parley/internal/apitest/awssdk"
	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/keys"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/server"
	"github.com/parleychat/parley/ivschat"
)

// dev serves in memory, where a 12-digit access key id is an account.
func dev(t *testing.T) (*server.Server, string) {
	t.Helper()
	s, err := server.New(t.Context(), config.Default(), true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, context.Background(), l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, "http://" + l.Addr().String()
}

const (
	otherAccount = "210987654321"
	quota        = 10 // logging configurations, profile default
)

func credentials(id, secret string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
	})
}

func TestTheServiceInProcess(t *testing.T) {
	s, _ := dev(t)
	as := func(account string) ivschat.API {
		return apitest.As(s.Service(), func(ctx context.Context) context.Context {
			return principal.NewContext(ctx, principal.Principal{
				Account: account, Region: "us-west-2", ARN: "arn:aws:iam::" + account + ":root",
			})
		})
	}
	apitest.Run(t, apitest.Fixture{API: as(keys.DefaultAccount), Other: as(otherAccount), LoggingConfigurations: quota})
}

func TestTheClient(t *testing.T) {
	_, endpoint := dev(t)
	as := func(id, secret string) ivschat.API {
		return ivschat.New(ivschat.Options{
			Region: "us-west-2", BaseEndpoint: &endpoint, Credentials: credentials(id, secret), SkipValidation: true,
		})
	}
	apitest.Run(t, apitest.Fixture{
		API: as(keys.DevAccessKeyID, keys.DevSecret), Other: as(otherAccount, "any"), LoggingConfigurations: quota,
	})
}

func TestTheClientThatValidates(t *testing.T) {
	_, endpoint := dev(t)
	as := func(id, secret string) ivschat.API {
		return ivschat.New(ivschat.Options{Region: "us-west-2", BaseEndpoint: &endpoint, Credentials: credentials(id, secret)})
	}
	apitest.Run(t, apitest.Fixture{
		API: as(keys.DevAccessKeyID, keys.DevSecret), Other: as(otherAccount, "any"), LoggingConfigurations: quota,
		Local: func(err error) bool { _, ok := errors.AsType[*ivschat.ParamValidationError](err); return ok },
	})
}

func TestTheSDKOfAWS(t *testing.T) {
	_, endpoint := dev(t)
	as := func(id, secret string) ivschat.API {
		return awssdk.New(awsivschat.New(awsivschat.Options{
			Region: "us-west-2", BaseEndpoint: &endpoint, Credentials: credentials(id, secret),
		}))
	}
	apitest.Run(t, apitest.Fixture{
		API: as(keys.DevAccessKeyID, keys.DevSecret), Other: as(otherAccount, "any"), LoggingConfigurations: quota,
		Local: awssdk.Local,
	})
}

func TestDevModeTakesAnyCredentials(t *testing.T) {
	_, endpoint := dev(t)
	for _, given := range []aws.Credentials{
		{AccessKeyID: keys.DevAccessKeyID, SecretAccessKey: "another"},
		{AccessKeyID: keys.DevAccessKeyID, SecretAccessKey: keys.DevSecret, SessionToken: "stray"},
		{AccessKeyID: "test", SecretAccessKey: "test"},
		{AccessKeyID: otherAccount, SecretAccessKey: "x", SessionToken: "stray"},
	} {
		c := ivschat.New(ivschat.Options{
			Region: "us-west-2", BaseEndpoint: &endpoint,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return given, nil }),
		})
		if _, err := c.ListRooms(t.Context(), &ivschat.ListRoomsInput{}); err != nil {
			t.Errorf("%s, session token %q: %v", given.AccessKeyID, given.SessionToken, err)
		}
	}
}
