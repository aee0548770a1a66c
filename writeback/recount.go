package writeback

import (
	"context"
	"errors"
	"fmt"

	"cosfs/cosapi"
)

// errParts is of an upload that has other parts than were sent last: a request
// that was called back can still be carried out, after the one that took its
// place.
const errParts = sentinel("COS has older bytes of a part than those sent last")

// missesParts says that COS has refused to make an object of the parts.
func missesParts(err error) bool {
	var api *cosapi.Error
	return errors.As(err, &api) && api.Code == "InvalidPart" // cos-api.md 4.3
}

// recount drops the parts of which COS has other bytes, so that the next try
// sends those and no others. It gives errParts, or refused if that explains
// nothing.
func (t *transfer) recount(ctx context.Context, refused error) error {
	listed, err := t.f.stage.cfg.Store.Parts(ctx, t.up.key, t.up.id)
	if err != nil {
		return refused
	}
	there := make(map[int]string, len(listed))
	for _, p := range listed {
		there[p.Number] = p.ETag
	}
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	before := len(t.up.done)
	for n, sent := range t.up.done {
		if there[n] != sent.ETag {
			delete(t.up.done, n)
		}
	}
	if len(t.up.done) == before {
		return refused
	}
	return fmt.Errorf("%w: %w", errParts, refused)
}
