package fs

import (
	"strings"

	"cosfs/cosapi"
)

// nodeAt gives the node of a key, of a directory with the slash; nil if there
// is none.
func (f *FS) nodeAt(key string) inode {
	path, ok := strings.CutPrefix(strings.TrimSuffix(key, "/"), f.cfg.Prefix)
	if !ok {
		return nil
	}
	var n inode = f.root
	for name := range strings.SplitSeq(path, "/") {
		d, ok := n.(*dirNode)
		if !ok {
			return nil
		}
		if n = d.kid(name); n == nil {
			return nil
		}
	}
	return n
}

// rekeyBelow tells the nodes below a directory of the copies that are their
// objects now: those the kernel knows, and those that are staged.
func (d *dirNode) rekeyBelow(t *treeCopy) {
	for _, k := range d.kidsNow() {
		dir, ok := k.node.(*dirNode)
		if !ok {
			t.rekey(k.node)
			continue
		}
		if c, ok := t.told[prefixOf(dir.keyIn())]; ok {
			dir.refresh(c.is, d.fs.now())
		}
		dir.rekeyBelow(t)
	}
	if key := d.keyIn(); prefixOf(key) == t.from {
		for _, n := range d.fs.overlay.below(key) {
			t.rekey(n)
		}
	}
}

// keyIn is the key of a node that has one for sure: its tree is claimed.
func (n *node) keyIn() string {
	key, _ := n.key()
	return key
}

// rekey tells a node of its copy. One that has come to be since its object was
// copied, and is in use, asks for it; another is found to be superseded.
func (t *treeCopy) rekey(n inode) {
	key := n.base().keyIn()
	c, ok := t.told[key]
	file, isFile := n.(*fileNode)
	if !ok && isFile && file.inUse() {
		c, ok = t.askFor(key, file)
	}
	switch l := leafOf(n); {
	case !ok:
	case isFile:
		file.rekey(c.is)
	case l != nil:
		l.rekeyed(c.is)
	}
}

// inUse says that somebody has the file open, and that COS has it.
func (n *fileNode) inUse() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.handles > 0 && n.info.ETag != ""
}

// askFor finds the copy of a file's object.
func (t *treeCopy) askFor(key string, n *fileNode) (c copied, ok bool) {
	c.was = n.object()
	is, err := t.fs.bucket.Head(t.fs.ctx, t.to+key[len(t.from):])
	if err != nil || !strings.HasPrefix(c.was.Key, t.from) || !sameBytes(is, c.was) {
		return c, false
	}
	c.is = is
	t.tell(key, c)
	return c, true
}

// rekeyed follows the object to another key.
func (l *leaf) rekeyed(info cosapi.Object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.info, l.confirmed = info, l.fs.now()
}

// rekey follows the file's object to another key.
func (n *fileNode) rekey(info cosapi.Object) {
	n.lock()
	was := n.info
	err := n.rebaseLocked(info)
	n.info, n.confirmed = info, n.fs.now()
	n.mu.Unlock()
	n.fs.replaced(was, info)
	if err != nil { // its next store finds another base than it knows, and keeps both
		n.fs.log.Error("staged file does not follow its rename", "key", info.Key, "err", err)
	}
}
