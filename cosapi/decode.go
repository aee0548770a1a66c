package cosapi

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/url"
	"strings"
)

// maxDocument bounds an XML answer: a page of 1000 rows with the longest keys
// percent-encoded is about 3 MB.
const maxDocument = 16 << 20

// readDocument reads the XML of an answer. An <Error> in a 200 answer is the
// error it says (cos-api.md 3.4.5).
func readDocument(r *request, a *answer) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(int(min(max(a.length, 0), maxDocument)) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(a.body, maxDocument)); err != nil {
		return nil, err
	}
	raw := buf.Bytes()
	if isError(raw) {
		return nil, errorFromBody(r, a, raw)
	}
	return raw, nil
}

// decode reads the XML document of an answer. What is unreadable makes a
// broken answer.
func decode(r *request, a *answer, doc any) error {
	raw, err := readDocument(r, a)
	if err != nil {
		return err
	}
	// COS may send blanks before the prolog to keep a connection alive
	// (cos-api.md 3.4.6).
	return xml.Unmarshal(bytes.TrimLeft(raw, " \t\r\n"), doc)
}

// isError looks for the root element <Error> after blanks and prolog.
func isError(raw []byte) bool {
	rest := bytes.TrimLeft(raw, " \t\r\n\ufeff")
	if bytes.HasPrefix(rest, []byte("<?")) {
		if _, after, ok := bytes.Cut(rest, []byte("?>")); ok {
			rest = bytes.TrimLeft(after, " \t\r\n")
		}
	}
	return bytes.HasPrefix(rest, []byte("<Error>")) || bytes.HasPrefix(rest, []byte("<Error "))
}

// boolean is true or false in any case: old samples shout.
type boolean bool

func (b *boolean) UnmarshalText(text []byte) error {
	*b = boolean(strings.EqualFold(strings.TrimSpace(string(text)), "true"))
	return nil
}

// keyDecoder decodes the keys of a listing if the answer says that they are
// encoded; gateways may ignore encoding-type. A plus is a plus.
func keyDecoder(encodingType string) func(string) (string, error) {
	if strings.EqualFold(encodingType, "url") {
		return url.PathUnescape
	}
	return func(s string) (string, error) { return s, nil }
}

// marshal writes a configuration document.
func marshal(op, key string, doc any) ([]byte, error) {
	raw, err := xml.Marshal(doc)
	if err != nil {
		return nil, &Error{Op: op, Key: key, Kind: Invalid, Message: "the document cannot be written", Err: err}
	}
	return raw, nil
}

// commonPrefixes are the folded rows of a listing's document.
type commonPrefixes []struct{ Prefix string }

func (c commonPrefixes) decoded(dec func(string) (string, error)) ([]string, error) {
	var prefixes []string
	for _, p := range c {
		prefix, err := dec(p.Prefix)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}
