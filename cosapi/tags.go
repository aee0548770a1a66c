package cosapi

import (
	"context"
	"encoding/xml"
	"strings"
)

// Tag is one label of an object (at most 10) or a bucket (at most 50). Keys
// have up to 127 bytes, values up to 255 (cos-api.md 5.11).
type Tag struct{ Key, Value string }

type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	Tags    tagSet   `xml:"TagSet"`
}

type tagSet struct {
	Tags []Tag `xml:"Tag"`
}

// BucketTagging reads the bucket's tags. NotSet if there are none.
func (c *Client) BucketTagging(ctx context.Context) ([]Tag, error) {
	doc, err := getDocument[tagging](ctx, c, "GetBucketTagging", "", Pair{"tagging", ""})
	return doc.Tags.Tags, err
}

// PutBucketTagging replaces the bucket's tags.
func (c *Client) PutBucketTagging(ctx context.Context, tags []Tag) error {
	return c.putDocument(ctx, "PutBucketTagging", "", tagging{Tags: tagSet{tags}}, Pair{"tagging", ""})
}

// DeleteBucketTagging removes the bucket's tags.
func (c *Client) DeleteBucketTagging(ctx context.Context) error {
	return c.deleteDocument(ctx, "DeleteBucketTagging", "", Pair{"tagging", ""})
}

// ObjectTagging reads the tags of an object; an empty versionID means the
// latest version, here and below. Without tags the list is empty.
func (c *Client) ObjectTagging(ctx context.Context, key, versionID string) ([]Tag, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	doc, err := getDocument[tagging](ctx, c, "GetObjectTagging", key, versioned("tagging", versionID)...)
	return doc.Tags.Tags, err
}

// PutObjectTagging replaces the tags of an object.
func (c *Client) PutObjectTagging(ctx context.Context, key, versionID string, tags []Tag) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return c.putDocument(ctx, "PutObjectTagging", key, tagging{Tags: tagSet{tags}}, versioned("tagging", versionID)...)
}

// DeleteObjectTagging removes the tags of an object.
func (c *Client) DeleteObjectTagging(ctx context.Context, key, versionID string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return c.deleteDocument(ctx, "DeleteObjectTagging", key, versioned("tagging", versionID)...)
}

// versioned is a sub-resource of a version.
func versioned(sub, versionID string) []Pair {
	params := []Pair{{sub, ""}}
	if versionID != "" {
		params = append(params, Pair{"versionId", versionID})
	}
	return params
}

// encodeTags is the form of the x-cos-tagging header (cos-api.md 3.4.1).
func encodeTags(tags []Tag) string {
	var b strings.Builder
	for i, t := range tags {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(t.Key, false) + "=" + escape(t.Value, false))
	}
	return b.String()
}
