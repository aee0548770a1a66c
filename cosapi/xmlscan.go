package cosapi

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// xmlScanner reads the tags and texts of a document in order. Listings go
// through it instead of encoding/xml, which makes 80 allocations of each row:
// a bucket of a million keys would cost most of its time here. It knows no
// namespaces, attributes or document types, and takes bytes that are not
// UTF-8 as they are. What it gives is part of the document wherever that can be,
// so that a row is not an allocation for each of its fields.
type xmlScanner struct {
	rest  string
	open  []string // names of the open elements, as written
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

// next gives the next token: the name without prefix of a start, or a text.
func (s *xmlScanner) next() (scanToken, string, error) {
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
		case strings.HasPrefix(s.rest, "<![CDATA["):
			text, err := s.cut(len("<![CDATA["), "]]>")
			return scanText, text, err
		}
		if err := s.skipMarkup(); err != nil {
			return scanEOF, "", err
		}
	}
	if len(s.open) > 0 {
		return scanEOF, "", io.ErrUnexpectedEOF
	}
	return scanEOF, "", nil
}

// skipMarkup passes what carries no content.
func (s *xmlScanner) skipMarkup() (err error) {
	switch {
	case strings.HasPrefix(s.rest, "<!--"):
		_, err = s.cut(4, "-->")
	case strings.HasPrefix(s.rest, "<?"):
		_, err = s.cut(2, "?>")
	default:
		_, err = s.cut(2, ">")
	}
	return err
}

// cut takes the bytes from start up to end, and passes both.
func (s *xmlScanner) cut(start int, end string) (string, error) {
	body, rest, ok := strings.Cut(s.rest[start:], end)
	if !ok {
		return "", io.ErrUnexpectedEOF
	}
	s.rest = rest
	return body, nil
}

func (s *xmlScanner) pop() (scanToken, string, error) {
	s.open = s.open[:len(s.open)-1]
	return scanEnd, "", nil
}

// nextEnd reads an end tag, which is nearly always spelled as short as can be.
func (s *xmlScanner) nextEnd() (scanToken, string, error) {
	if len(s.open) == 0 {
		return scanEOF, "", errXML
	}
	want := s.open[len(s.open)-1]
	if rest := s.rest[2:]; len(rest) > len(want) && rest[len(want)] == '>' && strings.HasPrefix(rest, want) {
		s.rest = rest[len(want)+1:]
		return s.pop()
	}
	name, err := s.cut(2, ">")
	if err != nil || strings.TrimRight(name, " \t\r\n") != want {
		return scanEOF, "", errXML
	}
	return s.pop()
}

// plainName is the name of a tag that has letters and nothing else between its
// brackets, as all of a listing have; b is what follows the first of them.
func plainName(b string) string {
	for i := range len(b) {
		c := b[i]
		if c == '>' {
			return b[:i]
		}
		if c|0x20 < 'a' || c|0x20 > 'z' {
			break
		}
	}
	return ""
}

// nextStart reads a start tag. A > inside an attribute's quotes is not its end.
func (s *xmlScanner) nextStart() (scanToken, string, error) {
	if name := plainName(s.rest[1:]); name != "" {
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
			tag, s.empty = strings.CutSuffix(tag, "/")
			name := tag
			if blank := strings.IndexAny(tag, " \t\r\n"); blank >= 0 {
				name = tag[:blank]
			}
			if len(name) == 0 {
				return scanEOF, "", errXML
			}
			s.open = append(s.open, name)
			return scanStart, name[strings.IndexByte(name, ':')+1:], nil
		}
	}
	return scanEOF, "", io.ErrUnexpectedEOF
}

// nextText reads up to the next tag.
func (s *xmlScanner) nextText() (scanToken, string, error) {
	text := s.rest
	if i := strings.IndexByte(text, '<'); i >= 0 {
		text = text[:i]
	}
	s.rest = s.rest[len(text):]
	text, err := s.unescape(text)
	return scanText, text, err
}

// unescape resolves the references in text.
func (s *xmlScanner) unescape(text string) (string, error) {
	if strings.IndexByte(text, '&') < 0 {
		return text, nil
	}
	out := s.buf[:0]
	for {
		before, after, found := strings.Cut(text, "&")
		out = append(out, before...)
		if !found {
			s.buf = out
			return string(out), nil
		}
		name, rest, ok := strings.Cut(after, ";")
		if !ok {
			return "", errXML
		}
		var err error
		if out, err = appendReference(out, name); err != nil {
			return "", err
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
func (s *xmlScanner) text() (string, error) {
	depth := len(s.open)
	var first string
	for {
		token, data, err := s.next()
		switch {
		case err != nil:
			return "", err
		case token == scanText && len(s.open) == depth:
			first += data
		case token == scanEnd && len(s.open) < depth:
			return first, nil
		}
	}
}

// each calls do for every element inside the one just started, with the
// element open; do may read it, or leave it to be passed over.
func (s *xmlScanner) each(do func(name string) error) error {
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
	s := &xmlScanner{rest: string(raw)}
	if err := s.root(root); err != nil {
		return err
	}
	return s.each(func(name string) (err error) {
		if field, ok := fields[name]; ok {
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
		case token == scanStart && got == name:
			return nil
		case token == scanStart || token == scanEOF:
			return fmt.Errorf("expected the element %s, found %q", name, got)
		}
	}
}
