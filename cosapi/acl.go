package cosapi

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Owner is who an object, bucket or upload belongs to. In listings the ID is
// the APPID, elsewhere qcs::cam::uin/….
type Owner struct {
	ID          string
	DisplayName string
}

// The permissions of a Grant. Write is for buckets only.
const (
	PermFullControl = "FULL_CONTROL"
	PermRead        = "READ"
	PermWrite       = "WRITE"
	PermReadACP     = "READ_ACP"
	PermWriteACP    = "WRITE_ACP"
)

// The groups of a Grantee.
const (
	AllUsers           = "http://cam.qcloud.com/groups/global/AllUsers"
	AuthenticatedUsers = "http://cam.qcloud.com/groups/global/AuthenticatedUsers"
)

// Grantee is a user (ID set) or a group (URI set).
type Grantee struct {
	Type        string // CanonicalUser or Group; empty: found from the rest
	ID          string
	URI         string
	DisplayName string
}

// Grant gives a permission to a grantee.
type Grant struct {
	Grantee    Grantee
	Permission string
}

// ACL is who may do what with a bucket or an object (cos-api.md 3.4.9). The
// owner's FULL_CONTROL is always among the Grants that COS answers.
type ACL struct {
	Owner  Owner
	Grants []Grant
	// Default says that the object has no ACL of its own: the bucket's holds.
	Default bool
}

// Canned is the name of the canned ACL that this one equals: default,
// private, public-read, public-read-write or authenticated-read; empty if it
// is none of them.
func (a ACL) Canned() string {
	if a.Default {
		return "default"
	}
	public := make(map[string][]string) // group to permissions
	for _, g := range a.Grants {
		switch {
		case isGroup(g.Grantee, AllUsers):
			public[AllUsers] = append(public[AllUsers], g.Permission)
		case isGroup(g.Grantee, AuthenticatedUsers):
			public[AuthenticatedUsers] = append(public[AuthenticatedUsers], g.Permission)
		case g.Grantee.ID != a.Owner.ID || g.Permission != PermFullControl:
			return ""
		}
	}
	all, known := public[AllUsers], public[AuthenticatedUsers]
	slices.Sort(all)
	switch {
	case len(all) == 0 && len(known) == 0:
		return "private"
	case len(known) == 0 && slices.Equal(all, []string{PermRead}):
		return "public-read"
	case len(known) == 0 && slices.Equal(all, []string{PermRead, PermWrite}):
		return "public-read-write"
	case len(all) == 0 && slices.Equal(known, []string{PermRead}):
		return "authenticated-read"
	}
	return ""
}

func isGroup(g Grantee, uri string) bool {
	return g.URI == uri || uri == AllUsers && g.ID == "qcs::cam::anyone:anyone"
}

// NewACL is what PutACL sets: a canned ACL or Grants, as headers, or the
// whole Policy, as a document. COS takes one of the two forms.
type NewACL struct {
	Canned string
	Grants Grants
	Policy *ACL
}

// ACL reads who may do what with an object; with an empty key, with the
// bucket.
// The seeds call it get_bucket_acl and get_object_acl.
func (c *Client) ACL(ctx context.Context, key string) (ACL, error) {
	return c.VersionACL(ctx, key, "")
}

// VersionACL is ACL of one version of an object; an empty versionID means the
// latest.
func (c *Client) VersionACL(ctx context.Context, key, versionID string) (ACL, error) {
	op, err := aclOp("Get", key)
	if err != nil {
		return ACL{}, err
	}
	r := &request{op: op, method: http.MethodGet, key: key, params: []Pair{{"acl", ""}}}
	r.param("versionId", versionID)
	var acl ACL
	r.accept = func(a *answer) error {
		var doc aclDocument
		if err := decode(r, a, &doc); err != nil {
			return err
		}
		acl = doc.acl()
		acl.Default = a.header.Get("x-cos-acl") == "default"
		return nil
	}
	err = c.run(ctx, r)
	return acl, err
}

// PutACL replaces the ACL of an object; with an empty key, of the bucket.
// The seeds call it put_bucket_acl and put_object_acl.
func (c *Client) PutACL(ctx context.Context, key string, n NewACL) error {
	return c.PutVersionACL(ctx, key, "", n)
}

// PutVersionACL is PutACL of one version of an object; an empty versionID
// means the latest.
func (c *Client) PutVersionACL(ctx context.Context, key, versionID string, n NewACL) error {
	op, err := aclOp("Put", key)
	if err != nil {
		return err
	}
	headers := n.Canned != "" || n.Grants != Grants{}
	if headers == (n.Policy != nil) {
		return invalid(op, key, "an ACL is given by headers or by a policy, exactly one of them")
	}
	r := &request{op: op, method: http.MethodPut, key: key, params: []Pair{{"acl", ""}}, body: &sendBody{}}
	r.param("versionId", versionID)
	r.setACL(n.Canned, n.Grants)
	if n.Policy != nil {
		raw, err := marshal(op, key, newACLDocument(*n.Policy))
		if err != nil {
			return err
		}
		r.document("application/xml", raw)
	}
	return c.run(ctx, r)
}

func aclOp(verb, key string) (string, error) {
	if key == "" {
		return verb + "BucketACL", nil
	}
	return verb + "ObjectACL", CheckKey(key)
}

// GrantTo formats one or more accounts for Grants: each is the owner's uin,
// or owner/sub-account (cos-api.md 3.0.8).
func GrantTo(accounts ...string) string {
	ids := make([]string, len(accounts))
	for i, account := range accounts {
		owner, sub, ok := strings.Cut(account, "/")
		if !ok {
			sub = owner
		}
		ids[i] = fmt.Sprintf("id=%q", "qcs::cam::uin/"+owner+":uin/"+sub)
	}
	return strings.Join(ids, ",")
}

// aclDocument is the document of cos-api.md 5.6. Grants are accepted with and
// without the list around them.
type aclDocument struct {
	XMLName xml.Name       `xml:"AccessControlPolicy"`
	Owner   Owner          `xml:"Owner"`
	Listed  []grantElement `xml:"AccessControlList>Grant"`
	Bare    []grantElement `xml:"Grant"`
}

type grantElement struct {
	Grantee    granteeElement
	Permission string
}

type granteeElement struct {
	Space       string `xml:"xmlns:xsi,attr,omitempty"`
	XSIType     string `xml:"xsi:type,attr,omitempty"`
	TypeAttr    string `xml:"type,attr,omitempty"` // as read, whatever the prefix
	TypeElement string `xml:"Type,omitempty"`
	ID          string `xml:"ID,omitempty"`
	URI         string `xml:"URI,omitempty"`
	DisplayName string `xml:"DisplayName,omitempty"`
}

func (d aclDocument) acl() ACL {
	acl := ACL{Owner: d.Owner}
	for _, g := range append(d.Listed, d.Bare...) {
		e := g.Grantee
		acl.Grants = append(acl.Grants, Grant{Permission: g.Permission, Grantee: Grantee{
			Type: e.TypeAttr + e.TypeElement, ID: e.ID, URI: e.URI, DisplayName: e.DisplayName,
		}})
	}
	return acl
}

func newACLDocument(a ACL) aclDocument {
	d := aclDocument{Owner: a.Owner}
	for _, g := range a.Grants {
		kind := g.Grantee.Type
		if kind == "" && g.Grantee.URI != "" {
			kind = "Group"
		} else if kind == "" {
			kind = "CanonicalUser"
		}
		d.Listed = append(d.Listed, grantElement{Permission: g.Permission, Grantee: granteeElement{
			Space: "http://www.w3.org/2001/XMLSchema-instance", XSIType: kind,
			ID: g.Grantee.ID, URI: g.Grantee.URI, DisplayName: g.Grantee.DisplayName,
		}})
	}
	return d
}
