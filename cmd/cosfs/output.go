package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// printer is how a command answers: a table for people, or JSON whose field
// names stay as they are. Tables have no such promise.
type printer struct {
	out  io.Writer
	json bool
}

// row is a line of a table; its cells are separated by tabs.
type row []any

// show prints one answer: v as one JSON document, or the rows as a table.
func (p *printer) show(v any, rows ...row) error {
	if p.json {
		return p.document(v)
	}
	t := p.table()
	for _, r := range rows {
		t.add(r...)
	}
	return t.flush()
}

func (p *printer) document(v any) error {
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false) // the reader is no browser
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table is a list under way. Its rows come out at each flush, so that a long
// list holds no more than a page of them.
type table struct {
	p    *printer
	tabs *tabwriter.Writer
	enc  *json.Encoder
	err  error
}

// table begins a list; its header is for people only.
func (p *printer) table(header ...any) *table {
	t := &table{p: p, tabs: tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0), enc: json.NewEncoder(p.out)}
	t.enc.SetEscapeHTML(false)
	if !p.json && len(header) > 0 {
		t.add(header...)
	}
	return t
}

// item is one element of a list: v for JSON, cells for people.
func (t *table) item(v any, cells ...any) {
	if !t.p.json {
		t.add(cells...)
	} else if t.err == nil {
		t.err = t.enc.Encode(v)
	}
}

func (t *table) add(cells ...any) {
	if t.err != nil {
		return
	}
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = cell(c)
	}
	_, t.err = fmt.Fprintln(t.tabs, strings.Join(texts, "\t"))
}

func (t *table) flush() error {
	if t.err != nil {
		return t.err
	}
	return t.tabs.Flush()
}

// cell is a value for people; an empty one shows as a hyphen, so that columns
// can still be told apart by their number.
func cell(v any) string {
	var s string
	switch v := v.(type) {
	case time.Time:
		if !v.IsZero() {
			s = v.Local().Format("2006-01-02 15:04:05")
		}
	case []string:
		s = strings.Join(v, ",")
	case plainText:
		return string(v)
	case byteCount:
		return v.String()
	default:
		s = fmt.Sprint(v)
	}
	if s == "" {
		return "-"
	}
	return showKey(s)
}

// byteCount is a number of bytes for people: 1536 is 1.5KiB.
type byteCount int64

func (n byteCount) String() string {
	if n < 1024 {
		return fmt.Sprintf("%dB", int64(n))
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if value /= 1024; value < 1024 {
			break
		}
	}
	return fmt.Sprintf("%.1f%s", value, unit)
}

// jsonTime is a time of an answer, or nothing if it is not known.
func jsonTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// done is the answer of a command that has no other: what was done to what.
type done struct {
	Action    string `json:"action"`
	Bucket    string `json:"bucket"`
	Key       string `json:"key,omitempty"`
	VersionID string `json:"version_id,omitempty"`
}

// done says so in JSON; to people silence says it, as with cp and rm.
func (r *remote) done(action, key string) error {
	if !r.json {
		return nil
	}
	return r.document(done{Action: action, Bucket: r.place.bucket, Key: key})
}
