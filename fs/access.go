package fs

import (
	"errors"

	"cosfs/cosapi"
)

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

// learnAccess asks for the ACL of a stored object, if it is not known. A key
// pair which may not read ACLs cannot have set any.
func (l *leaf) learnAccess(key string) error {
	l.mu.Lock()
	known := l.acl.known || l.info.ETag == ""
	l.mu.Unlock()
	if known {
		return nil
	}
	a, err := l.fs.askAccess(key)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acl = a
	return nil
}

// learnAccess of a directory is that of its marker.
func (d *dirNode) learnAccess(key string) error {
	d.mu.Lock()
	known := d.acl.known || !d.marker
	d.mu.Unlock()
	if known {
		return nil
	}
	a, err := d.fs.askAccess(prefixOf(key))
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acl = a
	return nil
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

// access gives the object's ACL as COS has it now.
func (l *leaf) access() (access, error) {
	key, ok := l.key()
	if !ok {
		return access{}, cosapi.NotFound
	}
	l.mu.Lock()
	unstored, own := l.info.ETag == "", l.acl
	l.mu.Unlock()
	if unstored {
		return own, nil
	}
	return l.fs.askAccess(key)
}

// setAccess gives the object a canned ACL.
func (l *leaf) setAccess(canned string) error {
	key, release, ok, err := l.claim()
	if err != nil || !ok {
		return err
	}
	defer release()
	l.mu.Lock()
	unstored := l.info.ETag == ""
	l.mu.Unlock()
	if !unstored {
		if err := l.fs.bucket.PutACL(l.fs.ctx, key, cosapi.NewACL{Canned: canned}); err != nil {
			return err
		}
	}
	l.mu.Lock()
	l.acl = access{known: true, canned: canned}
	l.mu.Unlock()
	return nil
}

// access of a directory is that of its marker.
func (d *dirNode) access() (access, error) {
	key, ok := d.key()
	if !ok {
		return access{}, cosapi.NotFound
	}
	return d.fs.askAccess(prefixOf(key))
}

func (d *dirNode) setAccess(canned string) error {
	if err := d.keep(); err != nil {
		return err
	}
	key, release, ok, err := d.claim()
	if err != nil || !ok || d == d.fs.root {
		return err
	}
	defer release()
	if err := d.fs.bucket.PutACL(d.fs.ctx, prefixOf(key), cosapi.NewACL{Canned: canned}); err != nil {
		return err
	}
	d.mu.Lock()
	d.acl = access{known: true, canned: canned}
	d.mu.Unlock()
	return nil
}
