package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"cosfs/cosapi"
)

// maxConfig bounds what is read from a file or stdin as a configuration.
const maxConfig = 4 << 20

// readDocument reads a configuration from a file, or from stdin for "-".
func (p *program) readDocument(name string) ([]byte, error) {
	in := p.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fail(exitUsage, "the document cannot be read: %w", err)
		}
		defer discardClose(f)
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxConfig+1))
	switch {
	case err != nil:
		return nil, fail(exitFailed, "the document cannot be read: %w", err)
	case len(raw) > maxConfig:
		return nil, fail(exitUsage, "the document %s has more than 4 MiB", name)
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, fail(exitUsage, "the document %s is empty; the delete command removes a configuration", name)
	}
	return raw, nil
}

// decodeDocument reads JSON as the get command prints it with --json, or the
// XML of COS. What is not understood is refused: a rule that is passed over
// in silence may be the one that protects something.
func decodeDocument(raw []byte, jsonForm, xmlForm any) (isXML bool, err error) {
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("<")) {
		if err := xml.Unmarshal(raw, xmlForm); err != nil {
			return true, fail(exitUsage, "the document is not the XML of this configuration: %w", err)
		}
		return true, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(jsonForm); err != nil {
		return false, fail(exitUsage, "the document is not the JSON that get --json prints: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return false, fail(exitUsage, "the document has more after its end")
	}
	return false, nil
}

// tagsView is a set of tags in JSON, and with the names of COS in XML
// (cos-api.md 5.11).
type tagsView struct {
	XMLName xml.Name  `xml:"Tagging" json:"-"`
	Tags    []tagView `xml:"TagSet>Tag" json:"tags"`
}

type tagView struct {
	Key   string `xml:"Key" json:"key"`
	Value string `xml:"Value" json:"value"`
}

func decodeTags(raw []byte) ([]cosapi.Tag, error) {
	var v tagsView
	if _, err := decodeDocument(raw, &v, &v); err != nil {
		return nil, err
	}
	tags := make([]cosapi.Tag, len(v.Tags))
	for i, t := range v.Tags {
		tags[i] = cosapi.Tag(t)
	}
	return tags, nil
}

func viewTags(tags []cosapi.Tag) tagsView {
	v := tagsView{Tags: make([]tagView, len(tags))}
	for i, t := range tags {
		v.Tags[i] = tagView(t)
	}
	return v
}

func tagRows(tags []cosapi.Tag) []row {
	rows := []row{{"KEY", "VALUE"}}
	for _, t := range tags {
		rows = append(rows, row{t.Key, t.Value})
	}
	return rows
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// plain is a value of a table that may be of any small type, empty if zero.
func plain[T comparable](v T) string {
	var zero T
	if v == zero {
		return ""
	}
	return fmt.Sprint(v)
}
