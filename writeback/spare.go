package writeback

import (
	"fmt"
	"os"
	"sync"

	"cosfs/cosapi"
)

// spareSuffix, after an id, names the file of a record that has gone.
const spareSuffix = ".spare"

// maxSpares bounds the files that are kept to be used again.
const maxSpares = 256

// spares are files of records that have gone. The next record is written into
// one of them, because a file system makes inodes slowly where it has just
// freed many: ext4 without a journal walks past all that were freed in the last
// seconds, so a create takes 0.1 to 0.8 ms where a rename takes 15 µs.
//
// A power cut can leave the old bytes under the new name. They tell another id
// (errRecycled), and whatever was made durable is synced before its rename.
type spares struct {
	mu   sync.Mutex
	ends bool     // no more are kept
	free []string // names in the stage's directory
}

func (p *spares) take() (name string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return "", false
	}
	last := len(p.free) - 1
	name, p.free = p.free[last], p.free[:last]
	return name, true
}

func (p *spares) give(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ends || len(p.free) >= maxSpares {
		return false
	}
	p.free = append(p.free, name)
	return true
}

// end gives all there are, and makes give refuse from then on.
func (p *spares) end() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	free := p.free
	p.free, p.ends = nil, true
	return free
}

// reuse puts a spare file where a record is about to be written. Without one
// the writer makes the file.
func (s *Stage) reuse(path string) {
	name, ok := s.spares.take()
	if ok && os.Rename(s.path(name), path) != nil {
		_ = os.Remove(s.path(name)) // and if not now, at the next Open
	}
}

// retire takes a record away, secret if its bytes may not stay on the disk. As
// a removal it is durable when the directory is.
func (s *Stage) retire(path string, secret bool) error {
	if !secret {
		name := s.newID() + spareSuffix
		if os.Rename(path, s.path(name)) == nil {
			if s.spares.give(name) {
				return nil
			}
			path = s.path(name)
		}
	}
	if err := ignoreMissing(os.Remove(path)); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return nil
}

// secret says that a record of these options holds a customer's key.
func secret(o cosapi.PutOptions) bool { return len(o.Encryption.CustomerKey) > 0 }

// dropSpares leaves no file behind that means nothing.
func (s *Stage) dropSpares() {
	for _, name := range s.spares.end() {
		_ = os.Remove(s.path(name)) // and if not now, at the next Open
	}
}
