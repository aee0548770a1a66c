package writeback

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cosfs/cosapi"
)

// asideDir, below the stage's directory, is where scan moves what it cannot
// use. Nothing in it is deleted; Kept lists the records in it.
const asideDir = "aside"

// scan reads the directory of an earlier run: owed files become Recovered,
// open ones Kept, intents pending. It returns the kept records that name an
// upload. An error that may pass ends it: what is promised waits in its place.
func (s *Stage) scan() ([]Record, error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	known := map[string]bool{lockName: true, asideDir: true}
	records := map[string]bool{}
	var uploads []Record
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), recordSuffix)
		s.passID(e.Name())
		if s.scanIntent(e.Name()) {
			known[e.Name()] = true
			continue
		}
		if !ok || strings.Contains(id, ".") {
			continue
		}
		r, err := s.readRecord(id)
		if errors.Is(err, errRecycled) {
			known[e.Name()] = s.dropRecycled(e.Name())
			continue
		}
		records[id] = true
		if errors.Is(err, errUnusable) {
			s.cfg.Log.Error("stage: a record is unusable; it and its data are moved aside", "dir", s.path(asideDir), "err", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		known[e.Name()], known[id+dataSuffix] = true, true
		if r.State == StateOwed {
			if err := s.recover(r); err != nil {
				return nil, err
			}
			continue
		}
		s.kept = append(s.kept, r)
		if r.Upload != nil {
			uploads = append(uploads, r)
		}
	}
	if err := s.tidy(entries, known, records); err != nil {
		return nil, err
	}
	return uploads, s.listAside()
}

// dropRecycled removes a record of nothing.
func (s *Stage) dropRecycled(name string) bool {
	return ignoreMissing(os.Remove(s.path(name))) == nil
}

// passID makes new ids come after the one that name begins with.
func (s *Stage) passID(name string) {
	id, _, _ := strings.Cut(name, ".")
	if n, err := strconv.ParseUint(id, 16, 64); err == nil && n > s.nextID.Load() {
		s.nextID.Store(n)
	}
}

// tidy deletes what was never needed and moves aside what is not understood.
func (s *Stage) tidy(entries []os.DirEntry, known, records map[string]bool) error {
	for _, e := range entries {
		name := e.Name()
		var err error
		switch {
		case known[name]:
		case leftOver(name, records):
			err = ignoreMissing(os.Remove(s.path(name)))
		default:
			err = s.moveAside(name)
		}
		if err != nil {
			return fmt.Errorf("stage: %w", err)
		}
	}
	return nil
}

// leftOver says that a file of ours is of no use to anybody: a record that
// has not come to replace the one before, a spare file, or the data of a file without one.
// Records come before their data and go once COS has it.
func leftOver(name string, records map[string]bool) bool {
	id, kind, _ := strings.Cut(name, ".")
	if _, err := strconv.ParseUint(id, 16, 64); err != nil || len(id) != idLen {
		return false
	}
	return strings.HasSuffix(name, asideSuffix) || "."+kind == spareSuffix || "."+kind == dataSuffix && !records[id]
}

func (s *Stage) moveAside(name string) error {
	if err := os.MkdirAll(s.path(asideDir), 0o700); err != nil {
		return err
	}
	to := filepath.Join(s.path(asideDir), name)
	if err := os.Rename(s.path(name), to); err != nil {
		return err
	}
	s.cfg.Log.Warn("stage: moved aside; nothing tells what it is for", "file", to)
	return nil
}

// listAside adds the records that were moved aside, now or earlier, to Kept:
// something was promised for them that cannot be held.
func (s *Stage) listAside() error {
	entries, err := os.ReadDir(s.path(asideDir))
	if ignoreMissing(err) != nil {
		return fmt.Errorf("stage: %w", err)
	}
	for _, e := range entries {
		s.passID(e.Name())
		id, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if !ok {
			continue
		}
		p, err := os.ReadFile(filepath.Join(s.path(asideDir), e.Name()))
		if err != nil {
			return fmt.Errorf("stage: %w", err)
		}
		if r, err := decodeRecord(id, p); err == nil {
			r.Path = filepath.Join(s.path(asideDir), id+dataSuffix)
			r.Reason = "its data is not complete"
			s.kept = append(s.kept, r)
		}
	}
	return nil
}

// readRecord reads one record and checks it against its data file.
func (s *Stage) readRecord(id string) (Record, error) {
	p, err := os.ReadFile(s.path(id + recordSuffix))
	if err != nil {
		return Record{}, fmt.Errorf("record %s: %w", id, err)
	}
	r, err := decodeRecord(id, p)
	if err != nil {
		return Record{}, fmt.Errorf("stage %s: %w", s.cfg.Dir, err)
	}
	r.Path = s.path(id + dataSuffix)
	st, err := os.Stat(r.Path)
	if ignoreMissing(err) != nil {
		return Record{}, fmt.Errorf("record %s: %w", id, err)
	}
	var have int64
	if err == nil {
		have = st.Size()
	}
	if r.State == StateOwed && have < r.Local.End() {
		return Record{}, fmt.Errorf("record %s of %q: %w: the data file has %d bytes, %d are promised", id, r.Key, errUnusable, have, r.Local.End())
	}
	return r, nil
}

// recover makes a File of an owed record. Its data file may be longer than
// what was promised; what grows later must not find those bytes.
func (s *Stage) recover(r Record) error {
	f := &File{stage: s, id: r.ID, key: r.Key, opts: r.Options, size: r.Size, baseLen: r.BaseLen, low: r.Size,
		local: r.Local, fresh: r.Fresh, modified: r.Modified, gen: max(r.Gen, 1), attrGen: r.AttrGen, sent: r.Sent, beside: r.Beside,
		onDisk: StateOwed, durableGen: max(r.Gen, 1)}
	f.attempt.exposed, f.unsure = true, true // what the earlier run has sent is not known
	if r.Base != nil {
		f.base, f.hasBase = *r.Base, true
	}
	if r.Upload != nil {
		f.upload = &upload{id: r.Upload.ID, key: r.Upload.Key, attrGen: r.AttrGen, opts: r.Options, found: true,
			done: map[int]sentPart{}, flying: map[int]*flight{}, spoiled: map[int]bool{}}
		if r.Upload.Stale {
			f.upload.attrGen = math.MaxUint64 // matches none
		}
	}
	switch st, err := os.Stat(r.Path); {
	case err == nil:
		f.parked, f.recorded = true, true
		if st.Size() > r.Size {
			err = os.Truncate(r.Path, r.Size)
		}
		if err != nil {
			return fmt.Errorf("stage: %w", err)
		}
	case ignoreMissing(err) != nil:
		return fmt.Errorf("stage: %w", err)
	}
	s.files[f] = struct{}{}
	s.recovered = append(s.recovered, f)
	return nil
}

// abortLeft drops the uploads of files that are kept: nothing will complete
// them, and unfinished uploads cost storage.
func (s *Stage) abortLeft(left []Record) {
	for _, r := range left {
		err := s.cfg.Store.AbortUpload(s.ctx, r.Upload.Key, r.Upload.ID)
		if errors.Is(s.ctx.Err(), context.Canceled) {
			return
		}
		if err == nil || errors.Is(err, cosapi.NoUpload) {
			r.Upload = nil
			err = s.writeRecord(r, true, false)
		}
		if err != nil {
			s.cfg.Log.Warn("stage: abort the upload of a file that is kept; tried again at the next mount", "key", r.Key, "err", err)
		}
	}
}
