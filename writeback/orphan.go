package writeback

import (
	"fmt"
	"os"

	"cosfs/cosapi"
)

// Orphan withdraws what was promised of a file whose name was removed while it
// is in use: nothing of it is stored any more, now or after a remount. It reads
// and writes as before, until Discard. Who waits for it to be stored gets
// os.ErrClosed, and so does who asks for that from now on. A request that is
// past recall is waited for: Hold, and remove the object, before.
func (f *File) Orphan() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return os.ErrClosed
	}
	f.orphan = true
	f.recallLocked()
	ended := f.attempt.ended
	f.mu.Unlock()
	if ended != nil {
		<-ended
	}
	f.disk.Lock()
	f.mu.Lock()
	f.wanted = f.stored
	told, begun := f.takeWaitersLocked(func(waiter) bool { return true }), f.upload != nil
	f.mu.Unlock()
	err := f.unrecord()
	f.disk.Unlock()
	f.stage.announce()
	if begun {
		f.stage.spawn(f.abandonForGood)
	}
	tell(told, cosapi.Object{}, f.errOrphan())
	return err
}

func (f *File) errOrphan() error {
	return fmt.Errorf("%q was removed; nothing is stored of it: %w", f.Key(), os.ErrClosed)
}

// announce tells Drain to look again.
func (s *Stage) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.announce()
}
