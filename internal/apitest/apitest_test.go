package apitest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ivschat"

	"github.com/parleychat/parley/internal/apitest"
	"github.com/parleychat/parley/internal/apitest/awssdk"
	"github.com/parleychat/parley/internal/chat"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/principal"
	"github.com/parleychat/parley/internal/roomlog/memlog"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/ivschat"
)

const (
	mine   = "111111111111"
	theirs = "222222222222"
	region = "us-west-2"
	rooms  = 80 // a quota small enough to fill
)

// newService returns the service with everything in memory.
func newService(t *testing.T) *chat.Service {
	t.Helper()
	data, err := store.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	log := memlog.New(memlog.Options{})
	t.Cleanup(func() {
		if err := errors.Join(log.Close(), data.Close()); err != nil {
			t.Error(err)
		}
	})
	ring, err := token.NewRing(token.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return chat.New(chat.Options{
		Store: data, Log: log, Tokens: ring, Pager: token.NewPager(token.NewKey().Secret),
		Quotas: limit.Same(limit.Profile{Rooms: rooms, LoggingConfigurations: 10}),
	})
}

// acting returns a context in which a principal of the account acts.
func acting(ctx context.Context, account string) context.Context {
	return principal.NewContext(ctx, principal.Principal{
		Account: account, Region: region, ARN: "arn:aws:iam::" + account + ":user/test", AccessKeyID: account,
	})
}

func fixture(api func(account string) ivschat.API) apitest.Fixture {
	return apitest.Fixture{API: api(mine), Other: api(theirs), LoggingConfigurations: 10, Rooms: rooms}
}

func TestServiceInProcess(t *testing.T) {
	service := newService(t)
	apitest.Run(t, fixture(func(account string) ivschat.API {
		return apitest.As(service, func(ctx context.Context) context.Context { return acting(ctx, account) })
	}))
}

func TestClient(t *testing.T) {
	url := serve(t, newService(t))
	client := func(skip bool) func(string) ivschat.API {
		return func(account string) ivschat.API {
			c := ivschat.New(ivschat.Options{
				Region: region, BaseEndpoint: &url, SkipValidation: skip,
				Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
			})
			t.Cleanup(c.CloseIdleConnections)
			return c
		}
	}
	t.Run("validating", func(t *testing.T) {
		f := fixture(client(false))
		f.Local = func(err error) bool {
			_, ok := errors.AsType[*ivschat.ParamValidationError](err)
			return ok
		}
		apitest.Run(t, f)
	})
	t.Run("leaving it to the service", func(t *testing.T) { apitest.Run(t, fixture(client(true))) })
}

func TestAWSSDK(t *testing.T) {
	url := serve(t, newService(t))
	f := fixture(func(account string) ivschat.API {
		return awssdk.New(sdk.New(sdk.Options{
			Region: region, BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
		}))
	})
	f.Local = awssdk.Local
	apitest.Run(t, f)
}
