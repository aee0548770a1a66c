package fs

import (
	"errors"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// A change of a stored file's attributes is a copy of the object onto itself.
// Programs make three in a row (chmod, chown, utimens), so it is deferred: the
// file is staged with no bytes of its own and the stage copies it once, in a
// while. Everything else follows from its being staged: it is seen in lookups
// and listings, a write or another change rides along, fsync(2) and unmounting
// wait, the next mount goes on with it after a crash. An IntentAttrs would have
// to do all of that a second time.
//
// As with removals, COS must have accepted an object of ours in the directory
// before, or else the program waits for the copy (design.md 3 no. 17).

// changeAttr changes attributes of a file. While it is staged they ride along
// with the next upload.
func (n *fileNode) changeAttr(change amend) error {
	if err := n.learn(); err != nil {
		return err
	}
	n.lock()
	a, attrs := n.attr, n.info.Attrs
	n.mu.Unlock()
	if err := change(&a, &attrs); err != nil {
		return err
	}
	n.fs.markPosix(a) // the stage may store it at any time

	if done, err := n.amendStaged(change, false); done {
		return err
	}
	if n.mayDefer() {
		return n.changeLater(change)
	}
	return n.leaf.copyAttr(change, n.rebaseLocked)
}

// amendStaged changes the attributes of a file that is staged, or has no name;
// done is false if it is neither. What nobody is going to close is owed from
// now on, and safe on the local disk. fresh says that it was staged for this.
func (n *fileNode) amendStaged(change amend, fresh bool) (done bool, err error) {
	n.lock()
	staged := n.staged
	if staged == nil && !n.gone {
		n.mu.Unlock()
		return false, nil
	}
	if fresh {
		n.written = false // the times are known by now, and no write's
	}
	if err := change(&n.attr, &n.info.Attrs); err != nil || staged == nil {
		n.mu.Unlock()
		return true, err
	}
	staged.SetOptions(n.putOptionsLocked())
	owed := !n.gone && (n.writers == 0 || staged.OnlyAttrs())
	n.mu.Unlock()
	if owed {
		err = n.storeLater(staged)
	}
	return true, err
}

// mayDefer says whether a change of attributes need not wait for COS.
func (n *fileNode) mayDefer() bool {
	key, named := n.key()
	dir, _ := split(key)
	return named && !n.fs.cfg.SyncNames && n.fs.accepted.has(dir) && !n.fs.stage.Behind()
}

// changeLater stages a stored file for a change of its attributes.
func (n *fileNode) changeLater(change amend) error {
	key, release, ok, err := n.claim()
	if err != nil || !ok {
		return err
	}
	defer release()
	for {
		if err := errors.Join(n.learn(), n.learnAccess(key)); err != nil {
			return err
		}
		if _, err := n.stage(); err != nil {
			return err
		}
		if done, err := n.amendStaged(change, true); done {
			return err
		} // else somebody's close has ended it
	}
}

// attrsRefused takes back what COS has refused, and what the program that asked
// was not told of.
func (n *fileNode) attrsRefused(staged *writeback.File, was cosapi.Object, err error) {
	n.mu.Lock()
	ours := n.staged == staged
	if ours && staged.OnlyAttrs() {
		n.setInfoLocked(was, n.confirmed)
	}
	n.mu.Unlock()
	if !ours { // another call has seen to it
		return
	}
	n.fs.log.Error("a change of attributes that a program was told of is refused; the file is as before", "key", was.Key, "err", err)
	dir, _ := split(was.Key)
	n.fs.accepted.set(dir, false)
	n.fs.names.Forget(was.Key)
	n.finish()
	if parent, name, ok := n.place(); ok {
		parent.notify(name)
	}
}
