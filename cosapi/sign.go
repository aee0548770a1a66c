package cosapi

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Pair is a query parameter or a header: a name with a decoded value.
type Pair struct{ Name, Value string }

// SignInput is everything a signature depends on (cos-api.md 2.2). Client and
// verifier fill it from their own side of the wire and must get the same
// SignTrace.
type SignInput struct {
	Method string // any case
	Path   string // decoded, from the first slash on, without the query
	// Params and Headers are exactly those that are signed, in any order;
	// values decoded, names in any case, repeated names repeated.
	Params, Headers []Pair
	Credentials     Credentials
	KeyTime         string // "start;end" in Unix seconds, see FormatKeyTime
}

// SignTrace is a signature with each step that led to it, so that a mismatch
// can be explained.
type SignTrace struct {
	KeyTime        string
	SignKey        string // a secret: it signs anything within KeyTime
	URLParamList   string
	HTTPParameters string
	HeaderList     string
	HTTPHeaders    string
	HTTPString     string
	StringToSign   string
	Signature      string
	Authorization  string // value of the header
}

// FormatKeyTime writes the validity of a signature.
func FormatKeyTime(start, end time.Time) string {
	return strconv.FormatInt(start.Unix(), 10) + ";" + strconv.FormatInt(end.Unix(), 10)
}

// Sign computes a signature. It is pure: equal inputs give equal traces.
func Sign(in SignInput) SignTrace {
	t := SignTrace{KeyTime: in.KeyTime}
	t.SignKey = hmacHex(in.Credentials.SecretKey, t.KeyTime)
	t.URLParamList, t.HTTPParameters = canonical(in.Params)
	t.HeaderList, t.HTTPHeaders = canonical(in.Headers)
	t.HTTPString = strings.ToLower(in.Method) + "\n" + in.Path + "\n" + t.HTTPParameters + "\n" + t.HTTPHeaders + "\n"
	digest := sha1.Sum([]byte(t.HTTPString))
	t.StringToSign = "sha1\n" + t.KeyTime + "\n" + hex.EncodeToString(digest[:]) + "\n"
	t.Signature = hmacHex(t.SignKey, t.StringToSign)

	var b strings.Builder
	for i, item := range t.items(in.Credentials.SecretID) {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(item.Name + "=" + item.Value)
	}
	t.Authorization = b.String()
	return t
}

// items are the seven parts of an authorization, in their customary order.
func (t SignTrace) items(secretID string) [7]Pair {
	return [7]Pair{
		{"q-sign-algorithm", "sha1"},
		{"q-ak", secretID},
		{"q-sign-time", t.KeyTime},
		{"q-key-time", t.KeyTime},
		{"q-header-list", t.HeaderList},
		{"q-url-param-list", t.URLParamList},
		{"q-signature", t.Signature},
	}
}

// Query is the query-string form of the signature, as a presigned URL carries
// it after its other parameters (cos-api.md 2.5).
func (t SignTrace) Query(secretID string) string {
	items := t.items(secretID)
	return encodeQuery(items[:])
}

// canonical gives the list of names and the name=value string of step 3 and 4.
// Names are encoded first and lowered then, so their hex digits are lower-case
// while those of values stay upper-case.
func canonical(pairs []Pair) (names, text string) {
	sorted := make([]Pair, len(pairs))
	for i, p := range pairs {
		sorted[i] = Pair{
			Name:  strings.ToLower(escape(p.Name, false)),
			Value: escape(strings.TrimSpace(p.Value), false),
		}
	}
	slices.SortFunc(sorted, func(a, b Pair) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	var n, t strings.Builder
	for i, p := range sorted {
		if i > 0 {
			n.WriteByte(';')
			t.WriteByte('&')
		}
		n.WriteString(p.Name)
		t.WriteString(p.Name)
		t.WriteByte('=')
		t.WriteString(p.Value)
	}
	return n.String(), t.String()
}

func hmacHex(key, message string) string {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil))
}
