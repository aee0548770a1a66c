package cosserver

import (
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// configuration is a document that is kept with a bucket under the name of its
// sub-resource.
type configuration struct {
	name    string                                            // of the sub-resource
	missing string                                            // code of a GET when it was never set
	status  int                                               // of a PUT that succeeds
	check   func(b *bucketRecord, doc []byte) ([]byte, error) // refuses, or gives what is kept
	mime    string
}

// configurations are those stored as documents. Replication is stored and
// answered only: nothing is replicated. Policies likewise: nothing is allowed
// or denied by them.
var configurations = map[string]configuration{
	"cors":        {"cors", "NoSuchCORSConfiguration", http.StatusOK, checkCORS, "application/xml"},
	"lifecycle":   {"lifecycle", "NoSuchLifecycleConfiguration", http.StatusOK, checkLifecycle, "application/xml"},
	"replication": {"replication", "ReplicationConfigurationNotFoundError", http.StatusOK, checkReplication, "application/xml"},
	"tagging":     {"tagging", "NoSuchTagSet", http.StatusNoContent, checkBucketTags, "application/xml"},
	"policy":      {"policy", "NoSuchBucketPolicy", http.StatusNoContent, checkPolicy, "application/json"},
}

func (c *call) putConfiguration() error {
	conf := configurations[c.op.sub]
	doc, err := c.document()
	if err != nil {
		return err
	}
	if len(doc) == 0 {
		return failure("MissingRequestBodyError")
	}
	err = c.s.store.changeBucket(c.bucket, func(b *bucketRecord) error {
		kept, err := conf.check(b, doc)
		if err != nil {
			return err
		}
		if b.Configs == nil {
			b.Configs = map[string][]byte{}
		}
		b.Configs[conf.name] = kept
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty(conf.status)
}

func (c *call) getConfiguration() error {
	conf := configurations[c.op.sub]
	b, err := c.s.store.bucket(c.bucket)
	if err != nil {
		return err
	}
	doc, set := b.Configs[conf.name]
	if !set {
		return failure(conf.missing)
	}
	return c.xml(http.StatusOK, &xmlWriter{buf: doc, mime: conf.mime})
}

func (c *call) deleteConfiguration() error {
	conf := configurations[c.op.sub]
	err := c.s.store.changeBucket(c.bucket, func(b *bucketRecord) error {
		delete(b.Configs, conf.name)
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}

// getLocation is GET Bucket location.
func (c *call) getLocation() error {
	if _, err := c.s.store.bucket(c.bucket); err != nil {
		return err
	}
	x := newXML()
	x.text("LocationConstraint", c.s.cfg.Region)
	return c.xml(http.StatusOK, x)
}

// getBucketACL is GET Bucket acl.
func (c *call) getBucketACL() error {
	b, err := c.s.store.bucket(c.bucket)
	if err != nil {
		return err
	}
	x := newXML()
	writeACL(x, b.Owner, b.ACL)
	return c.xml(http.StatusOK, x)
}

// putBucketACL is PUT Bucket acl.
func (c *call) putBucketACL() error {
	b, err := c.s.store.bucket(c.bucket)
	if err != nil {
		return err
	}
	acl, err := c.requestACL(b.Owner, bucketCanned)
	if err != nil {
		return err
	}
	err = c.s.store.changeBucket(c.bucket, func(b *bucketRecord) error {
		b.ACL = acl
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty(http.StatusOK)
}

// getVersioning is GET Bucket versioning.
func (c *call) getVersioning() error {
	b, err := c.s.store.bucket(c.bucket)
	if err != nil {
		return err
	}
	x := newXML()
	x.open("VersioningConfiguration")
	if b.Versioning != "" {
		x.text("Status", b.Versioning)
	}
	x.close("VersioningConfiguration")
	return c.xml(http.StatusOK, x)
}

// versioningDocument is cos-api.md 5.9.
type versioningDocument struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	Status  string
}

// putVersioning is PUT Bucket versioning: there is no way back to never.
func (c *call) putVersioning() error {
	doc, err := c.document()
	if err != nil {
		return err
	}
	var v versioningDocument
	if err := parseXML(doc, &v); err != nil {
		return err
	}
	if v.Status != versioningEnabled && v.Status != versioningSuspended {
		return failure("MalformedXML").because("Status must be Enabled or Suspended")
	}
	err = c.s.store.changeBucket(c.bucket, func(b *bucketRecord) error {
		if v.Status == versioningSuspended && b.Configs["replication"] != nil {
			return failure("InvalidBucketState").because("a bucket that is replicated must stay versioned")
		}
		b.Versioning = v.Status
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty(http.StatusOK)
}

// Limits of configurations (cos-api.md 3.0.5).
const (
	maxCORSRules      = 100
	maxCORSBytes      = 64 << 10
	maxLifecycleRules = 1000
	maxBucketTags     = 50
	maxPolicyBytes    = 20 << 10

	maxReplicationRules = 1000
)

// tagging is cos-api.md 5.11.
type tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	Tags    []tag    `xml:"TagSet>Tag"`
}

func readTagSet(doc []byte, limit int) ([]tag, error) {
	var t tagging
	if err := parseXML(doc, &t); err != nil {
		return nil, err
	}
	return t.Tags, checkTags(t.Tags, limit)
}

func checkBucketTags(_ *bucketRecord, doc []byte) ([]byte, error) {
	tags, err := readTagSet(doc, maxBucketTags)
	if err != nil {
		return nil, err
	}
	return tagSet(tags).buf, nil
}

func tagSet(tags []tag) *xmlWriter {
	x := newXML()
	x.open("Tagging")
	x.open("TagSet")
	for _, t := range tags {
		x.open("Tag")
		x.text("Key", t.Key)
		x.text("Value", t.Value)
		x.close("Tag")
	}
	x.close("TagSet")
	x.close("Tagging")
	return x
}

func checkPolicy(_ *bucketRecord, doc []byte) ([]byte, error) {
	var policy map[string]any
	if len(doc) > maxPolicyBytes || json.Unmarshal(doc, &policy) != nil {
		return nil, failure("MalformedPolicy")
	}
	return doc, nil
}

// replicationDocument is cos-api.md 5.10, as far as it is checked.
type replicationDocument struct {
	XMLName xml.Name `xml:"ReplicationConfiguration"`
	Role    string
	Rules   []struct {
		Status      string
		Destination struct{ Bucket string }
	} `xml:"Rule"`
}

func checkReplication(b *bucketRecord, doc []byte) ([]byte, error) {
	var d replicationDocument
	if err := parseXML(doc, &d); err != nil {
		return nil, err
	}
	if b.Versioning != versioningEnabled {
		return nil, failure("InvalidBucketState").because("replication needs a bucket with versioning enabled")
	}
	if d.Role == "" || len(d.Rules) == 0 || len(d.Rules) > maxReplicationRules {
		return nil, failure("InvalidArgument").because("replication needs a Role and 1 to 1000 rules")
	}
	for _, r := range d.Rules {
		if r.Status != statusEnabled && r.Status != statusDisabled || !strings.HasPrefix(r.Destination.Bucket, "qcs::cos:") {
			return nil, failure("InvalidArgument").because("a replication rule needs a Status and a Destination qcs::cos:<region>::<bucket>")
		}
		if r.Destination.Bucket != d.Rules[0].Destination.Bucket {
			return nil, failure("MultiBucketNotSupport")
		}
	}
	return doc, nil
}

// Values of Status in rules.
const (
	statusEnabled  = "Enabled"
	statusDisabled = "Disabled"
)

// corsDocument is cos-api.md 5.7.
type corsDocument struct {
	XMLName xml.Name   `xml:"CORSConfiguration"`
	Rules   []corsRule `xml:"CORSRule"`
}

type corsRule struct {
	Origins []string `xml:"AllowedOrigin"`
	Methods []string `xml:"AllowedMethod"`
	Headers []string `xml:"AllowedHeader"`
	Expose  []string `xml:"ExposeHeader"`
	MaxAge  int      `xml:"MaxAgeSeconds"`
}

var corsMethods = []string{"GET", "PUT", "HEAD", "POST", "DELETE"}

func checkCORS(_ *bucketRecord, doc []byte) ([]byte, error) {
	var d corsDocument
	if err := parseXML(doc, &d); err != nil {
		return nil, err
	}
	if len(doc) > maxCORSBytes || len(d.Rules) == 0 || len(d.Rules) > maxCORSRules {
		return nil, failure("MalformedXML").because("1 to 100 rules in at most 64 KiB")
	}
	for _, r := range d.Rules {
		if len(r.Origins) == 0 || len(r.Methods) == 0 || r.MaxAge < 0 {
			return nil, failure("MalformedXML").because("a rule needs an AllowedOrigin and an AllowedMethod")
		}
		for _, o := range r.Origins {
			if strings.Count(o, "*") > 1 {
				return nil, failure("InvalidRequest").because("an AllowedOrigin holds at most one *")
			}
		}
		for _, m := range r.Methods {
			if !slices.Contains(corsMethods, m) {
				return nil, failure("InvalidRequest").because("AllowedMethod must be GET, PUT, HEAD, POST or DELETE")
			}
		}
	}
	return doc, nil
}

// ruleID names a rule that came without an ID.
func ruleID() string { return strings.ToLower(rand.Text()) }
