package cosapi

import "strings"

// escape percent-encodes all but A-Z a-z 0-9 - _ . ~ with upper-case hex
// digits: the encoding of signatures (cos-api.md 2.3) and query values. With
// keepSlash it is the encoding of keys in a URL path (1.4).
func escape(s string, keepSlash bool) string {
	extra := 0
	for i := range len(s) {
		if !unreserved(s[i], keepSlash) {
			extra += 2
		}
	}
	if extra == 0 {
		return s
	}
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s) + extra)
	for i := range len(s) {
		if c := s[i]; unreserved(c, keepSlash) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

func unreserved(c byte, keepSlash bool) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	case c == '-', c == '_', c == '.', c == '~':
		return true
	}
	return c == '/' && keepSlash
}

// encodeQuery writes a query string in the order given: COS routes by the
// first parameter (cos-api.md 1.5), which is written bare when it has no value.
func encodeQuery(params []Pair) string {
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(p.Name, false))
		if i > 0 || p.Value != "" {
			b.WriteByte('=')
			b.WriteString(escape(p.Value, false))
		}
	}
	return b.String()
}
