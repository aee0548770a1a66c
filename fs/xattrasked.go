package fs

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// askedXattr is a value of COS with requests of its own: no answer to a HEAD
// shows it, and setting it makes no new version of the object. Of an object
// that is not stored yet, what was set goes along with its content.
type askedXattr struct {
	// get asks for the value.
	get func(holder) (string, error)
	// parse reads a value and gives the change that it is, or says why it is
	// none. "" is the removal; nil where there is nothing to remove.
	parse func(value string) (askedChange, error)
}

// askedChange is one change of one object.
type askedChange struct {
	// note enters the change into what is known of the object.
	note func(*extras)
	// send is its request.
	send func(f *FS, key string) error
}

func askedXattrs() map[string]askedXattr {
	return map[string]askedXattr{
		"acl":     {getACLName, parseCanned},
		"grants":  {getGrants, parseGrants},
		"tags":    {getTags, parseTags},
		"restore": {getRestore, parseRestore},
	}
}

func setAsked(n holder, x askedXattr, value string, flags uint32) error {
	if value == "" {
		return unix.EINVAL
	}
	change, err := x.parse(value)
	if err != nil {
		return err
	}
	if flags != 0 {
		_, err := x.get(n)
		if err := checkXattrFlags(err == nil, flags); err != nil {
			return err
		}
	}
	return change.make(n)
}

func removeAsked(n holder, x askedXattr) error {
	if _, err := x.get(n); err != nil {
		return err
	}
	change, err := x.parse("")
	if err != nil {
		return err
	}
	return change.make(n)
}

// make carries a change out, or leaves it to the upload that will follow.
func (c askedChange) make(n holder) error {
	release, err := n.claimObject()
	if err != nil {
		return err
	}
	defer release()
	key, waiting, err := n.objectKey()
	switch {
	case err != nil:
		return err
	case waiting && c.note == nil:
		return unix.EINVAL // nothing is stored that it could be done to
	case !waiting:
		if err := c.send(n.base().fs, key); err != nil {
			return err
		}
	}
	if c.note != nil {
		n.withExtras(c.note)
	}
	return nil
}

// getACLName gives the canned ACL that an object's equals.
func getACLName(n holder) (string, error) {
	a, err := askHolderACL(n)
	return a.name(), err
}

func askHolderACL(n holder) (access, error) {
	key, waiting, err := n.objectKey()
	if err != nil {
		return access{}, err
	}
	if waiting {
		var a access
		n.withExtras(func(e *extras) { a = e.acl })
		return a, nil
	}
	return n.base().fs.askAccess(key)
}

func parseCanned(value string) (askedChange, error) {
	if value == "" {
		value = "default"
	}
	if !slices.Contains([]string{
		"default", "private", "public-read", "authenticated-read", "bucket-owner-read", "bucket-owner-full-control",
	}, value) { // cos-api.md 3.0.8
		return askedChange{}, unix.EINVAL
	}
	return changeACL(access{known: true, canned: value}), nil
}

func changeACL(a access) askedChange {
	return askedChange{
		note: func(e *extras) { e.acl = a },
		send: func(f *FS, key string) error {
			return f.bucket.PutACL(f.ctx, key, cosapi.NewACL{Canned: a.canned, Grants: a.grants})
		},
	}
}

// grant is one permission in user.cos.grants, which is a JSON list of them, in
// the form that `cosfs object acl get --json` prints.
type grant struct {
	Permission string `json:"permission"`
	ID         string `json:"id,omitempty"`
	URI        string `json:"uri,omitempty"`
}

func getGrants(n holder) (string, error) {
	key, waiting, err := n.objectKey()
	if err != nil || waiting {
		return "", errNoXattr
	}
	acl, err := n.base().fs.bucket.ACL(n.base().fs.ctx, key)
	if err != nil {
		return "", err
	}
	return asJSON(grantList(acl)), nil
}

func grantList(acl cosapi.ACL) []grant {
	list := make([]grant, 0, len(acl.Grants))
	for _, g := range acl.Grants {
		list = append(list, grant{g.Permission, g.Grantee.ID, g.Grantee.URI})
	}
	return list
}

func parseGrants(value string) (askedChange, error) {
	if value == "" {
		return parseCanned("")
	}
	var list []grant
	if err := json.Unmarshal([]byte(value), &list); err != nil {
		return askedChange{}, unix.EINVAL
	}
	var acl cosapi.ACL
	for _, g := range list {
		acl.Grants = append(acl.Grants, cosapi.Grant{Permission: g.Permission, Grantee: cosapi.Grantee{ID: g.ID, URI: g.URI}})
	}
	grants := grantsOf(acl)
	if strings.Count(fmt.Sprint(grants), "id=") != len(list) {
		return askedChange{}, unix.EINVAL // one of them is none that can be sent
	}
	if len(list) == 0 {
		return parseCanned("private")
	}
	return changeACL(access{known: true, grants: grants}), nil
}

// getTags gives the tags as a query, such as team=a&project=b.
func getTags(n holder) (string, error) {
	key, waiting, err := n.objectKey()
	if err != nil {
		return "", err
	}
	var tags []cosapi.Tag
	if waiting {
		n.withExtras(func(e *extras) { tags = e.tags.list })
	} else if tags, err = n.base().fs.askTags(key); err != nil {
		return "", err
	}
	if len(tags) == 0 {
		return "", errNoXattr
	}
	return encodeTags(tags), nil
}

// askTags gives no tags where there are none, and where they may not be read.
func (f *FS) askTags(key string) ([]cosapi.Tag, error) {
	tags, err := f.bucket.ObjectTagging(f.ctx, key, "")
	if errors.Is(err, cosapi.NotSet) {
		return nil, nil
	}
	return tags, err
}

func encodeTags(tags []cosapi.Tag) string {
	pairs := make([]string, len(tags))
	for i, t := range tags {
		pairs[i] = strings.ReplaceAll(url.QueryEscape(t.Key)+"="+url.QueryEscape(t.Value), "+", "%20")
	}
	return strings.Join(pairs, "&")
}

func parseTags(value string) (askedChange, error) {
	const most, maxTagKey, maxTagValue = 10, 127, 255 // cos-api.md 3.0.5
	query, err := url.ParseQuery(value)
	if err != nil || len(query) > most {
		return askedChange{}, unix.EINVAL
	}
	var tags []cosapi.Tag
	for key, values := range query {
		if key == "" || len(values) != 1 || len(key) > maxTagKey || len(values[0]) > maxTagValue {
			return askedChange{}, unix.EINVAL
		}
		tags = append(tags, cosapi.Tag{Key: key, Value: values[0]})
	}
	slices.SortFunc(tags, func(a, b cosapi.Tag) int { return strings.Compare(a.Key, b.Key) })
	return askedChange{
		note: func(e *extras) { e.tags = labels{known: true, list: tags} },
		send: func(f *FS, key string) error {
			if len(tags) == 0 {
				return f.bucket.DeleteObjectTagging(f.ctx, key, "")
			}
			return f.bucket.PutObjectTagging(f.ctx, key, "", tags)
		},
	}, nil
}

// getRestore gives what COS says of the restoring of an archived object, as
// it is now: it changes without a new version.
func getRestore(n holder) (string, error) {
	key, waiting, err := n.objectKey()
	if err != nil || waiting {
		return "", errNoXattr
	}
	o, err := n.base().fs.bucket.Head(n.base().fs.ctx, key)
	if err != nil {
		return "", err
	}
	if o.Restore == "" {
		return "", errNoXattr
	}
	return o.Restore, nil
}

// parseRestore reads days=3,tier=Standard; each may be left out.
func parseRestore(value string) (askedChange, error) {
	if value == "" {
		return askedChange{}, errReadOnlyXattr // a restored copy goes by itself
	}
	o := cosapi.RestoreOptions{Days: 1, Tier: cosapi.TierStandard}
	for word := range strings.SplitSeq(value, ",") {
		name, v, _ := strings.Cut(word, "=")
		switch name {
		case "days":
			if n, err := fmt.Sscanf(v, "%d", &o.Days); n != 1 || err != nil || o.Days < 1 {
				return askedChange{}, unix.EINVAL
			}
		case "tier":
			if o.Tier = v; v != cosapi.TierExpedited && v != cosapi.TierStandard && v != cosapi.TierBulk {
				return askedChange{}, unix.EINVAL
			}
		default:
			return askedChange{}, unix.EINVAL
		}
	}
	return askedChange{send: func(f *FS, key string) error { return f.bucket.Restore(f.ctx, key, o) }}, nil
}
