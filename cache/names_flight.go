package cache

import (
	"context"
	"errors"

	"cosfs/cosapi"
)

// question names what a flight is about, so that concurrent askers share it.
type question struct {
	kind questionKind
	key  string
}

type questionKind uint8

const (
	aboutName   questionKind = iota // what is this path?
	aboutFile                       // the attributes of a listed object
	aboutMarker                     // the marker of a listed directory
)

// flight is one question under way. Its goroutine belongs to Names.
type flight struct {
	done chan struct{}
	// stale is guarded by Names.mu. A change of our own overtook the
	// question: it answers those who asked before, nobody else, and is not kept.
	stale bool
	// Written before done is closed.
	name Name
	err  error
}

// launchLocked runs work in a goroutine that Close waits for.
func (n *Names) launchLocked(work func(f *flight)) *flight {
	f := &flight{done: make(chan struct{})}
	if n.closed {
		f.err = &cosapi.Error{Op: "Lookup", Kind: cosapi.Canceled, Message: "the file system is shutting down"}
		close(f.done)
		return f
	}
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		defer close(f.done)
		work(f)
	}()
	return f
}

// wait returns when f has its answer or ctx ends, whichever is first.
func (f *flight) wait(ctx context.Context, op, key string) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		kind := cosapi.Canceled
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			kind = cosapi.Timeout
		}
		return &cosapi.Error{Op: op, Key: key, Kind: kind, Err: ctx.Err()}
	}
}

// inquiry is how a question is answered.
type inquiry struct {
	question
	// known looks once more under mu: the answer may have come since the
	// asker looked.
	known func() (name Name, known bool, err error)
	ask   func() (Name, error)       // requests; not under mu
	keep  func(name Name, err error) // under mu; left out when a change overtook the question
}

// share makes the inquiry once for all who want to know at the same time.
func (n *Names) share(ctx context.Context, q inquiry) (Name, error) {
	n.mu.Lock()
	if name, known, err := q.known(); known {
		n.mu.Unlock()
		return name, err
	}
	f := n.flights[q.question]
	if f == nil {
		f = n.launchLocked(func(f *flight) { n.fly(f, q) })
		if !n.closed {
			n.flights[q.question] = f
		}
	}
	n.mu.Unlock()
	if err := f.wait(ctx, "Lookup", q.key); err != nil {
		return f.absence(err), err
	}
	return f.name, nil
}

// fly is the work of a flight.
func (n *Names) fly(f *flight, q inquiry) {
	f.name, f.err = q.ask()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !f.stale {
		delete(n.flights, q.question)
		q.keep(f.name, f.err)
	}
}

// absence is the Name beside a NotFound: it says how long that holds.
func (f *flight) absence(err error) Name {
	if errors.Is(err, cosapi.NotFound) {
		return f.name
	}
	return Name{}
}

// overtakeLocked makes the questions about key stale.
func (n *Names) overtakeLocked(key string) {
	for _, kind := range []questionKind{aboutName, aboutFile, aboutMarker} {
		q := question{kind, key}
		if f := n.flights[q]; f != nil {
			f.stale = true
			delete(n.flights, q)
		}
	}
}
