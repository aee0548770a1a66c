package writeback

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"cosfs/cosapi"
)

// State is what a record promises.
type State string

// The states of a staged file on the disk. A stored file has no record.
const (
	StateOpen State = "open" // being written, nothing promised
	StateOwed State = "owed" // promised: uploaded now or after a remount
)

// Record describes a staged file on the disk, in <id>.json.
type Record struct {
	ID       string    `json:"id"`
	State    State     `json:"state"`
	Key      string    `json:"-"` // see wireRecord
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	// Base is the version that shows through below BaseLen where Local has
	// nothing; nil for a new name.
	Base    *cosapi.Object `json:"base,omitempty"`
	BaseLen int64          `json:"base_len,omitempty"`
	// Local are the ranges of the data file that are content, Fresh what
	// differs from the base at most. Both are exact in an owed record; an
	// open one is written before the first change and not kept up.
	Local   Extents           `json:"local,omitempty"`
	Fresh   Extents           `json:"fresh,omitempty"`
	Options cosapi.PutOptions `json:"options"`
	Upload  *UploadRecord     `json:"upload,omitempty"`
	// Gen and AttrGen number the change of the content, and of the Options,
	// that this is; Sent are the contents that the bucket may have by now.
	Gen     uint64  `json:"gen,omitempty"`
	AttrGen uint64  `json:"attr_gen,omitempty"`
	Sent    []print `json:"sent,omitempty"`
	// Beside is the key for this content if theirs keeps the name.
	Beside string `json:"-"`
	// Reason says why what was promised is not any more: its base is gone.
	Reason string `json:"reason,omitempty"`

	// Path is the data file; it does not exist if nothing was written.
	Path string `json:"-"`
}

// UploadRecord names a multipart upload that was begun.
type UploadRecord struct {
	ID  string `json:"id"`
	Key string `json:"-"`
	// Stale says that the attributes have changed since: they are fixed when
	// an upload begins, so this one is only good for aborting.
	Stale bool `json:"stale,omitempty"`
}

// wireRecord is a Record as JSON. Keys are bytes, JSON strings are UTF-8.
type wireRecord struct {
	Format int  `json:"format"`
	Key    text `json:"key"`
	*Record
	BaseKey   text `json:"base_key,omitempty"`
	UploadKey text `json:"upload_key,omitempty"`
	BesideKey text `json:"conflict_key,omitempty"`
}

// recordFormat changes when an older program would misread a record.
const recordFormat = 1

func (r Record) encode() ([]byte, error) {
	w := wireRecord{Format: recordFormat, Key: text(r.Key), Record: &r, BesideKey: text(r.Beside)}
	if r.Base != nil {
		w.BaseKey = text(r.Base.Key)
	}
	if r.Upload != nil {
		w.UploadKey = text(r.Upload.Key)
	}
	return json.MarshalIndent(w, "", " ")
}

// errUnusable is of a record that nothing can be made of, now or later. All
// other errors of reading one may pass.
const errUnusable = sentinel("unusable")

// errRecycled is of a record with the bytes of another: its file was used
// again (spares) and a power cut came before they were on the disk. Nothing was
// promised for it then.
const errRecycled = sentinel("the bytes of a record that has gone")

// FormatError is of a record that a newer program has written. What it
// promises is not known, so nothing is done with it.
type FormatError struct {
	Path   string
	Format int
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("record %s has format %d, this program knows %d: a newer version wrote it; mount with that version until everything is stored",
		e.Path, e.Format, recordFormat)
}

// decodeRecord refuses what encode cannot have written.
func decodeRecord(id string, p []byte) (Record, error) {
	r, err := parseRecord(id, p)
	newer := new(FormatError)
	if err != nil && !errors.As(err, &newer) {
		err = fmt.Errorf("record %s: %w: %w", id, errUnusable, err)
	}
	return r, err
}

func parseRecord(id string, p []byte) (Record, error) {
	var head struct{ Format int }
	if err := json.Unmarshal(p, &head); err != nil {
		return Record{}, err
	}
	if head.Format > recordFormat {
		return Record{}, &FormatError{Path: id + recordSuffix, Format: head.Format}
	}
	var r Record
	w := wireRecord{Record: &r}
	if err := json.Unmarshal(p, &w); err != nil {
		return Record{}, err
	}
	r.Key, r.Beside = string(w.Key), string(w.BesideKey)
	if r.Base != nil {
		r.Base.Key = string(w.BaseKey)
	}
	if r.Upload != nil {
		r.Upload.Key = string(w.UploadKey)
	}
	if w.Format != recordFormat {
		return Record{}, fmt.Errorf("format %d", w.Format)
	}
	if r.ID != id {
		return Record{}, fmt.Errorf("says it is %q: %w", r.ID, errRecycled)
	}
	if err := r.valid(); err != nil {
		return Record{}, err
	}
	return r, nil
}

// valid checks what must hold of every record by itself.
func (r Record) valid() error {
	baseLen := int64(0)
	if r.Base != nil {
		baseLen = r.Base.Size
	}
	switch {
	case r.Key == "":
		return errors.New("no key")
	case r.State != StateOpen && r.State != StateOwed:
		return fmt.Errorf("state %q", r.State)
	case r.Size < 0 || r.BaseLen < 0 || r.BaseLen > r.Size || r.BaseLen > baseLen:
		return fmt.Errorf("size %d, %d bytes of a base of %d", r.Size, r.BaseLen, baseLen)
	case !r.Local.valid(r.Size):
		return fmt.Errorf("ranges %v of a file of %d bytes", r.Local, r.Size)
	case !r.Fresh.valid(1<<63 - 1):
		return fmt.Errorf("changed ranges %v", r.Fresh)
	case r.State == StateOwed && !r.Local.Covers(r.BaseLen, r.Size):
		return fmt.Errorf("bytes %v are nowhere", r.Local.Missing(r.BaseLen, r.Size))
	}
	return nil
}

// text is a string of bytes that are usually UTF-8: JSON keeps those readable
// and gets the others in base64.
type text string

func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(struct {
		Base64 []byte `json:"base64"`
	}{[]byte(t)})
}

func (t *text) UnmarshalJSON(p []byte) error {
	if len(p) > 0 && p[0] == '{' {
		var b struct {
			Base64 []byte `json:"base64"`
		}
		err := json.Unmarshal(p, &b)
		*t = text(b.Base64)
		return err
	}
	return json.Unmarshal(p, (*string)(t))
}
