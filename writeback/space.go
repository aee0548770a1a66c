package writeback

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Free space is asked for when this many bytes were written or this time has
// passed since the last answer, not at every write.
const (
	spaceStep = 16 << 20
	spaceAge  = time.Second
)

// space keeps the disk from being filled up.
type space struct {
	dir   string
	floor int64
	// makeRoom is asked to free some bytes; nil: nobody can.
	makeRoom func(bytes int64)

	mu      sync.Mutex // guards the fields below; taken last
	allowed int64      // bytes that may be written before asking again
	asked   time.Time
}

// reserve asks for n more bytes of the disk. They may turn out not to be
// needed; nothing is given back.
func (s *space) reserve(n int64) error {
	if s.floor < 0 {
		return nil
	}
	lacking, err := s.ask(n)
	if lacking > 0 && s.makeRoom != nil {
		s.makeRoom(lacking + spaceStep)
		_, err = s.ask(n)
	}
	return err
}

// ask is reserve by what is free now. lacking is how many bytes are too few.
func (s *space) ask(n int64) (lacking int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n <= s.allowed && time.Since(s.asked) < spaceAge {
		s.allowed -= n
		return 0, nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return 0, fmt.Errorf("stage %s: %w", s.dir, err)
	}
	free := int64(st.Bavail) * st.Bsize
	if free-n < s.floor {
		s.allowed = 0
		return s.floor + n - free, fmt.Errorf("stage %s: %d MiB free, %d MiB are kept free: %w; free some space or wait for uploads",
			s.dir, free>>20, s.floor>>20, syscall.ENOSPC)
	}
	s.allowed, s.asked = min(free-n-s.floor, spaceStep), time.Now()
	return 0, nil
}
