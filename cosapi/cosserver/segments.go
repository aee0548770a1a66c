package cosserver

import "io"

// slice gives the segments of a piece of an object.
func slice(segs []segment, piece span) []segment {
	var out []segment
	off := piece.off
	for _, s := range segs {
		if piece.len == 0 {
			break
		}
		if off >= s.Len {
			off -= s.Len
			continue
		}
		n := min(s.Len-off, piece.len)
		out = append(out, segment{Blob: s.Blob, Off: s.Off + off, Len: n})
		off, piece.len = 0, piece.len-n
	}
	return out
}

// segmentReader writes segments one after the other, with one blob open at a
// time. The blobs must be pinned while it is used.
type segmentReader struct {
	blobs blobs
	segs  []segment
	cur   blob // of segs[0]; nil: not open yet
}

func (st *store) reader(segs []segment) *segmentReader {
	return &segmentReader{blobs: st.blobs, segs: segs}
}

// open makes sure that the first segment can be read.
func (r *segmentReader) open() (err error) {
	if r.cur == nil && len(r.segs) > 0 {
		r.cur, err = r.blobs.open(r.segs[0].Blob)
	}
	return err
}

// WriteTo copies what is left to w and gives the number of bytes written.
func (r *segmentReader) WriteTo(w io.Writer) (total int64, err error) {
	for len(r.segs) > 0 {
		if err := r.open(); err != nil {
			return total, err
		}
		n, err := r.cur.writeTo(w, r.segs[0].Off, r.segs[0].Len)
		total += n
		if err != nil {
			return total, err
		}
		r.Close()
		r.segs = r.segs[1:]
	}
	return total, nil
}

// Close closes what is open.
func (r *segmentReader) Close() error {
	if r.cur == nil {
		return nil
	}
	err := r.cur.Close()
	r.cur = nil
	return err
}
