package cosapi

import "strings"

// Tag is one label of an object or bucket (cos-api.md 5.11).
type Tag struct{ Key, Value string }

// encodeTags is the form of the x-cos-tagging header (cos-api.md 3.4.1).
func encodeTags(tags []Tag) string {
	var b strings.Builder
	for i, t := range tags {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(t.Key, false) + "=" + escape(t.Value, false))
	}
	return b.String()
}
