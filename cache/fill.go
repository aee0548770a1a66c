package cache

import (
	"context"
	"math"
)

const (
	fillAhead  = 4 * maxGet // asked for beyond what Fill waits for, in bytes
	fillRounds = 3          // before others that need the room win
)

// Fill fetches all that is missing and waits until the version is verified
// and, on a healthy disk, Complete. Its errors are those of ReadAt, and
// ErrTooLarge when there is no room for the whole of it.
func (o *Object) Fill(ctx context.Context) error {
	b := o.b
	for range fillRounds {
		if err := o.fillOnce(ctx); err != nil {
			return err
		}
		for {
			state, wait, err := o.fillState()
			if err != nil || state == filled {
				return err
			}
			if state == unfilled {
				break
			}
			if wait == nil {
				b.finish()
				continue
			}
			select {
			case <-wait:
			case <-ctx.Done():
				return ctx.Err()
			case <-b.c.ctx.Done():
				return errClosed("fill")
			}
		}
	}
	return ErrTooLarge
}

// fillOnce brings every byte into the store once.
func (o *Object) fillOnce(ctx context.Context) error {
	size := o.b.size
	for pos := int64(0); pos < size; pos += maxGet {
		if err := o.fillAhead(span{pos, min(pos+fillAhead, size)}); err != nil {
			return err
		}
		if _, err := o.await(ctx, span{pos, min(pos+maxGet, size)}, false); err != nil {
			return err
		}
	}
	return nil
}

func (o *Object) fillAhead(s span) error {
	b := o.b
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case o.closed:
		return errClosed("fill")
	case b.wholeLocked():
		return nil
	case b.refused != nil:
		return b.refused
	case b.size > b.pool.limit:
		return ErrTooLarge
	}
	return b.fetchLocked(s, span{})
}

type fillState int

const (
	unfilled fillState = iota // bytes are missing (again)
	settling                  // all there, being verified and synced
	filled
)

// fillState tells how far a Fill is. When the blob is settling it gives what
// to wait for; nil means that the caller has claimed the finishing.
func (o *Object) fillState() (fillState, <-chan struct{}, error) {
	b := o.b
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.complete, b.verified:
		return filled, nil, nil
	case b.refused != nil:
		return unfilled, nil, b.refused
	case !b.wholeLocked():
		return unfilled, nil, nil
	case b.finished != nil:
		return settling, b.finished, nil
	case len(b.fetches) > 0:
		// Its bytes are there, its goroutine is about to land.
		return settling, b.fetches[0].waitLocked(math.MaxInt64).ready, nil
	}
	b.claimFinishLocked()
	return settling, nil, nil
}
