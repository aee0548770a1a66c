package writeback

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"cosfs/cosapi"
)

// RenamePhase says how far the rename of a directory is.
type RenamePhase string

// The phases of a rename. A failure in the first is undone by deleting the
// copies, in the second there is only the way forward, unless nothing was
// deleted for sure.
const (
	RenameCopying  RenamePhase = "copying"
	RenameDeleting RenamePhase = "deleting" // all copies are made
	// RenameLeftovers: programs have seen the new tree, and not all of the old
	// one could be deleted.
	RenameLeftovers RenamePhase = "leftovers"
)

// Rename is the record of a rename, from before its first copy until after its
// last delete. The requests are its owner's.
type Rename struct {
	From, To string // of a directory prefixes that end in "/", else keys
	// Base is the version that is renamed, unless it is a directory.
	Base cosapi.Version
	// Replaces: there was an empty directory under the new name, whose marker
	// stays if the rename is undone.
	Replaces bool
	At       time.Time

	stage *Stage
	id    string

	mu     sync.Mutex // guards the fields below and the record; with no other lock
	phase  RenamePhase
	newest time.Time
	over   bool
}

// renameRecord is a Rename as JSON, in <id>.rename.json.
type renameRecord struct {
	Format int         `json:"format"`
	ID     string      `json:"id"`
	From   text        `json:"from"`
	To     text        `json:"to"`
	ETag   string      `json:"etag,omitempty"` // of Base, like Size
	Size   int64       `json:"size,omitempty"`
	Over   bool        `json:"replaces,omitempty"`
	At     time.Time   `json:"at"`
	Phase  RenamePhase `json:"phase"`
	Newest time.Time   `json:"newest,omitzero"`
}

// BeginRename records that everything below one prefix goes to another, which
// replaces an empty directory there if there is one.
func (s *Stage) BeginRename(from, to string, replaces bool) (*Rename, error) {
	if err := checkPrefixes(from, to); err != nil {
		return nil, err
	}
	return s.begin(&Rename{From: from, To: to, Replaces: replaces})
}

// BeginMove records that one object goes to another key, which may replace what
// is there. The record is not synced: after a power cut both names may be there,
// as if the program had been stopped between a copy and a removal of its own.
func (s *Stage) BeginMove(from, to string, base cosapi.Version) (*Rename, error) {
	if err := checkKeys(from, to); err != nil {
		return nil, err
	}
	return s.begin(&Rename{From: from, To: to, Base: base})
}

// begin enters and records a rename.
func (s *Stage) begin(r *Rename) (*Rename, error) {
	r.At, r.stage, r.id, r.phase = time.Now(), s, s.newID(), RenameCopying
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, fmt.Errorf("stage %s: %w", s.cfg.Dir, os.ErrClosed)
	}
	s.renames[r] = struct{}{}
	s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.saveLocked(RenameCopying, time.Time{}); err != nil {
		s.forgetRename(r)
		return nil, errors.Join(err, ignoreMissing(os.Remove(r.path())))
	}
	return r, nil
}

// OfTree says that it is that of a directory.
func (r *Rename) OfTree() bool { return strings.HasSuffix(r.From, "/") }

func checkKeys(from, to string) error {
	if from == "" || to == "" || from == to || strings.HasSuffix(from, "/") || strings.HasSuffix(to, "/") {
		return fmt.Errorf("rename of %q to %q: two keys that do not end in /: %w", from, to, syscall.EINVAL)
	}
	return nil
}

func checkPrefixes(from, to string) error {
	for _, p := range []string{from, to} {
		if len(p) < 2 || !strings.HasSuffix(p, "/") {
			return fmt.Errorf("rename of %q to %q: prefixes end in /: %w", from, to, syscall.EINVAL)
		}
	}
	if strings.HasPrefix(to, from) {
		return fmt.Errorf("rename of %q to %q, which is below it: %w", from, to, syscall.EINVAL)
	}
	return nil
}

// Renames are those not Done: of this run, and of an earlier one for their
// owner to complete or to undo, oldest first.
func (s *Stage) Renames() []*Rename {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Rename, 0, len(s.renames))
	for r := range s.renames {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *Rename) int { return strings.Compare(a.id, b.id) })
	return list
}

// Phase is how far it is.
func (r *Rename) Phase() RenamePhase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase
}

// Newest is what Deleting was told.
func (r *Rename) Newest() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest
}

// Deleting records that all copies are made: once it has returned nil, what
// is below To is the directory, also after a power cut. newest is the youngest
// Last-Modified among the objects copied: what is older was among them.
func (r *Rename) Deleting(newest time.Time) error { return r.enter(RenameDeleting, newest) }

// Copying takes Deleting back: nothing was deleted, and the copies are to go.
func (r *Rename) Copying() error { return r.enter(RenameCopying, time.Time{}) }

// Leftovers records that programs have seen the new tree.
func (r *Rename) Leftovers() error { return r.enter(RenameLeftovers, r.Newest()) }

func (r *Rename) enter(phase RenamePhase, newest time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return os.ErrClosed
	}
	return r.saveLocked(phase, newest)
}

// Done forgets the rename, completed or undone.
func (r *Rename) Done() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return os.ErrClosed
	}
	if err := r.stage.retire(r.path(), false); err != nil {
		return err
	}
	r.over = true
	r.stage.forgetRename(r)
	return nil
}

func (s *Stage) forgetRename(r *Rename) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.renames, r)
}

func (r *Rename) path() string { return r.stage.path(r.id + renameSuffix) }

func (r *Rename) saveLocked(phase RenamePhase, newest time.Time) error {
	p, err := json.Marshal(renameRecord{Format: recordFormat, ID: r.id, From: text(r.From), To: text(r.To), Over: r.Replaces,
		ETag: r.Base.ETag, Size: r.Base.Size, At: r.At, Phase: phase, Newest: newest})
	if err != nil {
		return fmt.Errorf("stage: record of the rename of %q: %w", r.From, err)
	}
	if err := r.stage.replaceFile(r.id+renameSuffix, p, r.OfTree()); err != nil {
		return err
	}
	r.phase, r.newest = phase, newest
	return nil
}

// readRename reads a record.
func (s *Stage) readRename(id string) (renameRecord, error) {
	var rec renameRecord
	p, err := os.ReadFile(s.path(id + renameSuffix))
	if err == nil {
		err = json.Unmarshal(p, &rec)
	}
	if err == nil {
		err = checkRecordHead(id, rec.Format, rec.ID)
	}
	if err == nil && strings.HasSuffix(string(rec.From), "/") {
		err = checkPrefixes(string(rec.From), string(rec.To))
	} else if err == nil {
		err = checkKeys(string(rec.From), string(rec.To))
	}
	if err == nil && rec.Phase != RenameCopying && rec.Phase != RenameDeleting && rec.Phase != RenameLeftovers {
		err = fmt.Errorf("phase %q", rec.Phase)
	}
	if err != nil {
		return rec, fmt.Errorf("rename %s: %w", id, err)
	}
	return rec, nil
}

// recoverRename enters the rename of an earlier run.
func (s *Stage) recoverRename(id string) error {
	rec, err := s.readRename(id)
	if err != nil {
		return err
	}
	r := &Rename{From: string(rec.From), To: string(rec.To), Replaces: rec.Over,
		Base: cosapi.Version{Key: string(rec.From), ETag: rec.ETag, Size: rec.Size}, At: rec.At, stage: s, id: id, phase: rec.Phase, newest: rec.Newest}
	s.renames[r] = struct{}{}
	return nil
}
