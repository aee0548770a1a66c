package cosapi

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listResult is the document of cos-api.md 5.3.
type listResult struct {
	EncodingType   string
	IsTruncated    boolean
	NextMarker     string
	CommonPrefixes []string
	Contents       []listedObject
	Asked          Echo
}

type listedObject struct {
	Key           string
	LastModified  string
	ETag          string
	Size          int64
	StorageClass  string
	RestoreStatus string
	VersionID     string `xml:"VersionId"`
	Owner         Owner
	IsLatest      boolean
}

// List reads one page of the bucket's keys (cos-api.md 3.2.4). Keys are asked
// for percent-encoded, because XML cannot carry all of them, and come back
// decoded.
// The seeds call it list_objects.
func (c *Client) List(ctx context.Context, o ListOptions) (Page, error) {
	r := &request{op: "ListObjects", method: http.MethodGet, class: classList}
	r.listed(o.Prefix, o.Delimiter, Pair{"marker", o.Marker}, Pair{"max-keys", strconv.Itoa(pageSize(o.Max))})
	var page Page
	r.accept = func(a *answer) error {
		raw, err := readDocument(r, a)
		if err != nil {
			return err
		}
		var doc listResult
		if err := doc.parse(raw); err != nil {
			return err
		}
		page, err = doc.page()
		return err
	}
	err := c.run(ctx, r)
	return page, err
}

// Pages reads all pages, each when it is asked for. It ends after the first
// error.
func (c *Client) Pages(ctx context.Context, o ListOptions) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		for {
			page, err := c.List(ctx, o)
			if err == nil && page.Next != "" && page.Next <= o.Marker {
				err = stuck("ListObjects", page.Next)
			}
			if !yield(page, err) || err != nil || page.Next == "" {
				return
			}
			o.Marker = page.Next
		}
	}
}

// stuck is a listing that would never end.
func stuck(op, marker string) *Error {
	return &Error{Op: op, Key: marker, Kind: Unavailable, Message: "the next page does not begin after this one"}
}

func pageSize(n int) int {
	if n <= 0 || n > MaxListPage {
		return MaxListPage
	}
	return n
}

// page merges objects and prefixes: the document has them apart, their order
// is by key.
func (d *listResult) page() (Page, error) {
	dec := keyDecoder(d.EncodingType)
	page := Page{Entries: make([]Entry, 0, len(d.Contents)+len(d.CommonPrefixes))}
	for i := range d.Contents {
		object, err := d.Contents[i].object(dec)
		if err != nil {
			return Page{}, err
		}
		page.Entries = append(page.Entries, Entry{Object: object, Owner: d.Contents[i].Owner})
	}
	for _, prefix := range d.CommonPrefixes {
		key, err := dec(prefix)
		if err != nil {
			return Page{}, err
		}
		page.Entries = append(page.Entries, Entry{Object: Object{Version: Version{Key: key}}, Prefix: true})
	}
	byKey := func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) }
	if len(d.CommonPrefixes) > 0 || !slices.IsSortedFunc(page.Entries, byKey) {
		slices.SortFunc(page.Entries, byKey)
	}
	d.Asked.EncodingType = d.EncodingType
	page.Asked = d.Asked.decoded()
	return page, d.setNext(&page, dec)
}

// setNext finds where the next page begins: NextMarker, or without one the
// last entry.
func (d *listResult) setNext(page *Page, dec func(string) (string, error)) error {
	if !d.IsTruncated {
		return nil
	}
	next, err := dec(d.NextMarker)
	if err != nil {
		return err
	}
	if next == "" && len(page.Entries) > 0 {
		next = page.Entries[len(page.Entries)-1].Key
	}
	if next == "" {
		return errors.New("the page is truncated but does not say where the next one begins")
	}
	page.Next = next
	return nil
}

func (l *listedObject) object(dec func(string) (string, error)) (Object, error) {
	key, err := dec(l.Key)
	if err != nil {
		return Object{}, err
	}
	return Object{
		Version:   Version{Key: key, ETag: unquote(l.ETag), Size: l.Size},
		Attrs:     Attrs{StorageClass: l.StorageClass},
		Modified:  parseTime(l.LastModified),
		VersionID: l.VersionID,
		Restore:   l.RestoreStatus,
		Listed:    true,
	}, nil
}

// timeFormats are those found in documents (cos-api.md 3.0.3).
var timeFormats = []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.ANSIC, http.TimeFormat}

// parseTime reads a time of a document. One that cannot be read is the zero
// time: a row is worth more than its date.
func parseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	for _, format := range timeFormats {
		if t, err := time.Parse(format, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
