package fs

// trail remembers the names that a listing has given, in order, so that a
// later seekdir(3) goes on behind the very name that had the offset, whatever
// was made or removed meanwhile. A million names of 16 bytes take 24 MB, as
// long as the directory is open.
type trail struct {
	names []byte
	ends  []int // names[ends[i-1]:ends[i]] is the name number i
}

func (t *trail) add(name string) {
	t.names = append(t.names, name...)
	t.ends = append(t.ends, len(t.names))
}

// cut forgets all names but the first n and gives the last of them, "" if
// there is none. It says no when fewer were given.
func (t *trail) cut(n uint64) (last string, ok bool) {
	if n > uint64(len(t.ends)) {
		return "", false
	}
	if t.ends = t.ends[:n]; n == 0 {
		t.names = t.names[:0]
		return "", true
	}
	start, end := 0, t.ends[n-1]
	if n > 1 {
		start = t.ends[n-2]
	}
	t.names = t.names[:end]
	return string(t.names[start:end]), true
}
