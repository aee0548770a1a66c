package writeback

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cosfs/cosapi"
)

// Settle carries out now, and waits for, every intent that is pending for the
// key tree, or below it if that ends in "/", or for all keys if it is empty.
// It returns the first error, by the age of the intents: of COS's refusals,
// which are final, and of attempts that failed for the moment, whose intents
// stay pending. That others were overtaken is no error.
func (s *Stage) Settle(ctx context.Context, tree string) error {
	var first error
	for _, p := range s.intents.hasten(tree) {
		err := s.await(ctx, p.todo, func() (bool, error) {
			if p.ended {
				return true, p.err
			}
			return p.line.failures > p.before, p.line.lastErr
		})
		if ctx.Err() != nil {
			return leftError(s.Pending(), ctx.Err())
		}
		if first == nil && err != nil && !errors.Is(err, ErrOvertaken) {
			first = err
		}
	}
	return first
}

// pressed is a todo that somebody waits for.
type pressed struct {
	*todo
	before int // line.failures
}

func inTree(key, tree string) bool {
	return key == tree || tree == "" || strings.HasSuffix(tree, "/") && strings.HasPrefix(key, tree)
}

// hasten makes the todos of a tree due, and lists them by age.
func (b *book) hasten(tree string) (list []pressed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, l := range b.lines {
		if !inTree(l.key, tree) || len(l.list) == 0 {
			continue
		}
		for _, t := range l.list {
			t.hurried = true
			if now.Before(t.due) {
				t.due = now
			}
			list = append(list, pressed{t, l.failures})
		}
		b.offerLocked(l)
	}
	slices.SortFunc(list, func(x, y pressed) int { return strings.Compare(x.id, y.id) })
	return list
}

// await waits until something holds of a todo, which over looks at under
// book.mu.
func (s *Stage) await(ctx context.Context, t *todo, over func() (bool, error)) error {
	b := &s.intents
	for {
		b.mu.Lock()
		ok, err := over()
		moved := b.moved
		b.mu.Unlock()
		if ok {
			return err
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

// settled waits for the ends of intents, however often they fail.
func (s *Stage) settled(ctx context.Context, todos []pressed) error {
	for _, p := range todos {
		if err := s.await(ctx, p.todo, func() (bool, error) { return p.ended, nil }); err != nil {
			return err
		}
	}
	return nil
}

// shut refuses new intents.
func (b *book) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// abandon tells those who still wait, once no job runs any more, that the
// stage has closed. What is left stays recorded.
func (b *book) abandon() {
	var told []func(cosapi.Object, error)
	b.each(func(t *todo) { told = append(told, t.takeWaitersLocked()...) })
	answer(told, cosapi.Object{}, ErrStageClosed)
}
