package fs

import (
	"syscall"

	"cosfs/cosapi"
)

func (l *leaf) stored() (o cosapi.Object, own xattrs, whole bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info, l.attr.xattrs, l.info.ETag != ""
}

// stored of a file that is being written: what the bucket has is not it.
func (n *fileNode) stored() (o cosapi.Object, own xattrs, whole bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.info, n.attr.xattrs, !n.waitingLocked()
}

func (d *dirNode) stored() (o cosapi.Object, own xattrs, whole bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.info, d.attr.xattrs, d.marker
}

// waitingLocked says that an upload will follow: there is no object yet, or
// not the one that is meant.
func (n *fileNode) waitingLocked() bool {
	return n.info.ETag == "" || n.staged != nil && n.staged.Dirty() && !n.staged.OnlyAttrs()
}

// plain of a file goes by its name.
func (l *leaf) plain() cosapi.Attrs {
	a := cosapi.Attrs{ContentType: defaultContentType, StorageClass: l.fs.cfg.StorageClass}
	if _, name, ok := l.place(); ok && l.typ == syscall.S_IFREG {
		a.ContentType = contentType(name)
	}
	return a
}

func (d *dirNode) plain() cosapi.Attrs {
	return cosapi.Attrs{ContentType: dirContentType, StorageClass: d.fs.cfg.StorageClass}
}

func (l *leaf) withExtras(use func(*extras)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	use(&l.extras)
}

// withExtras of a file that waits for its upload tells the stage, too.
func (n *fileNode) withExtras(use func(*extras)) {
	n.lock()
	defer n.mu.Unlock()
	use(&n.extras)
	if n.staged != nil && n.staged.Dirty() {
		n.staged.SetOptions(n.putOptionsLocked())
	}
}

func (d *dirNode) withExtras(use func(*extras)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	use(&d.extras)
}

func (l *leaf) objectKey() (key string, waiting bool, err error) {
	key, ok := l.key()
	if !ok {
		return "", false, errNoXattr
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return key, l.info.ETag == "", nil
}

func (n *fileNode) objectKey() (key string, waiting bool, err error) {
	if key, _, err = n.leaf.objectKey(); err != nil {
		return "", false, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return key, n.waitingLocked(), nil
}

// objectKey of a directory is that of its marker. The root has none: what is
// under its key, if anything, is not the bucket's.
func (d *dirNode) objectKey() (key string, waiting bool, err error) {
	key, ok := d.key()
	if !ok || d == d.fs.root {
		return "", false, errNoXattr
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return prefixOf(key), !d.marker, nil
}

func (l *leaf) claimObject() (release func(), err error) {
	_, release, ok, err := l.claim()
	if err == nil && !ok {
		err = errNoName
	}
	return release, err
}

// claimObject of a directory makes its marker, if there is none.
func (d *dirNode) claimObject() (release func(), err error) {
	if d == d.fs.root {
		return nil, syscall.EPERM
	}
	if err := d.keep(); err != nil {
		return nil, err
	}
	_, release, ok, err := d.claim()
	if err == nil && !ok {
		err = errNoName
	}
	return release, err
}

// learn asks for all attributes of an object that only a listing has shown.
func (l *leaf) learn() error {
	l.mu.Lock()
	info, known := l.info, !l.info.Listed
	l.mu.Unlock()
	if known {
		return nil
	}
	full, err := l.fs.names.Full(l.fs.ctx, info)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.info.Version == full.Version {
		l.setInfoLocked(full, l.confirmed)
		return nil
	}
	if l.info.Version != info.Version {
		return nil // something else has happened to it meanwhile, and knows more
	}
	return cosapi.Changed
}

// learn of a file that is staged: what was known when it was has been learnt.
func (n *fileNode) learn() error {
	n.mu.Lock()
	staged := n.staged != nil
	n.mu.Unlock()
	if staged {
		return nil
	}
	return n.leaf.learn()
}

// learn of a directory asks for its marker.
func (d *dirNode) learn() error {
	d.mu.Lock()
	info, known := d.info, !d.info.Listed
	d.mu.Unlock()
	if known {
		return nil
	}
	full, err := d.fs.names.Full(d.fs.ctx, info)
	if err != nil {
		return err
	}
	d.refresh(full, d.fs.now())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.info.Listed = false
	return nil
}
