package cache

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// finish completes the attributes of a name that a listing has shown: from
// memory, or from a HEAD if the mode says so.
func (n *Names) finish(ctx context.Context, key string, name Name, now time.Time) (Name, error) {
	if !name.Object.Listed {
		return name, nil
	}
	if name.Dir && !name.Marker {
		n.mu.Lock()
		n.markLocked(key, &name, now)
		n.mu.Unlock()
	}
	if n.memory.fill(&name.Object, now) {
		return name, nil
	}
	if heads, err := n.wantsHeads(ctx, now); err != nil || !heads {
		return name, err
	}
	return n.headName(ctx, key, name, now)
}

// Full is o with all its attributes, for those who are about to store them
// again: in a mode that does without, o may have come from a listing. If the
// bucket has another version by now, it is that one.
func (n *Names) Full(ctx context.Context, o cosapi.Object) (cosapi.Object, error) {
	now := n.now()
	if n.memory.fill(&o, now) {
		return o, nil
	}
	key, isDir := strings.CutSuffix(o.Key, "/")
	name, err := n.headName(ctx, key, Name{Object: o, Dir: isDir, Marker: isDir, Until: now.Add(n.ttl)}, now)
	return name.Object, err
}

// headName asks for the attributes of a listed name.
func (n *Names) headName(ctx context.Context, key string, name Name, now time.Time) (Name, error) {
	if name.Dir {
		return n.headMarker(ctx, key, name, now)
	}
	return n.headFile(ctx, key, name, now)
}

// markLocked adds what is known of the marker of the listed directory key.
func (n *Names) markLocked(key string, name *Name, now time.Time) {
	if d, ok := n.dirs.Peek(key); ok && d.list != nil && d.list.start == "" && d.list.pages > 0 && d.list.fresh(now) {
		if d.list.marker == nil {
			name.Object.Listed = false
			return
		}
		name.Object, name.Marker = d.list.marker.object(), true
		return
	}
	if a, ok := n.answers.Get(key); ok && now.Before(a.Until) && a.Dir {
		name.Object, name.Marker = a.Object, a.Marker
	}
}

// headMarker asks for the marker of the listed directory key.
func (n *Names) headMarker(ctx context.Context, key string, name Name, now time.Time) (Name, error) {
	found, err := n.share(ctx, inquiry{
		question: question{aboutMarker, key},
		known: func() (Name, bool, error) {
			n.markLocked(key, &name, now)
			return name, n.memory.fill(&name.Object, now), nil
		},
		ask: func() (Name, error) {
			o, err := n.askMarker(key + "/")
			if errors.Is(err, cosapi.NotFound) {
				o, err = cosapi.Object{}, nil // implied
			}
			return n.asDir(key, o, n.now()), err
		},
		keep: func(name Name, err error) { n.keepLocked(key, name, err) },
	})
	if err != nil {
		return Name{}, err
	}
	found.Until = earlier(found.Until, name.Until)
	return found, nil
}

// askMarker asks for the marker of this key: without a HEAD, if its attributes
// are stored.
func (n *Names) askMarker(key string) (cosapi.Object, error) {
	if n.memory.stores(key) {
		if o, done, err := n.prove(key); done {
			return o, err
		}
	}
	return n.head(key)
}

// headFile asks for the attributes of the listed object key. If the bucket
// has another version by now, or none, the listing learns that.
func (n *Names) headFile(ctx context.Context, key string, name Name, now time.Time) (Name, error) {
	listed := name.Object.Version
	found, err := n.share(ctx, inquiry{
		question: question{aboutFile, key},
		known:    func() (Name, bool, error) { return name, n.memory.fill(&name.Object, now), nil },
		ask: func() (Name, error) {
			o, err := n.head(key)
			if errors.Is(err, cosapi.NotFound) {
				return Name{Until: n.now().Add(n.negativeTTL)}, cosapi.NotFound
			}
			return Name{Object: o}, err
		},
		keep: func(found Name, err error) {
			switch {
			case errors.Is(err, cosapi.NotFound):
				n.applyLocked(change{key: key, gone: true})
			case err == nil && found.Object.Version != listed:
				n.applyLocked(change{key: key, row: rowOf(&found.Object, 0)})
			}
		},
	})
	if err != nil {
		return found, err
	}
	found.Until = name.Until
	return found, nil
}

// head is a HEAD for attributes; of these at most Parallel run at once.
func (n *Names) head(key string) (cosapi.Object, error) {
	select {
	case n.heads <- struct{}{}:
	case <-n.ctx.Done():
		return cosapi.Object{}, &cosapi.Error{Op: "Lookup", Key: key, Kind: cosapi.Canceled, Err: n.ctx.Err()}
	}
	defer func() { <-n.heads }()
	o, err := n.bucket.Head(n.ctx, key)
	if err == nil {
		n.memory.put(o, n.now(), false)
	}
	return o, err
}

// finishRows is finish for a page. It leaves out what is gone meanwhile, and
// leaves listed what the bucket refuses to describe (no right to it, or
// encrypted with a key of the customer).
func (n *Names) finishRows(ctx context.Context, dir string, rows []Row, now time.Time) ([]Row, error) {
	n.mu.Lock()
	for i := range rows {
		if r := &rows[i]; r.Dir {
			n.markLocked(r.Object.Key[:len(r.Object.Key)-1], &r.Name, now)
		}
	}
	n.mu.Unlock()
	if n.memory.fillRows(rows, now) {
		return rows, nil
	}
	if heads, err := n.wantsHeads(ctx, now); err != nil || !heads {
		return rows, err
	}
	return n.headRows(ctx, prefixOf(dir), rows, now)
}

// headRows asks for the attributes of the rows that miss them, in parallel.
func (n *Names) headRows(ctx context.Context, prefix string, rows []Row, now time.Time) ([]Row, error) {
	gone := make([]bool, len(rows))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(n.parallel)
	for i := range rows {
		if !rows[i].Object.Listed {
			continue
		}
		g.Go(func() error {
			name, err := n.finish(ctx, prefix+rows[i].Base, rows[i].Name, now)
			switch {
			case err == nil:
				rows[i].Name = name
			case errors.Is(err, cosapi.NotFound):
				gone[i] = true
			case errors.Is(err, cosapi.Denied), errors.Is(err, cosapi.Invalid):
			default:
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	i := -1
	return slices.DeleteFunc(rows, func(Row) bool { i++; return gone[i] }), nil
}
