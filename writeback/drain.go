package writeback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cosfs/cosapi"
)

// Pending is what COS is to get and has not yet: a file's content, or an
// intent.
type Pending struct {
	Key      string
	Intent   IntentKind // empty: content
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
	Intents    int   // not carried out yet
	Refused    int   // intents that came to nothing since Open
	Renames    int   // see Stage.Renames
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
	st := Stats{Kept: len(s.kept), Renames: len(s.Renames())}
	s.intents.mu.Lock()
	st.Intents, st.Refused = s.intents.pending, s.intents.refused
	s.intents.mu.Unlock()
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

// backlogAge is how long a count of what is owed is good for.
const backlogAge = 100 * time.Millisecond

// Behind says that more is owed than Config.MaxOwed and MaxOwedFiles allow: who
// adds to it should wait for its own upload instead.
func (s *Stage) Behind() bool {
	s.mu.Lock()
	behind, old := s.behind, time.Since(s.counted) > backlogAge
	s.mu.Unlock()
	if !old {
		return behind
	}
	var bytes int64
	owed := s.pending()
	for _, f := range owed {
		f.mu.RLock()
		bytes += f.local.Bytes()
		f.mu.RUnlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind, s.counted = len(owed) > s.cfg.MaxOwedFiles || bytes > s.cfg.MaxOwed, time.Now()
	return s.behind
}

// Pending lists what is to be stored and is not yet, by key.
func (s *Stage) Pending() []Pending {
	var list []Pending
	for _, f := range s.pending() {
		f.mu.RLock()
		list = append(list, Pending{Key: f.key, Size: f.size, Attempts: f.failed, Err: f.lastErr})
		f.mu.RUnlock()
	}
	s.intents.each(func(t *todo) {
		list = append(list, Pending{Key: t.Key, Intent: t.Kind, Size: int64(len(t.Body)), Attempts: t.failed, Err: t.line.lastErr})
	})
	slices.SortStableFunc(list, func(a, b Pending) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// pending are the files that are to be stored and are not yet.
func (s *Stage) pending() (files []*File) {
	for _, f := range s.allFiles() {
		if f.pending() {
			files = append(files, f)
		}
	}
	return files
}

func (f *File) pending() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return !f.closed && !f.orphan && f.wanted > f.stored
}

// Drain waits until nothing is owed. What waits after a failure is tried at
// once. When ctx ends first, the error names what is left; it stays owed.
func (s *Stage) Drain(ctx context.Context) error {
	for {
		files, todos := s.pending(), s.intents.hasten("")
		if len(files)+len(todos) == 0 {
			return nil
		}
		for _, f := range files {
			f.hasten()
		}
		if err := s.settled(ctx, todos); err != nil {
			return leftError(s.Pending(), err)
		}
		for _, f := range files {
			if err := s.waitFor(ctx, f); err != nil {
				return leftError(s.Pending(), err)
			}
		}
	}
}

// hasten has the file tried without waiting for the back-off, once.
func (f *File) hasten() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hurry = true // also if an attempt is just failing
	if !f.closed && f.holds == 0 {
		f.stage.enqueue(f, urgent)
	}
}

// waitFor returns when the file is not pending any more.
func (s *Stage) waitFor(ctx context.Context, f *File) error {
	for {
		s.mu.Lock()
		moved := s.queue.moved
		s.mu.Unlock()
		if !f.pending() {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return ErrStageClosed
		}
	}
}

// leftError names the first few of what is left.
func leftError(left []Pending, cause error) error {
	if len(left) == 0 {
		return cause
	}
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
	return fmt.Errorf("%d changes are not stored yet (%s); they are kept and stored after the next mount: %w",
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
	closed, orphan, clean, owed := f.closed, f.orphan, f.gen == f.stored, f.wanted > f.stored
	f.mu.RUnlock()
	if closed {
		return nil
	}
	var err error
	switch {
	case orphan:
		return f.Discard()
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
