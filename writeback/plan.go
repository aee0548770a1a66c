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
// COS allows, the others are sent in parts of partSize. All borders are
// multiples of the cell, so that no part but the last is too small. When the
// parts are too many, both sizes grow.
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

// cut is one try of plan.
func cut(c content, cell, part int64) []planPart {
	var parts []planPart
	for _, r := range runs(c, cell) {
		step := part
		if r.copy {
			step = maxPart
		}
		for off := r.off; off < r.end && len(parts) <= maxParts; {
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
