package writeback

import (
	"time"

	"cosfs/cosapi"
)

// note records a new intent behind those of its line. The caller holds l.disk.
func (s *Stage) note(l *line, in Intent, done func(cosapi.Object, error)) error {
	in.id = s.newID()
	if err := s.writeIntent(in); err != nil {
		s.intents.unreserve()
		return err
	}
	s.intents.add(&todo{Intent: in, line: l, due: time.Now().Add(in.delay()), waiters: []func(cosapi.Object, error){done}})
	return nil
}

// mergeInto makes one of a recorded intent and a new one. The caller holds the
// line's disk.
func (s *Stage) mergeInto(t *todo, in Intent, done func(cosapi.Object, error)) error {
	merged, fate, err := merge(t.Intent, in)
	merged.id = t.id
	switch {
	case err != nil:
	case fate == apart:
		s.intents.put(t, t.Intent, nil)
		return s.note(t.line, in, done)
	case fate == nothing:
		err = s.removeIntent(t.Intent)
	default:
		err = s.writeIntent(merged)
	}
	s.intents.unreserve()
	switch {
	case err != nil:
		s.intents.put(t, t.Intent, nil)
	case fate == shared:
		s.intents.put(t, merged, done)
	case fate == taken:
		overtaken := s.intents.replace(t, merged, done)
		s.goDo(func() { answer(overtaken, cosapi.Object{}, ErrOvertaken) })
	case fate == nothing:
		overtaken := s.intents.drop(t, ErrOvertaken)
		s.goDo(func() {
			answer(overtaken, cosapi.Object{}, ErrOvertaken)
			done(cosapi.Object{}, nil)
		})
	}
	return err
}

// unreserve gives back the room that enter has counted.
func (b *book) unreserve() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending--
	b.announceLocked()
}

// put ends a change: the todo is this intent now, and may go again.
func (b *book) put(t *todo, in Intent, done func(cosapi.Object, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if done != nil {
		t.waiters = append(t.waiters, done)
	}
	b.putLocked(t, in)
}

func (b *book) putLocked(t *todo, in Intent) {
	t.Intent, t.changing = in, false
	if due := time.Now().Add(in.delay()); due.Before(t.due) {
		t.due = due
	}
	b.offerLocked(t.line)
}

// replace ends a change that has taken the place of the intent that was there.
// Who waited for that is returned.
func (b *book) replace(t *todo, in Intent, done func(cosapi.Object, error)) (overtaken []func(cosapi.Object, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	overtaken, t.waiters = t.waiters, []func(cosapi.Object, error){done}
	b.putLocked(t, in)
	return overtaken
}

// drop ends a todo of which nothing is left to do.
func (b *book) drop(t *todo, err error) []func(cosapi.Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.changing = false
	told := b.dropLocked(t, err)
	b.offerLocked(t.line)
	return told
}
