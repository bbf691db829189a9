package ivschat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// skewThreshold is how far the clock of a refused signature must be off before
// the clock is believed to be the reason; signatures are good for 5 minutes.
const skewThreshold = 4 * time.Minute

// retry does with the retryer what aws-sdk-go-v2 does, without its middleware.
// n counts attempts from 1.
func (c *Client) retry(ctx context.Context, do func(n int) error) error {
	retryer := c.options.Retryer
	release := func(error) error { return nil }
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return &aws.RequestCanceledError{Err: ctx.Err()}
		}
		sent, err := sendToken(ctx, retryer)
		if err != nil {
			return fmt.Errorf("wait for a send token: %w", err)
		}
		err = do(n)
		// A pool that fails to take a token back has lost one; the outcome stands.
		_, _ = release(err), sent(err)
		if err == nil || !retryer.IsErrorRetryable(err) {
			return err
		}
		if most := retryer.MaxAttempts(); most > 0 && n >= most {
			return &retry.MaxAttemptsError{Attempt: n, Err: err}
		}
		var spent error
		if release, spent = retryer.GetRetryToken(ctx, err); spent != nil {
			return errors.Join(err, spent)
		}
		delay, unknown := retryer.RetryDelay(n, err)
		if unknown != nil {
			return errors.Join(err, unknown)
		}
		if canceled := sleep(ctx, delay); canceled != nil {
			return errors.Join(&aws.RequestCanceledError{Err: canceled}, err)
		}
	}
}

func sendToken(ctx context.Context, retryer aws.Retryer) (func(error) error, error) {
	if limited, ok := retryer.(aws.RetryerV2); ok {
		return limited.GetAttemptToken(ctx)
	}
	return retryer.GetInitialToken(), nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// now is the time to sign with.
func (c *Client) now() time.Time {
	return time.Now().Add(time.Duration(c.skew.Load()))
}

// clockError makes the retryer send a request again, signed with a corrected clock.
type clockError struct{ error }

func (e clockError) Unwrap() error        { return e.error }
func (e clockError) RetryableError() bool { return true }

// skewed learns the service's clock from the answer that refused a signature,
// if the clock can be the reason.
func (c *Client) skewed(resp *http.Response, refusal APIError) error {
	codes := []string{"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure", "RequestTimeTooSkewed", "AccessDeniedException"}
	if c.options.DisableClockSkewCorrection || !slices.Contains(codes, refusal.ErrorCode()) {
		return refusal
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	cached := resp.Header.Get("Age") != "" // and the date of another request
	if err != nil || cached {
		return refusal
	}
	signedWith := time.Duration(c.skew.Load())
	skew := time.Until(date)
	if (skew - signedWith).Abs() <= skewThreshold {
		return refusal
	}
	c.skew.Store(int64(skew))
	return clockError{refusal}
}
