package ivschat

// MaxTags is the most tags a resource may have.
const MaxTags = 50

// ListTagsForResourceInput names a room or a logging configuration by ARN. Spec: control-plane.md §4.5.
type ListTagsForResourceInput struct {
	// ResourceArn travels in the path. Required.
	ResourceArn string `json:"-" path:"resourceArn"`
}

// Validate returns every member that breaks a rule.
func (in *ListTagsForResourceInput) Validate() []ValidationExceptionField {
	var c check
	c.resourceARN("resourceArn", in.ResourceArn)
	return c.fields
}

// ListTagsForResourceOutput is the resource's tags.
type ListTagsForResourceOutput struct {
	Tags map[string]string `json:"tags"`
}

// TagResourceInput adds tags or overwrites their values.
type TagResourceInput struct {
	// ResourceArn travels in the path. Required.
	ResourceArn string `json:"-" path:"resourceArn"`
	// Tags is at most 50 with those the resource has; keys 1–128, values 0–256 characters. Required.
	Tags map[string]string `json:"tags,omitzero"`
}

// Validate returns every member that breaks a rule.
func (in *TagResourceInput) Validate() []ValidationExceptionField {
	var c check
	c.resourceARN("resourceArn", in.ResourceArn)
	if in.Tags == nil {
		c.add("tags", required)
	}
	c.tags("tags", in.Tags)
	return c.fields
}

// TagResourceOutput has no members.
type TagResourceOutput struct{}

// UntagResourceInput removes tags.
type UntagResourceInput struct {
	// ResourceArn travels in the path. Required.
	ResourceArn string `json:"-" path:"resourceArn"`
	// TagKeys is at most 50 keys of 1–128 characters; travels in the query. Required.
	TagKeys []string `json:"-" query:"tagKeys"`
}

// Validate returns every member that breaks a rule.
func (in *UntagResourceInput) Validate() []ValidationExceptionField {
	var c check
	c.resourceARN("resourceArn", in.ResourceArn)
	if in.TagKeys == nil {
		c.add("tagKeys", required)
	}
	c.tagKeys("tagKeys", in.TagKeys)
	return c.fields
}

// UntagResourceOutput has no members.
type UntagResourceOutput struct{}
