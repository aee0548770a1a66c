package cache

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cosfs/cosapi"
)

// fakeBucket answers as COS does, from a map, and lets a test look at and
// hold every request.
type fakeBucket struct {
	mu      sync.Mutex
	objects map[string]cosapi.Object
	sorted  []string // the keys, or nil after a change
	clock   time.Time
	pageMax int // rows per page, below what is asked for; 0: as asked
	heads   []string
	puts    []string
	lists   []cosapi.ListOptions
	fail    map[string]error // by key or prefix of the request

	// hold, if set, is called in each request after its answer was made and
	// before it is given.
	hold func(op, key string)
}

func newFakeBucket(keys ...string) *fakeBucket {
	b := &fakeBucket{
		objects: map[string]cosapi.Object{}, fail: map[string]error{},
		clock: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
	}
	for _, key := range keys {
		b.put(key, "v1")
	}
	b.advance(time.Hour)
	return b
}

func (b *fakeBucket) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *fakeBucket) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

// put stores a version; its mode attribute tells it from others.
func (b *fakeBucket) put(key, etag string) cosapi.Object {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := cosapi.Object{
		Version:  cosapi.Version{Key: key, ETag: etag, Size: int64(len(etag))},
		Attrs:    cosapi.Attrs{StorageClass: "STANDARD", Meta: map[string]string{"mode": "33188", "of": key}},
		Modified: b.clock,
	}
	b.objects[key], b.sorted = o, nil
	return o
}

func (b *fakeBucket) remove(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, key)
	b.sorted = nil
}

// refuse makes requests for these keys or prefixes fail with err, or not if
// it is nil.
func (b *fakeBucket) refuse(err error, keys ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys {
		b.fail[key] = err
	}
}

// counts gives and resets the number of requests.
func (b *fakeBucket) counts() (heads, lists int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	heads, lists = len(b.heads), len(b.lists)
	b.heads, b.lists = nil, nil
	return heads, lists
}

func (b *fakeBucket) Head(ctx context.Context, key string) (cosapi.Object, error) {
	o, err := b.head(key)
	if hold := b.holder(); hold != nil {
		hold("HEAD", key)
	}
	if ctx.Err() != nil {
		return cosapi.Object{}, &cosapi.Error{Op: "HeadObject", Key: key, Kind: cosapi.Canceled, Err: ctx.Err()}
	}
	return o, err
}

func (b *fakeBucket) head(key string) (cosapi.Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heads = append(b.heads, key)
	if err := b.fail[key]; err != nil {
		return cosapi.Object{}, err
	}
	o, ok := b.objects[key]
	if !ok {
		return cosapi.Object{}, &cosapi.Error{Op: "HeadObject", Key: key, Kind: cosapi.NotFound, Status: 404}
	}
	o.Modified = o.Modified.Truncate(time.Second)
	return o, nil
}

func (b *fakeBucket) Put(_ context.Context, key string, _ io.ReadSeeker, o cosapi.PutOptions) (cosapi.Object, error) {
	b.mu.Lock()
	b.puts = append(b.puts, key)
	err := b.fail["PUT "+key]
	if _, exists := b.objects[key]; err == nil && exists && o.ForbidOverwrite {
		err = &cosapi.Error{Op: "PutObject", Key: key, Kind: cosapi.Exists, Status: 409}
	}
	b.mu.Unlock()
	if err != nil {
		return cosapi.Object{}, err
	}
	return b.put(key, ""), nil
}

func (b *fakeBucket) List(ctx context.Context, o cosapi.ListOptions) (cosapi.Page, error) {
	p, err := b.list(o)
	if hold := b.holder(); hold != nil {
		hold("LIST", o.Prefix)
	}
	if ctx.Err() != nil {
		return cosapi.Page{}, &cosapi.Error{Op: "ListObjects", Key: o.Prefix, Kind: cosapi.Canceled, Err: ctx.Err()}
	}
	return p, err
}

func (b *fakeBucket) list(o cosapi.ListOptions) (cosapi.Page, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lists = append(b.lists, o)
	if err := b.fail[o.Prefix]; err != nil {
		return cosapi.Page{}, err
	}
	room := o.Max
	if room == 0 {
		room = cosapi.MaxListPage
	}
	if b.pageMax > 0 {
		room = min(room, b.pageMax)
	}
	if len(b.sorted) != len(b.objects) {
		b.sorted = slices.Sorted(maps.Keys(b.objects))
	}
	rows := []cosapi.Entry{}
	from, _ := slices.BinarySearch(b.sorted, max(o.Prefix, o.Marker))
	for _, key := range b.sorted[from:] {
		if !strings.HasPrefix(key, o.Prefix) || len(rows) > room {
			break
		}
		e := cosapi.Entry{Object: b.objects[key]}
		e.Attrs = cosapi.Attrs{StorageClass: e.StorageClass}
		e.Listed = true
		if i := strings.Index(key[len(o.Prefix):], "/"); i >= 0 && o.Delimiter == "/" {
			e = cosapi.Entry{Object: cosapi.Object{Version: cosapi.Version{Key: key[:len(o.Prefix)+i+1]}}, Prefix: true}
		}
		if e.Key > o.Marker && (len(rows) == 0 || rows[len(rows)-1].Key != e.Key) {
			rows = append(rows, e)
		}
	}
	if len(rows) > room {
		return cosapi.Page{Entries: rows[:room:room], Next: rows[room-1].Key}, nil
	}
	return cosapi.Page{Entries: rows}, nil
}

func (b *fakeBucket) holder() func(op, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hold
}

func (b *fakeBucket) setHold(hold func(op, key string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hold = hold
}

// newTestNames makes Names over b, with b's clock, for listings only.
func newTestNames(t *testing.T, b *fakeBucket, change ...func(*NamesConfig)) *Names {
	t.Helper()
	c := NamesConfig{Bucket: b, Now: b.now, Attrs: AttrsList}
	for _, f := range change {
		f(&c)
	}
	n := NewNames(c)
	t.Cleanup(n.Close)
	return n
}

func exact(c *NamesConfig) { c.Attrs = AttrsExact }

func auto(c *NamesConfig) { c.Attrs = AttrsAuto }

func attrsExact(on bool) func(*NamesConfig) {
	if on {
		return exact
	}
	return func(*NamesConfig) {}
}

// readAll reads dir through all its pages.
func readAll(t *testing.T, n *Names, dir string) []Row {
	t.Helper()
	var all []Row
	after := ""
	for {
		rows, more, err := n.Rows(t.Context(), dir, after)
		if err != nil {
			t.Fatalf("Rows(%q, %q): %v", dir, after, err)
		}
		all = append(all, rows...)
		if !more {
			return all
		}
		after = rows[len(rows)-1].Base
	}
}

func bases(rows []Row) []string {
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].Base
	}
	return names
}

func numbered(format string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(format, i)
	}
	return keys
}
