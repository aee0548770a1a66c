package writeback

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"cosfs/cosapi"
)

// IntentKind says what an Intent changes.
type IntentKind string

// The kinds of intents.
const (
	IntentDelete IntentKind = "delete" // the object Base goes
	IntentPut    IntentKind = "put"    // a small object: a directory's marker, a link, a special file
	IntentAttrs  IntentKind = "attrs"  // the object Base gets Options, by a copy onto itself
)

// Intent is a change of names that was answered to a program and that COS is
// to hear of.
type Intent struct {
	Kind IntentKind
	Key  string
	// Base is what COS is believed to have under Key. A delete or a change of
	// attributes means this version and no other, by its ETag, or, of what
	// was never seen with one, by size and CRC64. After an intent on the same
	// key that is not carried out yet it may be left empty: what that one
	// makes is meant. Of a put it is what is overwritten, empty if unknown.
	Base    cosapi.Object
	Options cosapi.PutOptions // of a put and of attributes: all of them, not the differences
	Body    []byte            // of a put, at most 4 KiB
	At      time.Time         // when Base was known to be current; zero: now

	id string // of its record
}

const (
	maxBody    = 4 << 10 // bytes of a put
	maxIntents = 10000   // pending at a time; Defer waits beyond
	// deleteDelay is how long a delete waits for others to share its request,
	// attrsDelay a change of attributes for more of them. Both, with the
	// request, stay below the second that is promised for names. rm -rf of 1000
	// files takes 0.5 s to 2 s here (ext4 is slow to make files where many have
	// just gone), so a shorter delay makes more requests of it.
	deleteDelay = 700 * time.Millisecond
	// gatherPause is how long after the last delete those that are due still
	// wait, maxGather how long one waits so: a busy machine needs seconds for
	// the 1000 files of one request.
	gatherPause = 200 * time.Millisecond
	maxGather   = 4 * time.Second
	attrsDelay  = 700 * time.Millisecond
	// deleteTTL is the age at which a delete asks first whether COS still has
	// what it means.
	deleteTTL = 10 * time.Second
)

// named says that an object can be told from another under the same key.
func named(o cosapi.Object) bool { return o.ETag != "" || o.HasCRC64 }

// is says that what is there is the object that is meant.
func is(there, meant cosapi.Object) bool {
	if meant.ETag != "" {
		return there.ETag == meant.ETag && there.Size == meant.Size
	}
	return equal(there, meant)
}

// normal checks an intent and makes it share nothing with the caller.
func (in Intent) normal() (Intent, error) {
	if err := cosapi.CheckKey(in.Key); err != nil {
		return Intent{}, err
	}
	switch in.Kind {
	case IntentDelete:
		in.Options, in.Body = cosapi.PutOptions{}, nil
	case IntentAttrs:
		in.Body = nil
	case IntentPut:
		if len(in.Body) > maxBody {
			return Intent{}, fmt.Errorf("put of %q: %d bytes, an intent holds %d: %w", in.Key, len(in.Body), maxBody, syscall.EINVAL)
		}
	default:
		return Intent{}, fmt.Errorf("intent for %q of kind %q: %w", in.Key, in.Kind, syscall.EINVAL)
	}
	in.Base.Key, in.id = in.Key, ""
	in.Options, in.Body = cloneOptions(in.Options), bytes.Clone(in.Body)
	if in.At.IsZero() {
		in.At = time.Now()
	}
	return in, nil
}

// delay is how long the intent waits for company.
func (in Intent) delay() time.Duration {
	switch in.Kind {
	case IntentDelete:
		return deleteDelay
	case IntentAttrs:
		return attrsDelay
	}
	return 0
}

// Defer records an intent: once it has returned nil, the intent is carried out
// within a second (a delete among many, within five) while COS answers, and after the next Open otherwise. Puts
// and attributes survive a power cut, deletes a killed process.
//
// Intents of one key are carried out in order; those that COS has not seen yet
// become one. done (which may be nil) is called once, without locks and from
// another goroutine, with what COS has under the key then; or with the error
// of COS when it has refused, which is final; with cosapi.Changed when COS had
// another version than Base, and nothing was done; with ErrOvertaken when a
// later intent or upload of the key has taken its place; with ErrStageClosed.
// done must not wait for another intent of the same key.
//
// When 10,000 intents are pending, Defer waits for room until ctx ends; so it
// is not called under a lock that a done takes. An error means that nothing
// was recorded: os.ErrNotExist for attributes of what an earlier intent
// deletes; EINVAL for one that does not say what it means, which may be because
// the intent it was to build on has just ended, and its done knows.
func (s *Stage) Defer(ctx context.Context, in Intent, done func(cosapi.Object, error)) error {
	in, err := in.normal()
	if err != nil {
		return err
	}
	if done == nil {
		done = func(cosapi.Object, error) {}
	}
	l, err := s.enter(ctx, in.Key)
	if err != nil {
		return err
	}
	defer s.leave(l)
	l.disk.Lock()
	defer l.disk.Unlock()
	if t := s.intents.reopen(l); t != nil {
		return s.mergeInto(t, in, done)
	}
	if in.Kind != IntentPut && !named(in.Base) && !s.intents.busy(l) {
		s.intents.unreserve()
		return fmt.Errorf("%s of %q: no version is named: %w", in.Kind, in.Key, syscall.EINVAL)
	}
	return s.note(l, in, done)
}

// Intents are those not carried out yet, oldest first, those of an earlier run
// included.
func (s *Stage) Intents() []Intent {
	var list []Intent
	s.intents.each(func(t *todo) { list = append(list, t.Intent) })
	slices.SortFunc(list, func(a, b Intent) int { return strings.Compare(a.id, b.id) })
	for i := range list {
		list[i].Options, list[i].Body = cloneOptions(list[i].Options), bytes.Clone(list[i].Body)
	}
	return list
}

// Follow has done called, as Defer has, at the end of an intent that Intents
// has listed. False: that was before, and done is not called.
func (s *Stage) Follow(in Intent, done func(cosapi.Object, error)) bool {
	return s.intents.follow(in, done)
}
