package cosserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Signature Version 4 of AWS, which COS accepts beside its own so that S3
// tools work. It is the "AWS4-HMAC-SHA256" form, in the header or the query.

const (
	v4Algorithm  = "AWS4-HMAC-SHA256"
	v4Time       = "20060102T150405Z"
	v4Unsigned   = "UNSIGNED-PAYLOAD"
	v4MaxExpires = 7 * 24 * time.Hour
	amzSHA256    = "X-Amz-Content-Sha256"
	amzSignature = "X-Amz-Signature"
)

// v4Signature is a signature as it came.
type v4Signature struct {
	secretID, scope string // scope: date/region/service/aws4_request
	headers         []string
	value           string
	time            time.Time
	expires         time.Duration
	presigned       bool
}

// isV4 tells whether a request is signed in this way.
func (c *call) isV4() bool {
	return strings.HasPrefix(c.r.Header.Get("Authorization"), v4Algorithm) || c.q.has(amzSignature)
}

// authenticateV4 is authenticate for these signatures.
func (c *call) authenticateV4() (*Account, error) {
	sig, err := c.v4Signature()
	if err != nil {
		return nil, err
	}
	account, known := c.s.accounts[sig.secretID]
	if !known {
		return nil, failure("InvalidAccessKeyId")
	}
	now := c.s.cfg.Now()
	switch {
	case sig.presigned && now.After(sig.time.Add(sig.expires)):
		return nil, failure("AccessDenied").because("Request has expired")
	case now.Before(sig.time.Add(-clockSkew)), !sig.presigned && now.After(sig.time.Add(clockSkew)):
		return nil, failure("RequestTimeTooSkewed")
	}
	if err := c.v4Binds(sig); err != nil {
		return nil, err
	}
	// Paths are signed as sent; some clients encode more than they sign.
	var first string
	for _, path := range slices.Compact([]string{encodeName(c.path), c.r.URL.EscapedPath()}) {
		request := c.v4Request(sig, path)
		toSign := v4Algorithm + "\n" + sig.time.Format(v4Time) + "\n" + sig.scope + "\n" + sha256Hex(request)
		if hmac.Equal([]byte(v4Sign(account.SecretKey, sig.scope, toSign)), []byte(sig.value)) {
			return &account, c.checkToken(account)
		}
		if first == "" {
			first = toSign
		}
	}
	e := failure("SignatureDoesNotMatch")
	e.extra = [][2]string{{"StringToSign", first}}
	return nil, e
}

// v4Signature takes the signature out of the header or the query.
func (c *call) v4Signature() (sig v4Signature, err error) {
	bad := failure("AccessDenied").because("The signature cannot be parsed.")
	var credential, headers, date string
	if c.q.has(amzSignature) {
		sig.presigned = true
		credential, headers, sig.value = c.q.get("X-Amz-Credential"), c.q.get("X-Amz-SignedHeaders"), c.q.get(amzSignature)
		date = c.q.get("X-Amz-Date")
		seconds, err := strconv.Atoi(c.q.get("X-Amz-Expires"))
		if err != nil || c.q.get("X-Amz-Algorithm") != v4Algorithm {
			return sig, bad
		}
		sig.expires = min(time.Duration(seconds)*time.Second, v4MaxExpires)
	} else {
		for item := range strings.SplitSeq(strings.TrimPrefix(c.r.Header.Get("Authorization"), v4Algorithm), ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
			switch name {
			case "Credential":
				credential = value
			case "SignedHeaders":
				headers = value
			case "Signature":
				sig.value = value
			}
		}
		date = c.r.Header.Get("X-Amz-Date")
	}
	if sig.time, err = time.Parse(v4Time, date); err != nil {
		if sig.time, err = http.ParseTime(c.r.Header.Get("Date")); err != nil {
			return sig, bad
		}
	}
	var ok bool
	if sig.secretID, sig.scope, ok = strings.Cut(credential, "/"); !ok || strings.Count(sig.scope, "/") != 3 || headers == "" {
		return sig, bad
	}
	sig.headers = strings.Split(headers, ";")
	return sig, nil
}

// v4Binds refuses a signature that would hold for more than was meant: for
// every bucket of the account, on other days, or for a request that somebody
// has turned into another by its headers.
func (c *call) v4Binds(sig v4Signature) error {
	if !slices.Contains(sig.headers, "host") {
		return failure("AccessDenied").because("The host header must be among the signed headers.")
	}
	if day, rest, _ := strings.Cut(sig.scope, "/"); day != sig.time.Format("20060102") || !strings.HasSuffix(rest, "/s3/aws4_request") {
		return failure("AccessDenied").because("The credential must be DATE/REGION/s3/aws4_request, with the date of the request.")
	}
	for name := range c.r.Header {
		if !c.v4Covers(sig, name) {
			return failure("AccessDenied").because("The header " + name + " is not among the signed headers.")
		}
	}
	return nil
}

// v4Covers says that a header is signed or means nothing. One of COS can be the
// copy of a signed one of AWS (readS3Names). The hash of the body is signed in
// any case, and a token has only to be the right one.
func (c *call) v4Covers(sig v4Signature, name string) bool {
	rest, cos := strings.CutPrefix(name, cosPrefix)
	amz := amzPrefix + rest
	if !cos {
		amz = name
	}
	switch {
	case !strings.HasPrefix(amz, amzPrefix), slices.Contains(sig.headers, strings.ToLower(name)), amz == amzPrefix+"Security-Token":
		return true
	case cos && !slices.Equal(c.r.Header[name], c.r.Header[amz]):
		return false
	}
	return amz == amzSHA256 || cos && slices.Contains(sig.headers, strings.ToLower(amz))
}

// v4Request is the canonical request.
func (c *call) v4Request(sig v4Signature, path string) string {
	var b strings.Builder
	b.WriteString(c.r.Method + "\n" + path + "\n" + c.v4Query() + "\n")
	for _, name := range sig.headers {
		var values []string
		for _, p := range c.signedHeaders([]string{name}, c.r.Host) {
			values = append(values, strings.Join(strings.Fields(p.Value), " "))
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	b.WriteString("\n" + strings.Join(sig.headers, ";") + "\n")
	hash := c.r.Header.Get(amzSHA256)
	if hash == "" {
		hash = v4Unsigned
	}
	b.WriteString(hash)
	return b.String()
}

// v4Query is the canonical query: all parameters but the signature, sorted.
func (c *call) v4Query() string {
	var items []string
	for _, p := range c.q {
		if p.Name != amzSignature {
			items = append(items, v4Escape(p.Name)+"="+v4Escape(p.Value))
		}
	}
	sort.Strings(items)
	return strings.Join(items, "&")
}

func v4Escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// v4Sign derives the key of a scope and signs with it.
func v4Sign(secret, scope, toSign string) string {
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = hmacSHA256(key, part)
	}
	return hex.EncodeToString(hmacSHA256(key, toSign))
}

func hmacSHA256(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
