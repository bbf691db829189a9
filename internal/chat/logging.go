package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/internal/id"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/ivschat"
)

// CreateLoggingConfiguration implements ivschat.API.
func (s *Service) CreateLoggingConfiguration(ctx context.Context, in *ivschat.CreateLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	t, err := s.begin(ctx, "CreateLoggingConfiguration", in)
	if err != nil {
		return nil, err
	}
	created := now()
	ok, err := s.probe(ctx, t, in.DestinationConfiguration)
	if err != nil {
		return nil, err
	}
	lc := &ivschat.LoggingConfiguration{
		ID: id.New(), CreateTime: created, UpdateTime: now(),
		DestinationConfiguration: *in.DestinationConfiguration,
		State:                    createdState(ok),
		Tags:                     map[string]string{},
	}
	lc.Arn = arn.ARN{Region: t.Region, Account: t.Account, Type: arn.LoggingConfiguration, ID: lc.ID}.String()
	if in.Name != nil {
		lc.Name = *in.Name
	}
	if in.Tags != nil {
		lc.Tags = maps.Clone(in.Tags)
	}
	most := s.limits(t).LoggingConfigurations
	err = s.Store.CreateLoggingConfiguration(ctx, t, lc, most)
	if errors.Is(err, store.ErrQuota) {
		s.Throttled(limit.QuotaLoggingConfigurations)
		return nil, quotaExceeded(ivschat.ResourceTypeLoggingConfiguration, "logging configurations", most)
	}
	if err != nil {
		return nil, wire(err, lc.Arn)
	}
	lc.State = ivschat.LoggingConfigurationStateActive // the answer knows no other
	return lc, nil
}

// GetLoggingConfiguration implements ivschat.API.
func (s *Service) GetLoggingConfiguration(ctx context.Context, in *ivschat.GetLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	t, err := s.begin(ctx, "GetLoggingConfiguration", in, in.Identifier)
	if err != nil {
		return nil, err
	}
	lc, err := s.Store.LoggingConfiguration(ctx, t, idOf(in.Identifier))
	if err != nil {
		return nil, wire(err, in.Identifier)
	}
	return lc, nil
}

// UpdateLoggingConfiguration implements ivschat.API.
func (s *Service) UpdateLoggingConfiguration(ctx context.Context, in *ivschat.UpdateLoggingConfigurationInput) (*ivschat.LoggingConfiguration, error) {
	t, err := s.begin(ctx, "UpdateLoggingConfiguration", in, in.Identifier)
	if err != nil {
		return nil, err
	}
	was, err := s.Store.LoggingConfiguration(ctx, t, idOf(in.Identifier))
	if err != nil {
		return nil, wire(err, in.Identifier)
	}
	ok := true
	if in.DestinationConfiguration != nil || was.State != ivschat.LoggingConfigurationStateActive {
		if ok, err = s.probe(ctx, t, cmp.Or(in.DestinationConfiguration, &was.DestinationConfiguration)); err != nil {
			return nil, err
		}
	}
	at := now()
	lc, err := s.Store.UpdateLoggingConfiguration(ctx, t, was.ID, func(lc *ivschat.LoggingConfiguration) error {
		update(lc, in, at, ok)
		return nil
	})
	if err != nil {
		return nil, wire(err, in.Identifier)
	}
	update(lc, in, at, true) // the answer knows no other state
	return lc, nil
}

// DeleteLoggingConfiguration implements ivschat.API.
func (s *Service) DeleteLoggingConfiguration(ctx context.Context, in *ivschat.DeleteLoggingConfigurationInput) (*ivschat.DeleteLoggingConfigurationOutput, error) {
	t, err := s.begin(ctx, "DeleteLoggingConfiguration", in, in.Identifier)
	if err != nil {
		return nil, err
	}
	if err := s.Store.DeleteLoggingConfiguration(ctx, t, idOf(in.Identifier)); err != nil {
		return nil, wire(err, in.Identifier)
	}
	return &ivschat.DeleteLoggingConfigurationOutput{}, nil
}

// ListLoggingConfigurations implements ivschat.API.
func (s *Service) ListLoggingConfigurations(ctx context.Context, in *ivschat.ListLoggingConfigurationsInput) (*ivschat.ListLoggingConfigurationsOutput, error) {
	page := s.page(tenant(ctx), "ListLoggingConfigurations", in.MaxResults)
	after, fields := page.open(in.NextToken)
	t, err := s.begin(ctx, "ListLoggingConfigurations", strict{in, fields})
	if err != nil {
		return nil, err
	}
	found, err := s.Store.LoggingConfigurations(ctx, t, after, page.size+1)
	if err != nil {
		return nil, wire(fmt.Errorf("list logging configurations: %w", err), "")
	}
	out := &ivschat.ListLoggingConfigurationsOutput{LoggingConfigurations: []ivschat.LoggingConfiguration{}}
	if len(found) > page.size {
		found = found[:page.size]
		last := found[page.size-1]
		out.NextToken = page.seal(last.UpdateTime, last.ID)
	}
	out.LoggingConfigurations = append(out.LoggingConfigurations, found...)
	return out, nil
}
