package cosserver

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// aclRecord is an access control list. Canned is how it was given; Grants are
// the explicit ones beside the owner's, or what Canned stands for.
type aclRecord struct {
	Canned string  `json:"canned,omitempty"`
	Grants []grant `json:"grants,omitempty"`
}

// grant is one permission for one grantee: an account, or a group's URI.
type grant struct {
	ID         string `json:"id,omitempty"`
	URI        string `json:"uri,omitempty"`
	Permission string `json:"permission"`
}

const (
	allUsers   = "http://cam.qcloud.com/groups/global/AllUsers"
	authUsers  = "http://cam.qcloud.com/groups/global/AuthenticatedUsers"
	anyoneID   = "qcs::cam::anyone:anyone"
	groups     = "http://cam.qcloud.com/groups/global/"
	groupsOfS3 = "http://acs.amazonaws.com/groups/global/"
	xsiSpace   = "http://www.w3.org/2001/XMLSchema-instance"
	maxGrants  = 100
	cannedNone = "default"
)

// objectCanned and bucketCanned are the names x-cos-acl may have, with what
// they grant beside the owner's FULL_CONTROL (cos-api.md 3.0.8).
var (
	objectCanned = map[string][]grant{
		cannedNone: nil, "private": nil, "bucket-owner-read": nil, "bucket-owner-full-control": nil,
		"public-read":        {{URI: allUsers, Permission: "READ"}},
		"public-read-write":  {{URI: allUsers, Permission: "READ"}, {URI: allUsers, Permission: "WRITE"}},
		"authenticated-read": {{URI: authUsers, Permission: "READ"}},
	}
	bucketCanned = map[string][]grant{
		"private":            nil,
		"public-read":        {{URI: allUsers, Permission: "READ"}},
		"public-read-write":  {{URI: allUsers, Permission: "READ"}, {URI: allUsers, Permission: "WRITE"}},
		"authenticated-read": {{URI: authUsers, Permission: "READ"}},
	}
)

// grantHeaders are the headers of explicit grants.
var grantHeaders = []struct{ name, permission string }{
	{"x-cos-grant-full-control", "FULL_CONTROL"},
	{"x-cos-grant-read", "READ"},
	{"x-cos-grant-read-acp", "READ_ACP"},
	{"x-cos-grant-write", "WRITE"},
	{"x-cos-grant-write-acp", "WRITE_ACP"},
}

// readACLHeaders gives the ACL that a request's headers set; the zero one when
// they set none.
func readACLHeaders(h http.Header, canned map[string][]grant) (aclRecord, error) {
	a := aclRecord{Canned: h.Get("x-cos-acl")}
	if a.Canned != "" {
		grants, known := canned[a.Canned]
		if !known {
			return a, failure("InvalidArgument").because("x-cos-acl: " + a.Canned + " is not a canned ACL")
		}
		a.Grants = slices.Clone(grants)
	}
	if a.Canned == cannedNone {
		a.Canned = ""
	}
	for _, g := range grantHeaders {
		for item := range strings.SplitSeq(h.Get(g.name), ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			grantee, err := parseGrantee(item)
			if err != nil {
				return a, err
			}
			grantee.Permission = g.permission
			a.Grants = append(a.Grants, grantee)
		}
	}
	if len(a.Grants) > maxGrants {
		return a, failure("AttachmentFull")
	}
	return a, nil
}

// parseGrantee reads id="…", uin="…" or uri="…".
func parseGrantee(item string) (grant, error) {
	name, value, ok := strings.Cut(item, "=")
	value = strings.Trim(strings.TrimSpace(value), `"`)
	if !ok || value == "" {
		return grant{}, failure("InvalidArgument").because(`a grant must have the form id="…"`)
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "id", "uin":
		return account(value), nil
	case "uri":
		return group(value), nil
	}
	return grant{}, failure("InvalidArgument").because("a grantee is named by id, uin or uri")
}

// group is the grantee of a URI; S3's names of the groups are accepted.
func group(uri string) grant {
	if name, ok := strings.CutPrefix(uri, groupsOfS3); ok {
		uri = groups + name
	}
	return grant{URI: uri}
}

// account is the grantee of an id in any of its spellings.
func account(id string) grant {
	switch {
	case id == anyoneID:
		return grant{URI: allUsers}
	case strings.Trim(id, "0123456789") == "":
		return grant{ID: ownerID(id)}
	}
	return grant{ID: id}
}

// aclDocument is cos-api.md 5.6, with the variants that clients write: grants
// with or without the list around them, the grantee's type as an attribute or
// an element.
type aclDocument struct {
	XMLName xml.Name `xml:"AccessControlPolicy"`
	Owner   struct {
		ID string `xml:"ID"`
	} `xml:"Owner"`
	Listed []grantDocument `xml:"AccessControlList>Grant"`
	Bare   []grantDocument `xml:"Grant"`
}

type grantDocument struct {
	Grantee struct {
		ID  string `xml:"ID"`
		URI string `xml:"URI"`
	} `xml:"Grantee"`
	Permission string `xml:"Permission"`
}

var permissions = []string{"READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"}

// parseACL reads a document. The owner's own FULL_CONTROL is implied and not
// kept.
func parseACL(doc []byte, owner string) (aclRecord, error) {
	var d aclDocument
	if err := parseXML(doc, &d); err != nil {
		return aclRecord{}, err
	}
	a := aclRecord{}
	for _, g := range append(d.Listed, d.Bare...) {
		out := group(g.Grantee.URI)
		if g.Grantee.ID != "" {
			out = account(g.Grantee.ID)
		}
		if out.ID == "" && out.URI == "" || !slices.Contains(permissions, g.Permission) {
			return a, failure("MalformedXML").because("a grant needs a Grantee with an ID or URI, and a Permission that exists")
		}
		out.Permission = g.Permission
		if out.ID != owner || out.Permission != "FULL_CONTROL" {
			a.Grants = append(a.Grants, out)
		}
	}
	if len(a.Grants) > maxGrants {
		return a, failure("AttachmentFull")
	}
	a.Canned = "private" // explicit: it no longer follows the bucket
	return a, nil
}

// writeACL writes the document, the owner's grant first.
func writeACL(x *xmlWriter, owner string, a aclRecord) {
	x.open("AccessControlPolicy")
	writeOwner(x, "Owner", owner)
	x.open("AccessControlList")
	for _, g := range append([]grant{{ID: owner, Permission: "FULL_CONTROL"}}, a.Grants...) {
		x.open("Grant")
		if g.URI != "" {
			x.open(`Grantee xmlns:xsi="` + xsiSpace + `" xsi:type="Group"`)
			x.text("URI", g.URI)
		} else {
			x.open(`Grantee xmlns:xsi="` + xsiSpace + `" xsi:type="CanonicalUser"`)
			x.text("ID", g.ID)
			x.text("DisplayName", g.ID)
		}
		x.close("Grantee")
		x.text("Permission", g.Permission)
		x.close("Grant")
	}
	x.close("AccessControlList")
	x.close("AccessControlPolicy")
}

// getObjectACL is GET Object acl.
func (c *call) getObjectACL() error {
	o, _, err := c.asked()
	if err != nil {
		return err
	}
	if o.ACL.inherits() {
		c.w.Header().Set("x-cos-acl", cannedNone)
	}
	x := newXML()
	writeACL(x, o.Owner, o.ACL)
	return c.xml(http.StatusOK, x)
}

// putObjectACL is PUT Object acl.
func (c *call) putObjectACL() error {
	o, _, err := c.asked()
	if err != nil {
		return err
	}
	acl, err := c.requestACL(o.Owner, objectCanned)
	if err != nil {
		return err
	}
	err = c.s.store.changeObject(c.bucket, c.key, c.q.get("versionId"), func(o *objectRecord) error {
		o.ACL = acl
		return nil
	})
	if err != nil {
		return err
	}
	return c.empty(http.StatusOK)
}

// requestACL reads the ACL of a PUT ?acl, from headers or a body, not both.
func (c *call) requestACL(owner string, canned map[string][]grant) (aclRecord, error) {
	acl, err := readACLHeaders(c.r.Header, canned)
	if err != nil {
		return acl, err
	}
	doc, err := c.document()
	if err != nil {
		return acl, err
	}
	given := c.r.Header.Get("x-cos-acl") != "" || len(acl.Grants) > 0
	switch {
	case given && len(doc) > 0:
		return acl, failure("InvalidRequest").because("an ACL is given in headers or in the body, not both")
	case given:
		if len(acl.Grants) > 0 && acl.Canned == "" {
			acl.Canned = "private"
		}
		return acl, nil
	}
	return parseACL(doc, owner)
}
