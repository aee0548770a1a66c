package fs

import (
	"errors"

	"cosfs/cache"
	"cosfs/cosapi"
)

// extras are what COS keeps of an object without showing it in a HEAD.
type extras struct {
	acl  access
	tags labels
}

// into gives them to a write, which resets both.
func (e extras) into(o *cosapi.PutOptions) {
	e.acl.into(o)
	if e.tags.known {
		o.Tags = e.tags.list
	}
}

// newExtras are those of a new object: it has no tags, and the ACL it is made
// with.
func (f *FS) newExtras() extras {
	return extras{acl: access{known: true, canned: f.cfg.ACL}, tags: labels{known: true}}
}

// labels are the tags of an object that this mount has set. Others are not
// asked for, as the ACL is: they are lost when the content is overwritten.
type labels struct {
	known bool
	list  []cosapi.Tag
}

// access is the ACL of an object as far as it is known. Copies and overwrites
// reset it (cos-api.md 3.4.5) and no HEAD shows it, so it is asked once per
// object before the first of them and sent again with each.
type access struct {
	known  bool
	canned string
	grants cosapi.Grants
}

func (a access) into(o *cosapi.PutOptions) {
	if a.known {
		o.ACL, o.Grants = a.canned, a.grants
	}
}

// learnAccess finds out the ACL of a stored object, if it is not known. A key
// pair which may not read ACLs cannot have set any.
func (l *leaf) learnAccess(key string) error {
	l.mu.Lock()
	info, known := l.info, l.extras.acl.known || l.info.ETag == ""
	l.mu.Unlock()
	if known {
		return nil
	}
	a, err := l.fs.knownAccess(key, info)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.extras.acl = a
	return nil
}

// learnAccess of a directory is that of its marker.
func (d *dirNode) learnAccess(key string) error {
	d.mu.Lock()
	info, known := d.info, d.extras.acl.known || !d.marker
	d.mu.Unlock()
	if known {
		return nil
	}
	a, err := d.fs.knownAccess(prefixOf(key), info)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.extras.acl = a
	return nil
}

// knownAccess is the ACL of a version as it was remembered, perhaps by an
// earlier mount, or else as COS has it now.
func (f *FS) knownAccess(key string, o cosapi.Object) (access, error) {
	if acl, known := f.names.ACLOf(o); known {
		return access{known: true, canned: acl.Canned, grants: acl.Grants}, nil
	}
	a, err := f.askAccess(key)
	if err == nil {
		f.names.LearnACL(o, cache.ACL{Canned: a.canned, Grants: a.grants})
	}
	return a, err
}

// written tells Names of an object that was written with these options.
func (f *FS) written(info cosapi.Object, o cosapi.PutOptions) {
	f.stored(info.Key, true)
	f.names.Learn(info)
	f.names.LearnACL(info, cache.ACL{Canned: o.ACL, Grants: o.Grants})
}

func (f *FS) askAccess(key string) (access, error) {
	acl, err := f.bucket.ACL(f.ctx, key)
	switch {
	case errors.Is(err, cosapi.NotFound), errors.Is(err, cosapi.Denied), errors.Is(err, cosapi.Unsupported):
		return access{known: true}, nil
	case err != nil:
		return access{}, err
	}
	return accessOf(acl), nil
}

// accessOf turns an ACL into what a write sends to set it again.
func accessOf(acl cosapi.ACL) access {
	a := access{known: true}
	switch a.canned = acl.Canned(); a.canned {
	case "default": // none of its own
		a.canned = ""
	case "":
		a.grants = grantsOf(acl)
	}
	return a
}

// grantsOf writes the grants of an ACL as headers. The group of all users has
// an id of its own there (cos-api.md 3.0.8).
func grantsOf(acl cosapi.ACL) cosapi.Grants {
	var g cosapi.Grants
	header := map[string]*string{
		cosapi.PermFullControl: &g.FullControl, cosapi.PermRead: &g.Read, cosapi.PermWrite: &g.Write,
		cosapi.PermReadACP: &g.ReadACP, cosapi.PermWriteACP: &g.WriteACP,
	}
	for _, grant := range acl.Grants {
		id := grant.Grantee.ID
		if grant.Grantee.URI == cosapi.AllUsers {
			id = "qcs::cam::anyone:anyone"
		}
		list := header[grant.Permission]
		if id == "" || list == nil {
			continue
		}
		if *list != "" {
			*list += ","
		}
		*list += `id="` + id + `"`
	}
	return g
}

// name is the canned ACL that stands for the access, for user.cos.acl.
func (a access) name() string {
	switch {
	case a.canned != "":
		return a.canned
	case a.grants != cosapi.Grants{}:
		return "custom"
	}
	return "default"
}
