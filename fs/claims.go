package fs

import (
	"context"
	"slices"
	"strings"
	"sync"

	"cosfs/cosapi"
)

// claims serialises long work on parts of the bucket. Storing, renaming,
// removing or changing the attributes of an object takes several requests,
// and no lock may be held across a request; so whoever does such work claims
// the keys it touches, and those who want the same keys wait for it.
//
// A claim covers single keys and whole subtrees (a key ending in "/"). Claims
// are granted in the order of their arrival: a claim waits for every earlier
// one that it overlaps, so that the rename of a large directory is not
// starved by the files stored below it.
type claims struct {
	mu    sync.Mutex
	queue []*claim // granted and waiting ones, in order of arrival
}

type claim struct {
	keys    []string
	ready   chan struct{} // closed when granted
	granted bool
}

// acquire waits until keys are claimed and returns the function that gives
// them back. It fails only when ctx ends first.
func (c *claims) acquire(ctx context.Context, keys ...string) (release func(), err error) {
	return c.acquireOver(ctx, func() {}, keys...)
}

// acquireOver is acquire that calls hurry, without locks, when it has to wait.
// Who lets go then, and claims again, comes after it.
func (c *claims) acquireOver(ctx context.Context, hurry func(), keys ...string) (release func(), err error) {
	cl := &claim{keys: keys, ready: make(chan struct{})}
	c.mu.Lock()
	c.queue = append(c.queue, cl)
	c.grantLocked()
	waits := !cl.granted
	c.mu.Unlock()
	if waits {
		hurry()
	}

	select {
	case <-cl.ready:
		return func() { c.remove(cl) }, nil
	case <-ctx.Done():
		c.remove(cl)
		return nil, ctx.Err()
	}
}

func (c *claims) remove(cl *claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, q := range c.queue {
		if q == cl {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			break
		}
	}
	c.grantLocked()
}

// grantLocked grants every waiting claim which overlaps no earlier one.
func (c *claims) grantLocked() {
	for i, cl := range c.queue {
		if !cl.granted && !overlapsAny(cl, c.queue[:i]) {
			cl.granted = true
			close(cl.ready)
		}
	}
}

func overlapsAny(cl *claim, earlier []*claim) bool {
	for _, e := range earlier {
		for _, a := range e.keys {
			for _, b := range cl.keys {
				if overlap(a, b) {
					return true
				}
			}
		}
	}
	return false
}

// own claims keys that are made from the tree. A rename may move a directory
// above them while the claim waits, so they are made again when it is granted,
// until they are what was claimed. An error of keys ends it.
func (f *FS) own(keys func() ([]string, error)) (owned []string, release func(), err error) {
	return f.ownOver(func() {}, keys)
}

// ownOver is own with the hurry of acquireOver.
func (f *FS) ownOver(hurry func(), keys func() ([]string, error)) (owned []string, release func(), err error) {
	for {
		want, err := keys()
		if err != nil {
			return nil, nil, err
		}
		release, err := f.claims.acquireOver(f.ctx, hurry, want...)
		if err != nil {
			return nil, nil, err
		}
		if now, err := keys(); err == nil && slices.Equal(now, want) {
			return want, release, nil
		}
		release()
	}
}

// claim claims a node's key. ok is false when it has no name any more.
func (n *node) claim() (key string, release func(), ok bool, err error) {
	return n.claimOver(func() {})
}

// claimOver is claim with the hurry of acquireOver.
func (n *node) claimOver(hurry func()) (key string, release func(), ok bool, err error) {
	owned, release, err := n.fs.ownOver(hurry, func() ([]string, error) {
		key, named := n.key()
		if !named {
			return nil, errNoName
		}
		return []string{key}, nil
	})
	switch {
	case err == errNoName:
		return "", nil, false, nil
	case err != nil:
		return "", nil, true, err
	}
	return owned[0], release, true, nil
}

// errNoName is what an operation on a name that was removed gives.
const errNoName = cosapi.NotFound

// overlap says whether two keys or subtrees have a key in common. A subtree
// "a/" holds its own directory "a" too.
func overlap(a, b string) bool {
	return a == b || within(a, b) || within(b, a)
}

func within(key, tree string) bool {
	return strings.HasSuffix(tree, "/") && (strings.HasPrefix(key, tree) || key == tree[:len(tree)-1])
}
