package writeback

import (
	"errors"
	"fmt"
	"os"

	"cosfs/cosapi"
)

// fate is what becomes of two intents on one key that COS has not seen.
type fate uint8

const (
	shared  fate = iota // one does for both; both are told of its end
	taken               // the later one stands in place of the earlier
	nothing             // they undo each other: COS never hears of it
	apart               // both are carried out, one after the other
)

// merge makes one intent of two on the same key. COS has seen neither, so it
// still has what the first one's Base says.
func merge(first, then Intent) (Intent, fate, error) {
	switch then.Kind {
	case IntentDelete:
		return mergeDelete(first, then)
	case IntentPut:
		return mergePut(first, then)
	}
	return mergeAttrs(first, then)
}

func mergeDelete(first, then Intent) (Intent, fate, error) {
	switch {
	case first.Kind == IntentDelete:
		if !named(then.Base) {
			then.Base = first.Base
		}
		return then, shared, nil
	case first.Kind == IntentPut && first.Options.ForbidOverwrite:
		return then, nothing, nil // a new name, which COS never gets to see
	case first.Kind == IntentAttrs || named(first.Base):
		then.Base = first.Base
	case !named(then.Base):
		// What the put overwrites is not known, what it makes will be.
		return then, apart, nil
	}
	return then, taken, nil
}
func mergePut(first, then Intent) (Intent, fate, error) {
	then.Base = first.Base
	if first.Kind == IntentPut {
		then.Options.ForbidOverwrite = first.Options.ForbidOverwrite
		return then, shared, nil
	}
	then.Options.ForbidOverwrite = false
	return then, taken, nil
}

func mergeAttrs(first, then Intent) (Intent, fate, error) {
	anew := named(then.Base) && !is(then.Base, first.Base)
	switch {
	case first.Kind == IntentPut:
		forbid := first.Options.ForbidOverwrite
		first.Options, first.At = then.Options, then.At
		first.Options.ForbidOverwrite = forbid
		return first, shared, nil
	case anew: // somebody else's version, seen since
		return then, taken, nil
	case first.Kind == IntentDelete:
		return first, taken, fmt.Errorf("attributes of %q, which is being deleted: %w", then.Key, os.ErrNotExist)
	}
	then.Base = first.Base
	return then, shared, nil
}

// succeed adapts an intent to the end of the one before it on the same key:
// what COS has there now is object, unless that one has failed. over says that
// nothing is left to do, and what to tell.
func succeed(first Intent, object cosapi.Object, failed error, then Intent) (left Intent, over bool, err error) {
	switch {
	case failed == nil && first.Kind != IntentDelete:
		then.Base = object
		then.Base.Key = then.Key
		then.Options.ForbidOverwrite = false
		return then, false, nil
	case then.Kind == IntentPut:
		return then, false, nil
	case failed == nil: // deleted; another version may be meant, seen since
		over = !named(then.Base) || is(then.Base, first.Base)
		failed = os.ErrNotExist
	case !named(then.Base):
		then.Base = first.Base
		over = !named(then.Base)
	}
	if !over {
		return then, false, nil
	}
	if then.Kind == IntentDelete { // nothing was made that could be deleted
		return then, true, nil
	}
	return then, true, errors.Join(fmt.Errorf("attributes of %q: it is not there", then.Key), failed)
}
