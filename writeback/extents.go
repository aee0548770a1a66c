package writeback

import "sort"

// Extent is the half-open byte range [Off, End).
type Extent struct {
	Off int64 `json:"off"`
	End int64 `json:"end"`
}

// Len is the length in bytes.
func (e Extent) Len() int64 { return e.End - e.Off }

// Extents is a set of bytes: sorted, non-empty ranges that neither overlap
// nor touch. The zero value is the empty set.
//
// A set of ranges that writes of whole pages leave behind needs at most 16
// bytes for every two pages, a fifth of a per cent of the file.
type Extents []Extent

// search is the index of the first range that ends after off.
func (x Extents) search(off int64) int {
	// Writers append far more often than they do anything else.
	if n := len(x); n > 0 && x[n-1].Off <= off {
		if off < x[n-1].End {
			return n - 1
		}
		return n
	}
	return sort.Search(len(x), func(i int) bool { return x[i].End > off })
}

// Add puts [off, end) into the set.
func (x *Extents) Add(off, end int64) {
	if off >= end {
		return
	}
	s := *x
	i := s.search(off)
	if i > 0 && s[i-1].End == off { // touches its left neighbour
		i--
	}
	j := i
	for j < len(s) && s[j].Off <= end {
		off, end = min(off, s[j].Off), max(end, s[j].End)
		j++
	}
	*x = s.splice(i, j, Extent{off, end})
}

// Cut takes [off, end) out of the set.
func (x *Extents) Cut(off, end int64) {
	if off >= end {
		return
	}
	s := *x
	i := s.search(off)
	j := i
	var rest []Extent
	for j < len(s) && s[j].Off < end {
		if s[j].Off < off {
			rest = append(rest, Extent{s[j].Off, off})
		}
		if s[j].End > end {
			rest = append(rest, Extent{end, s[j].End})
		}
		j++
	}
	*x = s.splice(i, j, rest...)
}

// splice replaces the ranges i to j-1 by others, in place where there is room.
func (x Extents) splice(i, j int, by ...Extent) Extents {
	if len(by) == j-i {
		copy(x[i:j], by)
		return x
	}
	tail := len(x) - j
	n := i + len(by) + tail
	if n <= cap(x) {
		old := x
		x = x[:n]
		copy(x[n-tail:], old[j:j+tail])
		copy(x[i:], by)
		return x
	}
	out := make(Extents, n, n+n/2+1)
	copy(out, x[:i])
	copy(out[i:], by)
	copy(out[n-tail:], x[j:])
	return out
}

// Missing is what [off, end) has that the set has not.
func (x Extents) Missing(off, end int64) Extents {
	var gaps Extents
	for i := x.search(off); off < end; i++ {
		if i == len(x) || x[i].Off >= end {
			return append(gaps, Extent{off, end})
		}
		if x[i].Off > off {
			gaps = append(gaps, Extent{off, x[i].Off})
		}
		off = x[i].End
	}
	return gaps
}

// Within is what [off, end) and the set have in common.
func (x Extents) Within(off, end int64) Extents {
	var out Extents
	if off >= end {
		return nil
	}
	for i := x.search(off); i < len(x) && x[i].Off < end; i++ {
		out = append(out, Extent{max(off, x[i].Off), min(end, x[i].End)})
	}
	return out
}

// Covers says that the set has all of [off, end).
func (x Extents) Covers(off, end int64) bool {
	if off >= end {
		return true
	}
	i := x.search(off)
	return i < len(x) && x[i].Off <= off && x[i].End >= end
}

// Meets says that the set has some of [off, end).
func (x Extents) Meets(off, end int64) bool {
	if off >= end {
		return false
	}
	i := x.search(off)
	return i < len(x) && x[i].Off < end
}

// End is the end of the last range, 0 for the empty set.
func (x Extents) End() int64 {
	if len(x) == 0 {
		return 0
	}
	return x[len(x)-1].End
}

// Bytes is the number of bytes in the set.
func (x Extents) Bytes() int64 {
	var n int64
	for _, e := range x {
		n += e.Len()
	}
	return n
}

// Clone is a copy that shares nothing.
func (x Extents) Clone() Extents { return append(Extents(nil), x...) }

// valid says that the set keeps its own rules within [0, size).
func (x Extents) valid(size int64) bool {
	last := int64(-1)
	for _, e := range x {
		if e.Off <= last || e.Off >= e.End {
			return false
		}
		last = e.End
	}
	return last <= size
}
