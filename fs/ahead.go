package fs

import (
	"slices"
	"sync"

	"cosfs/cache"
	"cosfs/cosapi"
)

// Read-ahead across files: a program that has read the entries of a directory
// and opens its files in that order (tar, cp -r, grep -r, a training loader)
// finds the next small ones in the cache.
const (
	aheadRuns  = 32      // sequences told apart in the mount: directories, and processes in one
	aheadFile  = 1 << 20 // bytes; above that a file's own read-ahead is enough
	aheadFiles = 24      // files fetched and not read yet, of one sequence
	aheadRows  = 256     // rows kept of one sequence
	aheadReach = 8       // names that a sequence may skip
	aheadSkip  = 3       // of these, what is taken for the end of the order
	aheadAfter = 2       // files in order before the first is fetched ahead
	// What is fetched and not read yet is at most a quarter of what the
	// sequence has read, so that no more is wasted whenever it ends; but the
	// first few files need not wait for that. Bytes.
	aheadGrace = 64 << 10
)

// ahead is the memory of sequences.
type ahead struct {
	mu             sync.Mutex // guards what follows; innermost
	runs           []*aheadRun
	tick           uint64
	lost           int   // sequences begun since one was continued
	useful, wasted int64 // bytes fetched ahead and read, or passed by
}

// aheadRun is one sequence of reads in one directory.
type aheadRun struct {
	dir     string
	next    []cache.Row // that follow the file read last, as far as known
	ended   bool        // nothing follows those
	hits    int         // files read in order
	read    int64       // bytes of them
	pending map[string]int64
	waiting int64 // bytes of pending
	tick    uint64
}

// readAhead notes the first read of a stored file, and fetches what the
// program is going to read next. It sends no request itself.
func (n *fileNode) readAhead() {
	dir, name, ok := n.place()
	if !ok || !dir.listed.Load() {
		return
	}
	key, ok := dir.key()
	if !ok {
		return
	}
	n.mu.Lock()
	size := n.info.Size
	n.mu.Unlock()
	a := &n.fs.ahead
	run, after := a.note(key, name, size)
	if run == nil {
		return
	}
	if after != "" {
		a.extend(run, n.fs.names.Following(key, after, aheadRows))
	}
	for _, v := range a.plan(run) {
		if !n.fs.blocks.Prefetch(v) {
			a.present(run, v)
		}
	}
}

// note finds the sequence that a read of name continues, or begins one. after
// is not empty when the rows after that name are to be added to it. Where files
// are read in no order, no run is given but for every sixteenth file: rows cost
// more than a look at a file that is cached.
func (a *ahead) note(dir, name string, size int64) (run *aheadRun, after string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tick++
	run, at := a.findLocked(dir, name)
	if run == nil {
		a.lost++
		if a.lost > aheadRuns && a.lost%16 != 0 {
			return nil, ""
		}
		run = a.beginLocked(dir)
		run.tick = a.tick
		return run, name
	}
	run.tick, a.lost = a.tick, 0
	a.advanceLocked(run, at)
	run.read += size
	switch {
	case at == 0:
		run.hits++
	case at >= aheadSkip:
		run.hits = 0
	}
	switch {
	case len(run.next) >= aheadFiles || run.ended:
		return run, ""
	case len(run.next) == 0:
		return run, name
	}
	return run, run.next[len(run.next)-1].Base
}

func (a *ahead) findLocked(dir, name string) (*aheadRun, int) {
	for _, r := range a.runs {
		if r.dir != dir {
			continue
		}
		for i, row := range r.next[:min(len(r.next), aheadReach)] {
			if row.Base == name {
				return r, i
			}
		}
	}
	return nil, 0
}

// beginLocked makes a sequence, in place of the one that has been quiet for
// longest.
func (a *ahead) beginLocked(dir string) *aheadRun {
	if len(a.runs) == aheadRuns {
		oldest := slices.MinFunc(a.runs, func(x, y *aheadRun) int { return int(x.tick) - int(y.tick) })
		a.wasted += oldest.waiting
		a.runs = slices.DeleteFunc(a.runs, func(r *aheadRun) bool { return r == oldest })
	}
	r := &aheadRun{dir: dir, pending: make(map[string]int64)}
	a.runs = append(a.runs, r)
	return r
}

// advanceLocked moves a sequence past its row at: that was read, those before
// it were not.
func (a *ahead) advanceLocked(r *aheadRun, at int) {
	for i, row := range r.next[:at+1] {
		size, ok := r.pending[row.Base]
		if !ok {
			continue
		}
		delete(r.pending, row.Base)
		r.waiting -= size
		if i == at {
			a.useful += size
		} else {
			a.wasted += size
		}
	}
	r.next = r.next[at+1:]
}

// extend adds rows to a sequence, unless another reader has done so meanwhile.
func (a *ahead) extend(r *aheadRun, rows []cache.Row) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.ended = len(rows) == 0
	if n := len(r.next); n > 0 {
		last := r.next[n-1].Base
		rows = slices.DeleteFunc(rows, func(row cache.Row) bool { return row.Base <= last })
	}
	r.next = append(slices.Clone(r.next), rows...)
}

// plan chooses what to fetch now.
func (a *ahead) plan(r *aheadRun) (fetch []cosapi.Version) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.hits < aheadAfter {
		return nil
	}
	allowed := max(r.read/4, aheadGrace)
	for _, row := range r.next[:min(len(r.next), aheadFiles)] {
		if _, ok := r.pending[row.Base]; ok || row.Dir || row.Object.Size == 0 || row.Object.Size > aheadFile {
			continue
		}
		if len(r.pending) >= aheadFiles || r.waiting+row.Object.Size > allowed {
			break
		}
		r.pending[row.Base] = row.Object.Size
		r.waiting += row.Object.Size
		fetch = append(fetch, row.Object.Version)
	}
	return fetch
}

// present says that a file needed no fetching, so that it is not tried again.
func (a *ahead) present(r *aheadRun, v cosapi.Version) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := v.Key[len(prefixOf(r.dir)):]
	r.waiting -= r.pending[name]
	if _, ok := r.pending[name]; ok {
		r.pending[name] = 0
	}
}

// ReadAhead tells how many bytes of small files were fetched before they were
// asked for, and then read, or passed by.
func (f *FS) ReadAhead() (useful, wasted int64) {
	f.ahead.mu.Lock()
	defer f.ahead.mu.Unlock()
	return f.ahead.useful, f.ahead.wasted
}
