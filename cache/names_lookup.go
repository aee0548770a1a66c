package cache

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

const (
	// askedAgain is how soon after a question about one name of a directory
	// the next one lists the directory instead.
	askedAgain = time.Second
	// maxLookupPages bounds the listing for the sake of a single name.
	maxLookupPages = 4
)

// Lookup says what key is. An absent name is the bare cosapi.NotFound or an
// error of that Kind, and Name.Until says how long that holds; other errors
// are the bucket's. A fresh listing of the parent answers without a request
// (but for attributes that it does not show, if the mode asks for those); a kept answer does; else
// it takes one round trip.
func (n *Names) Lookup(ctx context.Context, key string) (Name, error) {
	now := n.now()
	if key == "" {
		return Name{Dir: true, Until: now.Add(n.ttl)}, nil
	}
	dir, base := splitKey(key)
	if !isName(base) || n.Reserved(key) {
		return Name{Until: now.Add(n.ttl)}, cosapi.NotFound
	}
	n.mu.Lock()
	name, absent, known := n.knownLocked(key, dir, base, now)
	n.mu.Unlock()
	if !known {
		var err error
		if name, absent, err = n.find(ctx, key, dir, base, now); err != nil {
			return name, err
		}
	}
	if absent {
		return name, cosapi.NotFound
	}
	return n.finish(ctx, key, name, now)
}

// Known is what memory says of key now, without a request; known is false if
// that is nothing. Attributes may be missing, as in a listing.
func (n *Names) Known(key string) (name Name, absent, known bool) {
	now := n.now()
	dir, base := splitKey(key)
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.knownLocked(key, dir, base, now)
}

// knownLocked answers from memory.
func (n *Names) knownLocked(key, dir, base string, now time.Time) (name Name, absent, known bool) {
	if d, ok := n.dirs.Get(dir); ok && d.list != nil && d.list.fresh(now) && d.list.covers(base) {
		name, absent = n.listedLocked(d.list, base, now)
		return name, absent, true
	}
	if a, ok := n.answers.Get(key); ok && now.Before(a.Until) {
		return a.Name, a.absent, true
	}
	name, known = n.nonEmptyLocked(key, now)
	return name, false, known
}

// nonEmptyLocked answers for a directory of which a fresh listing shows
// anything, so that a walk need not ask for what it has passed.
func (n *Names) nonEmptyLocked(key string, now time.Time) (Name, bool) {
	d, ok := n.dirs.Peek(key)
	if !ok || d.list == nil || d.list.pages == 0 || !d.list.fresh(now) || d.list.rows.count == 0 && d.list.marker == nil {
		return Name{}, false
	}
	name := Name{Dir: true, Until: d.list.until}
	name.Object.Key = key + "/"
	switch l := d.list; {
	case l.marker != nil:
		name.Object, name.Marker = l.marker.object(), true
	case l.start != "":
		name.Object.Listed = true
	}
	return name, true
}

// listedLocked is the answer of a listing that covers base.
func (n *Names) listedLocked(l *listing, base string, now time.Time) (name Name, absent bool) {
	r, ok := l.rows.get(base)
	if !ok {
		return Name{Until: earlier(l.until, now.Add(n.negativeTTL))}, true
	}
	return r.name(l.until), false
}

// find asks the bucket: for the name, or for the whole directory when this is
// the second question about it in a row.
func (n *Names) find(ctx context.Context, key, dir, base string, now time.Time) (name Name, absent bool, err error) {
	if err := cosapi.CheckKey(key); err != nil {
		if errors.Is(err, cosapi.NameTooLong) {
			return Name{}, false, err
		}
		return Name{Until: now.Add(n.ttl)}, true, nil // COS cannot hold such a key
	}
	n.mu.Lock()
	d := n.directoryLocked(dir)
	again := now.Sub(d.asked) < askedAgain && !now.Before(d.large) && !d.list.beyondLookup(now)
	d.asked = now
	n.lookForMarkLocked(now)
	n.mu.Unlock()
	if again {
		name, absent, known, err := n.findListed(ctx, dir, base, now)
		if known || err != nil {
			return name, absent, err
		}
	}
	name, err = n.share(ctx, inquiry{
		question: question{aboutName, key},
		known: func() (Name, bool, error) {
			name, absent, known := n.knownLocked(key, dir, base, now)
			if absent {
				return name, known, cosapi.NotFound
			}
			return name, known, nil
		},
		ask:  func() (Name, error) { return n.ask(key) },
		keep: func(name Name, err error) { n.keepLocked(key, name, err) },
	})
	return name, false, err
}

// beyondLookup says that a reader has a fresh listing of a directory too
// large to list it for a single name.
func (l *listing) beyondLookup(now time.Time) bool {
	return l != nil && l.fresh(now) && !l.whole() && (l.start != "" || l.pages >= maxLookupPages)
}

// findListed lists dir until the listing covers base. known is false if it is
// too large for that.
func (n *Names) findListed(ctx context.Context, dir, base string, now time.Time) (name Name, absent, known bool, err error) {
	n.mu.Lock()
	l := n.listingLocked(dir, "", now)
	n.mu.Unlock()
	for {
		n.mu.Lock()
		if l.covers(base) {
			name, absent = n.listedLocked(l, base, now)
			n.mu.Unlock()
			return name, absent, true, nil
		}
		if l.pages >= maxLookupPages {
			n.directoryLocked(dir).large = l.until
			n.mu.Unlock()
			return Name{}, false, false, nil
		}
		f := n.extendLocked(l)
		n.mu.Unlock()
		if err := f.wait(ctx, "Lookup", prefixOf(dir)+base); err != nil {
			return Name{}, false, false, err
		}
	}
}

// ask is one round trip for one name. A directory wins over a file.
func (n *Names) ask(key string) (Name, error) {
	var (
		file cosapi.Object
		page cosapi.Page
		none error // why there is no file
		g    errgroup.Group
	)
	g.Go(func() error {
		file, none = n.askFile(key)
		return nil
	})
	if markerFits(key) {
		g.Go(func() (err error) {
			page, err = n.bucket.List(n.ctx, cosapi.ListOptions{Prefix: key + "/", Max: 1})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return Name{}, err
	}
	now := n.now()
	switch {
	case len(page.Entries) > 0:
		if none == nil {
			n.hide([]string{key})
		}
		return n.asDir(key, page.Entries[0].Object, now), nil
	case none == nil:
		return Name{Object: file, Until: now.Add(n.ttl)}, nil
	case errors.Is(none, cosapi.NotFound):
		return Name{Until: now.Add(n.negativeTTL)}, cosapi.NotFound
	}
	return Name{}, none
}

// askFile asks for the object key: without a HEAD, if its attributes or those
// of a marker in its place are stored.
func (n *Names) askFile(key string) (cosapi.Object, error) {
	if n.memory.stores(key, key+"/") {
		if o, done, err := n.prove(key); done {
			return o, err
		}
	}
	o, err := n.bucket.Head(n.ctx, key)
	if err == nil {
		n.memory.put(o, n.now(), false)
	}
	return o, err
}

// prove asks for the object key by a listing of it alone. done is false if it
// is a version whose attributes are not known.
func (n *Names) prove(key string) (o cosapi.Object, done bool, err error) {
	page, err := n.bucket.List(n.ctx, cosapi.ListOptions{Prefix: key, Max: 1})
	if err != nil {
		return o, true, err
	}
	if len(page.Entries) == 0 || page.Entries[0].Key != key {
		return o, true, cosapi.NotFound
	}
	n.memory.bind(page.Entries)
	o = page.Entries[0].Object
	done = n.memory.fill(&o, n.now())
	return o, done, nil
}

// asDir is the directory key, of which first is the first object: its marker,
// or else it is implied.
func (n *Names) asDir(key string, first cosapi.Object, now time.Time) Name {
	name := Name{Dir: true, Until: now.Add(n.ttl)}
	if first.Key == key+"/" {
		name.Object, name.Marker = first, true
		return name
	}
	name.Object.Key = key + "/"
	return name
}

// keepLocked keeps an answer about key for its time.
func (n *Names) keepLocked(key string, name Name, err error) {
	absent := errors.Is(err, cosapi.NotFound)
	if err != nil && !absent {
		return
	}
	n.answers.Add(key, &answer{Name: name, absent: absent})
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
