package writeback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cosfs/cosapi"
)

// Pending is a file that is to be stored and is not yet.
type Pending struct {
	Key      string
	Size     int64
	Attempts int   // that failed in a row
	Err      error // of the last attempt
}

// Stats are sums over the files of a stage.
type Stats struct {
	Files      int   // staged, clean ones included
	Dirty      int   // with changes that COS does not have
	Owed       int   // of those, to be stored by the stage
	Uploading  int   // being stored now
	DirtyBytes int64 // of the dirty files, what the disk holds
	Kept       int   // see Stage.Kept
}

func (s *Stage) allFiles() []*File {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := make([]*File, 0, len(s.files))
	for f := range s.files {
		files = append(files, f)
	}
	return files
}

// Stats counts.
func (s *Stage) Stats() Stats {
	st := Stats{Kept: len(s.kept)}
	for _, f := range s.allFiles() {
		f.mu.RLock()
		st.Files++
		if f.gen != f.stored {
			st.Dirty++
			st.DirtyBytes += f.local.Bytes()
		}
		if f.wanted > f.stored {
			st.Owed++
		}
		if f.attempt.ended != nil {
			st.Uploading++
		}
		f.mu.RUnlock()
	}
	return st
}

// Pending lists what is to be stored and is not yet, by key.
func (s *Stage) Pending() []Pending {
	var list []Pending
	for _, f := range s.allFiles() {
		f.mu.RLock()
		if !f.closed && f.wanted > f.stored {
			list = append(list, Pending{Key: f.key, Size: f.size, Attempts: f.failed, Err: f.lastErr})
		}
		f.mu.RUnlock()
	}
	slices.SortFunc(list, func(a, b Pending) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// Drain waits until nothing is owed. What waits after a failure is tried at
// once. When ctx ends first, the error names what is left; it stays owed.
func (s *Stage) Drain(ctx context.Context) error {
	for _, f := range s.allFiles() {
		f.mu.Lock()
		if !f.closed && f.wanted > f.stored {
			f.hurry = true // also if an attempt is just failing
			if f.holds == 0 {
				s.enqueue(f, urgent)
			}
		}
		f.mu.Unlock()
	}
	for {
		s.mu.Lock()
		moved := s.queue.moved
		s.mu.Unlock()
		left := s.Pending()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return leftError(left, ctx.Err())
		case <-s.ctx.Done():
			return leftError(left, ErrStageClosed)
		}
	}
}

// leftError names the first few of what is left.
func leftError(left []Pending, cause error) error {
	const named = 5
	var keys []string
	errs := []error{cause}
	for _, p := range left[:min(named, len(left))] {
		keys = append(keys, fmt.Sprintf("%q", p.Key))
		if p.Err != nil && len(errs) == 1 {
			errs = append(errs, p.Err)
		}
	}
	if len(left) > named {
		keys = append(keys, "…")
	}
	return fmt.Errorf("%d files are not stored yet (%s); they are kept and stored after the next mount: %w",
		len(left), strings.Join(keys, ", "), errors.Join(errs...))
}

// spawn runs work in a goroutine of the stage, or here once that is closed.
func (s *Stage) spawn(work func()) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		work()
		return
	}
	s.wg.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.wg.Done()
		work()
	}()
}

// shut ends a file with its stage, after all uploads have ended. Owed content
// is made durable. A record that promises nothing is brought up to date, so
// that Kept tells exactly what there is.
func (f *File) shut() error {
	f.mu.RLock()
	closed, clean, owed := f.closed, f.gen == f.stored, f.wanted > f.stored
	f.mu.RUnlock()
	if closed {
		return nil
	}
	var err error
	switch {
	case owed:
		err = f.promise()
	case clean:
		return f.Finish(nil)
	default:
		err = f.resave()
	}
	f.mu.Lock()
	data := f.data
	told := f.takeWaitersLocked(func(waiter) bool { return true })
	old := f.closeLocked()
	f.mu.Unlock()
	f.closeBase(old)
	if data != nil {
		err = errors.Join(err, data.Close())
	}
	f.stage.unregister(f)
	tell(told, cosapi.Object{}, errors.Join(ErrStageClosed, err))
	return err
}
