package fs

import (
	"path"
	"strings"
	"syscall"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// recover enters the files that an earlier run owes to COS and goes on storing
// them. Those whose close was never answered are named in the log and left in
// the stage.
func (f *FS) recover() {
	for _, r := range f.stage.Kept() {
		reason := r.Reason
		if reason == "" {
			reason = "an earlier run ended before it was closed"
		}
		f.log.Warn("the data of this file is kept in the stage and not uploaded", "key", r.Key, "reason", reason, "stage", r.ID)
	}
	f.resumeRenames()
	for _, staged := range f.stage.Recovered() {
		if !strings.HasPrefix(staged.Key(), f.cfg.Prefix) {
			f.log.Error("staged file is outside of the mounted prefix; it stays in the stage", "key", staged.Key())
			continue
		}
		f.adoptStaged(staged)
	}
}

func (f *FS) adoptStaged(staged *writeback.File) {
	n := newFile(f)
	n.staged = staged
	if base, ok := staged.Object(); ok {
		n.info = base
	}
	o := staged.Options()
	n.info.Attrs = o.Attrs
	n.extras = extras{acl: access{known: true, canned: o.ACL, grants: o.Grants}, tags: labels{known: true, list: o.Tags}}
	n.attr = attrOf(cosapi.Object{Attrs: o.Attrs, Modified: staged.Modified()}, syscall.S_IFREG, f.defaults)

	key := staged.Key()
	dir, name := path.Split(strings.TrimPrefix(key, f.cfg.Prefix))
	d := f.dirAt(strings.Trim(dir, "/"))
	d.hang(name, n)
	dirKey, _ := d.key()
	f.overlay.set(dirKey, name, n)
	n.leave(staged)
	f.log.Info("upload of an earlier run goes on", "key", key, "bytes", staged.Size())
}

// dirAt gives the node of a directory by its path below the root, made if
// there is none yet: lookups will find it in its place.
func (f *FS) dirAt(dir string) *dirNode {
	d := f.root
	for name := range strings.SplitSeq(dir, "/") {
		if name == "" {
			continue
		}
		kid, ok := d.kid(name).(*dirNode)
		if !ok {
			kid = newDir(f)
			kid.attr = attrOf(cosapi.Object{Modified: f.now()}, syscall.S_IFDIR, f.defaults)
			d.hang(name, kid)
		}
		d = kid
	}
	return d
}
