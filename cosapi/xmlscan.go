package cosapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// xmlScanner reads the tags and texts of a document in order. Listings go
// through it instead of encoding/xml, which makes 80 allocations of each row:
// a bucket of a million keys would cost most of its time here. It knows no
// namespaces, attributes or document types, and takes bytes that are not
// UTF-8 as they are.
type xmlScanner struct {
	rest  []byte
	open  [][]byte // names of the open elements, as written
	empty bool     // the last start tag closes itself: its end comes next
	buf   []byte   // of text, used again by every call
}

// A scanToken is what next found.
type scanToken uint8

const (
	scanEnd scanToken = iota // of an element
	scanStart
	scanText
	scanEOF
)

var errXML = errors.New("the document is not well-formed XML")

// next gives the next token: the name without prefix of a start, the bytes of
// a text, valid until the next call.
func (s *xmlScanner) next() (scanToken, []byte, error) {
	if s.empty {
		s.empty = false
		return s.pop()
	}
	for len(s.rest) > 0 {
		if s.rest[0] != '<' {
			return s.nextText()
		}
		switch kind := s.rest[min(1, len(s.rest)-1)]; {
		case kind == '/':
			return s.nextEnd()
		case kind != '!' && kind != '?':
			return s.nextStart()
		case bytes.HasPrefix(s.rest, []byte("<![CDATA[")):
			text, err := s.cut(len("<![CDATA["), "]]>")
			return scanText, text, err
		}
		if err := s.skipMarkup(); err != nil {
			return scanEOF, nil, err
		}
	}
	if len(s.open) > 0 {
		return scanEOF, nil, io.ErrUnexpectedEOF
	}
	return scanEOF, nil, nil
}

// skipMarkup passes what carries no content.
func (s *xmlScanner) skipMarkup() (err error) {
	switch {
	case bytes.HasPrefix(s.rest, []byte("<!--")):
		_, err = s.cut(4, "-->")
	case bytes.HasPrefix(s.rest, []byte("<?")):
		_, err = s.cut(2, "?>")
	default:
		_, err = s.cut(2, ">")
	}
	return err
}

// cut takes the bytes from start up to end, and passes both.
func (s *xmlScanner) cut(start int, end string) ([]byte, error) {
	body, rest, ok := bytes.Cut(s.rest[start:], []byte(end))
	if !ok {
		return nil, io.ErrUnexpectedEOF
	}
	s.rest = rest
	return body, nil
}

func (s *xmlScanner) pop() (scanToken, []byte, error) {
	s.open = s.open[:len(s.open)-1]
	return scanEnd, nil, nil
}

// nextEnd reads an end tag, which is nearly always spelled as short as can be.
func (s *xmlScanner) nextEnd() (scanToken, []byte, error) {
	if len(s.open) == 0 {
		return scanEOF, nil, errXML
	}
	want := s.open[len(s.open)-1]
	if rest := s.rest[2:]; len(rest) > len(want) && rest[len(want)] == '>' && bytes.HasPrefix(rest, want) {
		s.rest = rest[len(want)+1:]
		return s.pop()
	}
	name, err := s.cut(2, ">")
	if err != nil || !bytes.Equal(bytes.TrimRight(name, " \t\r\n"), want) {
		return scanEOF, nil, errXML
	}
	return s.pop()
}

// plainName is the name of a tag that has letters and nothing else between its
// brackets, as all of a listing have; b is what follows the first of them.
func plainName(b []byte) []byte {
	for i, c := range b {
		if c == '>' {
			return b[:i]
		}
		if c|0x20 < 'a' || c|0x20 > 'z' {
			break
		}
	}
	return nil
}

// nextStart reads a start tag. A > inside an attribute's quotes is not its end.
func (s *xmlScanner) nextStart() (scanToken, []byte, error) {
	if name := plainName(s.rest[1:]); len(name) > 0 {
		s.rest = s.rest[len(name)+2:]
		s.open = append(s.open, name)
		return scanStart, name, nil
	}
	var quote byte
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			tag := s.rest[1:i]
			s.rest = s.rest[i+1:]
			tag, s.empty = bytes.CutSuffix(tag, []byte("/"))
			name := tag
			if blank := bytes.IndexAny(tag, " \t\r\n"); blank >= 0 {
				name = tag[:blank]
			}
			if len(name) == 0 {
				return scanEOF, nil, errXML
			}
			s.open = append(s.open, name)
			return scanStart, name[bytes.IndexByte(name, ':')+1:], nil
		}
	}
	return scanEOF, nil, io.ErrUnexpectedEOF
}

// nextText reads up to the next tag.
func (s *xmlScanner) nextText() (scanToken, []byte, error) {
	text := s.rest
	if i := bytes.IndexByte(text, '<'); i >= 0 {
		text = text[:i]
	}
	s.rest = s.rest[len(text):]
	text, err := s.unescape(text)
	return scanText, text, err
}

// unescape resolves the references in text, into buf if there are any.
func (s *xmlScanner) unescape(text []byte) ([]byte, error) {
	if bytes.IndexByte(text, '&') < 0 {
		return text, nil
	}
	out := s.buf[:0]
	for {
		before, after, found := bytes.Cut(text, []byte("&"))
		out = append(out, before...)
		if !found {
			s.buf = out
			return out, nil
		}
		name, rest, ok := bytes.Cut(after, []byte(";"))
		if !ok {
			return nil, errXML
		}
		var err error
		if out, err = appendReference(out, string(name)); err != nil {
			return nil, err
		}
		text = rest
	}
}

// appendReference resolves the inside of &…;.
func appendReference(out []byte, name string) ([]byte, error) {
	switch name {
	case "lt":
		return append(out, '<'), nil
	case "gt":
		return append(out, '>'), nil
	case "amp":
		return append(out, '&'), nil
	case "quot":
		return append(out, '"'), nil
	case "apos":
		return append(out, '\''), nil
	}
	if len(name) < 2 || name[0] != '#' {
		return nil, fmt.Errorf("%w: &%s;", errXML, name)
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	r, err := strconv.ParseUint(digits, base, 31)
	if err != nil || r > utf8.MaxRune {
		return nil, fmt.Errorf("%w: &%s;", errXML, name)
	}
	return utf8.AppendRune(out, rune(r)), nil
}

// text reads the content of the element just started, up to its end; what is
// nested in it is passed over.
func (s *xmlScanner) text() (string, error) { return s.textLike("") }

// textLike is text, but gives known itself if it reads the same: rows repeat
// the storage class and the owner.
func (s *xmlScanner) textLike(known string) (string, error) {
	depth := len(s.open)
	var first string
	for {
		token, data, err := s.next()
		switch {
		case err != nil:
			return "", err
		case token == scanText && len(s.open) == depth && first == "" && string(data) == known:
			first = known
		case token == scanText && len(s.open) == depth:
			first += string(data)
		case token == scanEnd && len(s.open) < depth:
			return first, nil
		}
	}
}

// each calls do for every element inside the one just started, with the
// element open; do may read it, or leave it to be passed over.
func (s *xmlScanner) each(do func(name []byte) error) error {
	depth := len(s.open)
	for {
		token, name, err := s.next()
		switch {
		case err != nil:
			return err
		case token == scanEnd && len(s.open) < depth:
			return nil
		case token != scanStart:
			continue
		}
		if err := do(name); err != nil {
			return err
		}
		for len(s.open) > depth {
			if _, _, err := s.next(); err != nil {
				return err
			}
		}
	}
}

// scanFields reads the texts of some elements directly below the root. It is
// for answers that repeat a key, which may hold characters that encoding/xml
// refuses.
func scanFields(raw []byte, root string, fields map[string]*string) error {
	s := &xmlScanner{rest: raw}
	if err := s.root(root); err != nil {
		return err
	}
	return s.each(func(name []byte) (err error) {
		if field, ok := fields[string(name)]; ok {
			*field, err = s.text()
		}
		return err
	})
}

// root reads up to the root element, which must have that name.
func (s *xmlScanner) root(name string) error {
	for {
		token, got, err := s.next()
		switch {
		case err != nil:
			return err
		case token == scanStart && string(got) == name:
			return nil
		case token == scanStart || token == scanEOF:
			return fmt.Errorf("expected the element %s, found %q", name, got)
		}
	}
}
