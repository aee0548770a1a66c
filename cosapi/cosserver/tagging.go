package cosserver

import "net/http"

// getObjectTagging is GET Object tagging: no tags are an empty set.
func (c *call) getObjectTagging() error {
	o, _, err := c.asked()
	if err != nil {
		return err
	}
	c.setVersion(o.VersionID)
	return c.xml(http.StatusOK, tagSet(o.Tags))
}

// putObjectTagging is PUT Object tagging: it replaces the whole set.
func (c *call) putObjectTagging() error {
	doc, err := c.document()
	if err != nil {
		return err
	}
	tags, err := readTagSet(doc, maxObjectTags)
	if err != nil {
		return err
	}
	return c.setTags(tags)
}

// deleteObjectTagging is DELETE Object tagging.
func (c *call) deleteObjectTagging() error { return c.setTags(nil) }

func (c *call) setTags(tags []tag) error {
	err := c.s.store.changeObject(c.bucket, c.key, c.q.get("versionId"), func(o *objectRecord) error {
		o.Tags = tags
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}
