package writeback

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Names in the stage's directory, after the id.
const (
	recordSuffix = ".json"
	dataSuffix   = ".data"
	newSuffix    = ".new" // a record being written
	asideSuffix  = recordSuffix + newSuffix
)

// writeRecord creates or replaces a record. Durable means that it outlives a
// power cut once this has returned nil.
func (s *Stage) writeRecord(r Record, replace, durable bool) error {
	text, err := r.encode()
	if err != nil {
		return fmt.Errorf("stage: record of %q: %w", r.Key, err)
	}
	name := s.path(r.ID + recordSuffix)
	if !replace && !durable {
		// The first record of a file promises nothing, and there is nothing
		// it could damage: one call less than write aside and rename.
		s.reuse(name)
		if err := writeFile(name, text, false); err != nil {
			return errors.Join(err, ignoreMissing(os.Remove(name)))
		}
		return nil
	}
	return s.replaceFile(r.ID+recordSuffix, text, durable)
}

// replaceFile writes aside and renames.
func (s *Stage) replaceFile(name string, p []byte, durable bool) error {
	aside := s.path(name + newSuffix)
	s.reuse(aside)
	if err := writeFile(aside, p, durable); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(aside)))
	}
	if err := os.Rename(aside, s.path(name)); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	if !durable {
		return nil
	}
	return syncDir(s.cfg.Dir)
}

// writeFile replaces what the file has, if there is one. It is cut after the
// write and not before, which would give its block back and take another.
func writeFile(name string, text []byte, durable bool) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = trim(f, int64(len(text)))
	}
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return nil
}

// trim takes away what is beyond size, if anything is.
func trim(f *os.File, size int64) error {
	st, err := f.Stat()
	if err != nil || st.Size() <= size {
		return err
	}
	return f.Truncate(size)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	if err = errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("stage: sync %s: %w", dir, err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *File) dataPath() string   { return f.stage.path(f.id + dataSuffix) }
func (f *File) recordPath() string { return f.stage.path(f.id + recordSuffix) }

// recordLocked describes the file as it is now.
func (f *File) recordLocked(state State) Record {
	r := Record{ID: f.id, State: state, Key: f.key, Size: f.size, Modified: f.modified, BaseLen: f.baseLen,
		Local: f.local.Clone(), Fresh: f.fresh.Clone(), Options: cloneOptions(f.opts), Reason: f.reason,
		Gen: f.gen, AttrGen: f.attrGen, Sent: slices.Clone(f.sent), Beside: f.beside}
	if f.hasBase {
		base := f.base
		r.Base = &base
	}
	if f.upload != nil {
		r.Upload = &UploadRecord{ID: f.upload.id, Key: f.upload.key, Stale: f.upload.attrGen != f.attrGen}
	}
	return r
}

// recordOpen writes the record that comes before the first change, and makes
// the data file. The record is first, so that a data file without one belongs
// to a stored file, or to nothing that was ever promised.
func (f *File) recordOpen() error {
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.RLock()
	done, closed, parked, orphan := f.recorded, f.closed, f.parked, f.orphan
	f.mu.RUnlock()
	if closed {
		return os.ErrClosed
	}
	if done && !parked {
		return nil
	}
	if f.onDisk == "" && !orphan {
		if err := f.save(StateOpen, false); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	if err := f.openLocked(); err != nil {
		return err
	}
	f.recorded = true
	return nil
}

// save writes the record as the file is now. Durable includes the data. The
// caller holds disk.
func (f *File) save(state State, durable bool) error {
	f.mu.RLock()
	r, gen, data := f.recordLocked(state), f.gen, f.data
	f.mu.RUnlock()
	if durable {
		if err := f.syncData(data); err != nil {
			return err
		}
	}
	if err := f.stage.writeRecord(r, f.onDisk != "", durable); err != nil {
		return err
	}
	f.mu.Lock()
	f.unnoted = false
	f.mu.Unlock()
	f.onDisk, f.durableGen = state, 0
	if durable && state == StateOwed {
		f.durableGen = gen
	}
	return nil
}

// syncData makes the data file durable. After a failure the kernel may have
// dropped what it could not write and report success the next time, so the
// error stays until COS has the content, or all of it is cut. The caller holds
// disk.
func (f *File) syncData(data *os.File) error {
	if f.torn == nil && data != nil {
		if err := unix.Fdatasync(int(data.Fd())); err != nil {
			f.torn = fmt.Errorf("stage: sync %s: %w; the disk may have lost some of it, and only storing it now is safe", f.dataPath(), err)
		}
	}
	return f.torn
}

// resave brings an existing record up to date, as durable as it was.
func (f *File) resave() error {
	f.disk.Lock()
	defer f.disk.Unlock()
	if f.onDisk == "" {
		return nil
	}
	return f.save(f.onDisk, f.durableGen > 0)
}

// promise makes the content of this moment owed and durable, and parks the
// data file.
func (f *File) promise() error {
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.RLock()
	gen, clean, ended := f.gen, f.gen == f.stored, f.closed || f.orphan
	f.mu.RUnlock()
	switch {
	case ended: // overtaken by Discard or Orphan: a record now would bring the file back
		return os.ErrClosed
	case clean:
		return nil
	case f.onDisk != StateOwed || f.durableGen < gen:
		if err := f.save(StateOwed, true); err != nil {
			return err
		}
	}
	return f.park()
}

// unrecord removes the record of a file that needs none. The caller holds disk.
func (f *File) unrecord() error {
	if f.onDisk == "" {
		return nil
	}
	if err := f.stage.retire(f.recordPath(), secret(f.Options())); err != nil {
		return err
	}
	owed := f.onDisk == StateOwed
	f.onDisk, f.durableGen = "", 0
	if !owed {
		return nil
	}
	// A power cut must not bring it back: the object may be removed by then.
	return syncDir(f.stage.cfg.Dir)
}
