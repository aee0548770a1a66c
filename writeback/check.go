package writeback

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Check verifies what doc.go says of the directory and of the files in memory,
// and returns every violation. The stage should be at rest: a write or an
// upload in between can look like one.
func (s *Stage) Check() error {
	known := map[string]bool{lockName: true, asideDir: true}
	var errs []error
	for _, f := range s.allFiles() {
		known[f.id+recordSuffix], known[f.id+dataSuffix] = true, true
		if err := f.check(); err != nil {
			errs = append(errs, fmt.Errorf("staged file %s of %q: %w", f.id, f.Key(), err))
		}
	}
	for _, r := range s.kept {
		known[r.ID+recordSuffix], known[r.ID+dataSuffix] = true, true
		if _, err := s.readRecord(r.ID); err != nil && ignoreMissing(err) != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.checkIntents(known)...)
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		errs = append(errs, fmt.Errorf("stage: %w", err))
	}
	for _, e := range entries {
		if !known[e.Name()] && !strings.HasSuffix(e.Name(), spareSuffix) {
			errs = append(errs, fmt.Errorf("stage %s: %s belongs to no staged file and no intent", s.cfg.Dir, e.Name()))
		}
	}
	return errors.Join(errs...)
}

// check compares a file in memory with itself and with the directory.
func (f *File) check() error {
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return nil
	}
	dirty := f.gen != f.stored
	switch {
	case f.stored > f.gen || f.wanted > f.gen:
		return fmt.Errorf("generation %d, stored %d, wanted %d", f.gen, f.stored, f.wanted)
	case !f.local.valid(f.size) || !f.fresh.valid(1<<63-1) || !f.since.valid(1<<63-1):
		return fmt.Errorf("ranges out of order: here %v, changed %v, since the snapshot %v", f.local, f.fresh, f.since)
	case f.baseLen > f.size || f.baseLen > 0 && (!f.hasBase || f.baseLen > f.base.Size):
		return fmt.Errorf("%d bytes of a base of %d show through a file of %d", f.baseLen, f.base.Size, f.size)
	case !f.local.Covers(f.baseLen, f.size):
		return fmt.Errorf("bytes %v are nowhere", f.local.Missing(f.baseLen, f.size))
	case dirty && f.recorded && f.onDisk == "" && !f.orphan:
		return errors.New("changes without a record")
	case !dirty && f.onDisk != "" && (!f.recorded || f.onDisk == StateOwed):
		// An open one may stand before a change that came to nothing.
		return fmt.Errorf("a stored file has a record (%s)", f.onDisk)
	}
	return errors.Join(f.checkData(), f.checkRecord())
}

func (f *File) checkData() error {
	if f.data == nil && !f.parked {
		if len(f.local) > 0 {
			return fmt.Errorf("bytes %v without a data file", f.local)
		}
		return nil
	}
	named, err := os.Stat(f.dataPath())
	if err != nil {
		return err
	}
	if f.data != nil {
		open, err := f.data.Stat()
		if err != nil {
			return err
		}
		if !os.SameFile(open, named) {
			return fmt.Errorf("%s is another file than the one that is open", f.dataPath())
		}
	}
	if n := named.Size(); n < f.local.End() || n > f.size {
		return fmt.Errorf("a data file of %d bytes for ranges up to %d of %d", n, f.local.End(), f.size)
	}
	return nil
}

func (f *File) checkRecord() error {
	r, err := f.stage.readRecord(f.id)
	if f.onDisk == "" {
		if ignoreMissing(err) != nil || err == nil {
			return fmt.Errorf("there is a record (%s) of which nothing is known: %w", r.State, errors.Join(err))
		}
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case r.State != f.onDisk:
		return fmt.Errorf("the record says %q, not %q", r.State, f.onDisk)
	case r.Key != f.key:
		return fmt.Errorf("the record is of key %q", r.Key)
	case f.durableGen == f.gen && r.Size != f.size:
		return fmt.Errorf("the record promises %d bytes, the file has %d", r.Size, f.size)
	}
	return nil
}
