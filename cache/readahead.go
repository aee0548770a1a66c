package cache

// The lengths of the GETs of a sequential reader. The first two together are
// half of a full one, so that S bytes cost at most ceil(S/maxGet)+2 requests,
// while little is moved for a program that reads only a header.
const (
	firstGet  = 1 << 20
	secondGet = 3 << 20
	maxGet    = 8 << 20
	maxWindow = 16 << 20 // how far ahead of a reader is asked for
	streamCnt = 4        // sequential readers told apart in one Object
	// maxSlack is how far out of order the reads of one sequential program come:
	// the kernel keeps up to 4 MiB of them in flight (package fs raises
	// read_ahead_kb to that).
	maxSlack = 5 << 20
)

// stream is one sequential reader of an object.
type stream struct {
	pos   int64  // where its next read begins
	run   int64  // bytes it has read in sequence; 0: the slot is free
	ahead int64  // up to here has been asked for
	grown bool   // secondGet is behind
	front bool   // it began at the front of the object
	tick  uint64 // of the last read
}

// readahead turns the reads of one Object into what to ask for. It is pure
// arithmetic; the blob's mu guards it.
type readahead struct {
	streams [streamCnt]stream
	tick    uint64
	window  int64 // upper bound, bytes; at least firstGet
}

// read notes a read of s, and says which bytes to ask for now: s rounded to
// units, reaching further if the reader is sequential.
func (r *readahead) read(s span, size int64) span {
	r.tick++
	want := span{alignDown(s.off, unitSize), min(alignUp(s.end, unitSize), size)}
	st := r.find(s.off)
	switch {
	case st != nil:
		want.off = min(want.off, st.ahead) // what it ran past is read next
		st.advance(s)
		want.end = max(want.end, st.extend(size, r.window))
	case r.tick == 1 && (s.off < firstGet || s.off < maxSlack && s.len() >= firstGet/2):
		// The kernel sends the first reads of a file side by side, so the
		// one for offset 0 need not come first. Large ones are its own
		// read-ahead, or a large random read, for which the rest is little.
		want = span{0, min(max(want.end, firstGet), size)}
		if size <= maxGet {
			want.end = size
		}
		st = r.begin(s)
		st.ahead, st.front = want.end, true
	default:
		st = r.begin(s)
		st.ahead = want.end
	}
	st.tick = r.tick
	return want
}

// find gives the stream that a read at off continues. Reads of one sequential
// program arrive out of order by as much as the kernel keeps in flight; the
// tolerance grows with the evidence, and reaches to what was asked for in any
// case. Who begins at the front is taken for sequential at once.
func (r *readahead) find(off int64) *stream {
	for i := range r.streams {
		st := &r.streams[i]
		slack := min(2*max(st.run, unitSize), maxSlack)
		if st.front {
			slack = maxSlack
		}
		if st.run > 0 && off >= st.pos-slack && off <= max(st.pos+slack, st.ahead-unitSize) {
			return st
		}
	}
	return nil
}

// begin takes the slot that has been quiet for longest.
func (r *readahead) begin(s span) *stream {
	st := &r.streams[0]
	for i := range r.streams {
		if r.streams[i].tick < st.tick {
			st = &r.streams[i]
		}
	}
	*st = stream{pos: s.end, run: s.len()}
	return st
}

func (st *stream) advance(s span) {
	if s.end > st.pos {
		st.run += s.end - max(s.off, st.pos)
		st.pos = s.end
	}
}

// extend moves ahead so that the window is asked for, in whole GETs, and
// returns it. The window is eight times what was read in sequence: with a
// delay of 20 ms a stream is at full speed after three round trips.
func (st *stream) extend(size, limit int64) int64 {
	st.ahead = max(st.ahead, min(alignUp(st.pos, unitSize), size))
	window := max(min(8*st.run, limit), firstGet)
	for st.ahead < min(st.pos+window, size) {
		step := int64(maxGet)
		if !st.grown {
			step = secondGet
		}
		st.ahead = min(alignDown(st.ahead+min(step, limit), BlockSize), size)
		st.grown = true
	}
	return st.ahead
}

// keeps says whether s lies before a stream or just behind it: what is given
// up last when space is short.
func (r *readahead) keeps(s span) bool {
	for i := range r.streams {
		st := &r.streams[i]
		if st.run > 0 && s.overlaps(span{st.pos - maxSlack, st.ahead}) {
			return true
		}
	}
	return false
}
