package cosserver

import (
	"net/url"
	"strconv"
	"strings"

	"cosfs/cosapi"
)

// query holds the parameters of a request in the order sent, decoded.
type query []param

type param struct {
	cosapi.Pair
	bare bool // sent without an equals sign
}

// parseQuery is lenient as COS is: a semicolon is an ordinary byte, and what
// does not decode stays as it came.
func parseQuery(raw string) query {
	var q query
	for item := range strings.SplitSeq(raw, "&") {
		if item == "" {
			continue
		}
		name, value, equals := strings.Cut(item, "=")
		q = append(q, param{Pair: cosapi.Pair{Name: unescape(name), Value: unescape(value)}, bare: !equals})
	}
	return q
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// find looks a parameter up; names are compared without case (cos-api.md 0.2).
func (q query) find(name string) (string, bool) {
	for _, p := range q {
		if strings.EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

func (q query) get(name string) string {
	v, _ := q.find(name)
	return v
}

func (q query) has(name string) bool {
	_, ok := q.find(name)
	return ok
}

// count reads a number of rows: absent and empty mean limit, more than limit
// means limit, anything else that is no number is an error (cos-api.md 3.2.4).
func (q query) count(name string, limit int) (int, error) {
	v := q.get(name)
	if v == "" {
		return limit, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, failure("InvalidArgument").because(name + " must be a number of rows from 0")
	}
	return min(n, limit), nil
}
