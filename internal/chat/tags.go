package chat

import (
	"context"
	"fmt"
	"maps"

	"github.com/parleychat/parley/internal/arn"
	"github.com/parleychat/parley/ivschat"
)

// ListTagsForResource implements ivschat.API.
func (s *Service) ListTagsForResource(ctx context.Context, in *ivschat.ListTagsForResourceInput) (*ivschat.ListTagsForResourceOutput, error) {
	t, err := s.begin(ctx, "ListTagsForResource", in, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	a, _ := arn.Parse(in.ResourceArn)
	tags, err := s.Store.Tags(ctx, t, a.Type, a.ID)
	if err != nil {
		return nil, wire(err, in.ResourceArn)
	}
	return &ivschat.ListTagsForResourceOutput{Tags: tags}, nil
}

// TagResource implements ivschat.API.
func (s *Service) TagResource(ctx context.Context, in *ivschat.TagResourceInput) (*ivschat.TagResourceOutput, error) {
	t, err := s.begin(ctx, "TagResource", in, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	a, _ := arn.Parse(in.ResourceArn)
	err = s.Store.UpdateTags(ctx, t, a.Type, a.ID, func(tags map[string]string) error {
		maps.Copy(tags, in.Tags)
		if len(tags) > ivschat.MaxTags {
			return ivschat.Invalid(ivschat.ValidationExceptionField{
				Name: "tags", Message: fmt.Sprintf("a resource may have at most %d tags", ivschat.MaxTags),
			})
		}
		return nil
	})
	if err != nil {
		return nil, wire(err, in.ResourceArn)
	}
	return &ivschat.TagResourceOutput{}, nil
}

// UntagResource implements ivschat.API.
func (s *Service) UntagResource(ctx context.Context, in *ivschat.UntagResourceInput) (*ivschat.UntagResourceOutput, error) {
	t, err := s.begin(ctx, "UntagResource", in, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	a, _ := arn.Parse(in.ResourceArn)
	err = s.Store.UpdateTags(ctx, t, a.Type, a.ID, func(tags map[string]string) error {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, wire(err, in.ResourceArn)
	}
	return &ivschat.UntagResourceOutput{}, nil
}
