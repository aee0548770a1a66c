package writeback

import (
	"fmt"

	"cosfs/cosapi"
)

// Limits of COS for multipart uploads (cos-api.md 3.0.5), bytes where not said
// otherwise.
const (
	minPart  = 1 << 20 // every part but the last, sent or copied
	maxPart  = 5 << 30
	maxParts = 10000 // number of parts
)

// maxPut is the largest content that goes as one put. A put is sent from
// memory, so that the object is exactly one generation of the file; the
// bound, times Config.Parallel, bounds that memory.
const maxPut = 8 << 20

// planPart is one part of an upload: Len bytes from Off of the file, sent from
// the data file or copied from the same place of the base.
type planPart struct {
	Number   int
	Off, Len int64
	Copy     bool
}

func (p planPart) end() int64 { return p.Off + p.Len }

// content is what the planner needs to know of a file.
type content struct {
	size  int64
	base  int64   // bytes of the base that show through, from the start; 0: no copies
	fresh Extents // what may differ from the base
}

// plan cuts a content into parts. The file is seen as cells of at least 1 MiB:
// runs of cells that the base already has are copied, in parts as large as
// COS allows, the others are sent in parts of partSize, and after the first
// evenParts in ever larger ones. All borders are multiples of the cell, so
// that no part but the last is too small. When the parts are too many, both
// sizes grow.
//
// A file that only grows keeps the parts it had, all but the last: that is
// what lets parts be sent before the size is known.
func plan(c content, partSize int64) ([]planPart, error) {
	cell, part := int64(minPart), roundUp(max(partSize, minPart), minPart)
	for {
		parts := cut(c, cell, part)
		if len(parts) <= maxParts {
			return parts, nil
		}
		if cell == maxPart && part == maxPart {
			return nil, &cosapi.Error{Op: "plan upload", Kind: cosapi.TooLarge,
				Message: fmt.Sprintf("%d bytes need more than %d parts of %d bytes", c.size, maxParts, int64(maxPart))}
		}
		part = grow(part)
		// Cells follow only if it is the runs that are too many: larger
		// cells send bytes that the base has.
		if part >= 4*cell {
			cell = grow(cell)
		}
		if part == maxPart {
			cell = grow(cell)
		}
	}
}

// grow adds a quarter, in whole MiB, up to the largest part.
func grow(n int64) int64 { return min(roundUp(n+n/4, minPart), maxPart) }

// evenParts is how many parts have the configured size before they grow: 2 GiB
// at the default. The largest object of COS has 50,000 GB in 10,000 parts, 5 GB
// on average where 5 GiB are allowed, so that fewer than 700 may be small; with
// a growth of 1/64 each those after evenParts take 330 to reach 5 GiB.
const evenParts = 256 // number

// longer is the size of the part after one of size n, bytes.
func longer(n int64) int64 { return min(roundUp(n+n/64, minPart), maxPart) }

// cut is one try of plan.
func cut(c content, cell, part int64) []planPart {
	var parts []planPart
	for _, r := range runs(c, cell) {
		for off := r.off; off < r.end && len(parts) <= maxParts; {
			if len(parts) >= evenParts {
				part = longer(part)
			}
			step := part
			if r.copy {
				step = maxPart
			}
			n := min(step, r.end-off)
			// What is left of a copy must be large enough to be copied too.
			if rest := r.end - off - n; r.copy && rest > 0 && rest < minPart {
				n -= minPart
			}
			parts = append(parts, planPart{Number: len(parts) + 1, Off: off, Len: n, Copy: r.copy})
			off += n
		}
	}
	return parts
}

// run is a stretch of cells that are all copied or all sent.
type run struct {
	off, end int64
	copy     bool
}

// runs cuts [0, size) at cell borders into stretches that alternate.
func runs(c content, cell int64) []run {
	// Bytes beyond the base count as changed, whatever fresh says.
	limit := min(c.base, c.size)
	if limit < c.size {
		limit -= limit % cell
	}
	var out []run
	add := func(off, end int64, copy bool) {
		if off >= end {
			return
		}
		if n := len(out); n > 0 && out[n-1].copy == copy {
			out[n-1].end = end
			return
		}
		out = append(out, run{off, end, copy})
	}
	at := int64(0)
	for _, e := range c.fresh {
		if e.Off >= limit || len(out) > maxParts { // enough, or too many anyhow
			break
		}
		off, end := e.Off-e.Off%cell, min(roundUp(e.End, cell), limit)
		add(at, off, true)
		add(max(at, off), end, false)
		at = max(at, end)
	}
	// A tail below the minimum cannot be copied by itself.
	add(at, limit, limit-at >= minPart)
	add(limit, c.size, false)
	return out
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
