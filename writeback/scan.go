package writeback

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cosfs/cosapi"
)

// asideDir, below the stage's directory, is where scan moves what it cannot
// use. Nothing in it is ever read again or deleted.
const asideDir = "aside"

// scan reads the directory of an earlier run: owed files become Recovered,
// open ones Kept, intents pending. It returns the kept records that name an upload.
func (s *Stage) scan() ([]Record, error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	aside, err := os.ReadDir(s.path(asideDir))
	if ignoreMissing(err) != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	known := map[string]bool{lockName: true, asideDir: true}
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
		if err != nil {
			s.cfg.Log.Error("stage: a record is unusable; it and its data are moved aside", "dir", s.path(asideDir), "err", err)
			continue
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
	for _, e := range aside {
		s.passID(e.Name())
	}
	return uploads, s.moveAside(entries, known)
}

// passID makes new ids come after the one that name begins with.
func (s *Stage) passID(name string) {
	id, _, _ := strings.Cut(name, ".")
	if n, err := strconv.ParseUint(id, 16, 64); err == nil && n > s.nextID.Load() {
		s.nextID.Store(n)
	}
}

func (s *Stage) moveAside(entries []os.DirEntry, known map[string]bool) error {
	for _, e := range entries {
		if known[e.Name()] {
			continue
		}
		if err := os.MkdirAll(s.path(asideDir), 0o700); err != nil {
			return fmt.Errorf("stage: %w", err)
		}
		to := filepath.Join(s.path(asideDir), e.Name())
		if err := os.Rename(s.path(e.Name()), to); err != nil {
			return fmt.Errorf("stage: %w", err)
		}
		s.cfg.Log.Warn("stage: moved aside; no record says that it is needed", "file", to)
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
		return Record{}, err
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
		return Record{}, fmt.Errorf("record %s of %q: the data file has %d bytes, %d are promised", id, r.Key, have, r.Local.End())
	}
	return r, nil
}

// recover makes a File of an owed record.
func (s *Stage) recover(r Record) error {
	f := &File{stage: s, id: r.ID, key: r.Key, opts: r.Options, size: r.Size, baseLen: r.BaseLen, low: r.Size,
		local: r.Local, fresh: r.Fresh, modified: r.Modified, gen: 1, attrGen: 1,
		onDisk: StateOwed, durableGen: 1}
	f.attempt.exposed = true // what the earlier run has sent is not known
	if r.Base != nil {
		f.base, f.hasBase = *r.Base, true
	}
	if r.Upload != nil {
		f.upload = &upload{id: r.Upload.ID, key: r.Upload.Key, attrGen: 1, found: true}
		if r.Upload.Stale {
			f.upload.attrGen = 0
		}
	}
	if data, err := os.OpenFile(r.Path, os.O_RDWR, 0); err == nil {
		f.data, f.recorded = data, true
	} else if ignoreMissing(err) != nil {
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
