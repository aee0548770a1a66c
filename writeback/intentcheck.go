package writeback

import (
	"errors"
	"fmt"
	"os"
)

// checkIntents is Check of the intents and renames: each has its record, and
// the record says the same. It adds the names of the records to known.
func (s *Stage) checkIntents(known map[string]bool) (errs []error) {
	pending, counted := 0, 0
	s.intents.census(&counted, func(t *todo) {
		pending++
		known[t.id+todoSuffix] = true
		if err := s.checkTodo(t); err != nil {
			errs = append(errs, fmt.Errorf("intent %s of %q: %w", t.id, t.Key, err))
		}
	})
	if pending != counted {
		errs = append(errs, fmt.Errorf("%d intents are pending, %d are counted", pending, counted))
	}
	for _, r := range s.Renames() {
		known[r.id+renameSuffix] = true
		rec, err := s.readRename(r.id)
		if err == nil && (string(rec.From) != r.From || string(rec.To) != r.To || rec.Phase != r.Phase()) {
			err = fmt.Errorf("rename %s of %q: the record says %q to %q, %s", r.id, r.From, rec.From, rec.To, rec.Phase)
		}
		errs = append(errs, err)
	}
	return errs
}

// checkTodo compares a todo with its record. The caller holds book.mu.
func (s *Stage) checkTodo(t *todo) error {
	switch {
	case t.ended:
		return errors.New("it has ended")
	case t.running && !t.sent:
		return errors.New("it runs and is not sent")
	case t.held && t.running:
		return errors.New("it runs and an upload holds it")
	}
	p, err := os.ReadFile(s.path(t.id + todoSuffix))
	if t.running && errors.Is(err, os.ErrNotExist) {
		return nil // it has just ended, and is about to leave the book
	}
	if err != nil {
		return err
	}
	in, err := decodeIntent(t.id, p)
	switch {
	case err != nil:
		return err
	case in.Kind != t.Kind || in.Key != t.Key || in.Base.Version != t.Base.Version:
		return fmt.Errorf("%s of %v; the record says %s of %v", t.Kind, t.Base.Version, in.Kind, in.Base.Version)
	}
	return nil
}
