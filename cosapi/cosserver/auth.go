package cosserver

import (
	"crypto/hmac"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cosfs/cosapi"
)

// Account is somebody who may sign requests.
type Account struct {
	SecretID, SecretKey string
	Token               string // of a temporary credential: must come with each request
	UIN                 string // account number in ACLs and owners; empty: 100000000001
	ReadOnly            bool   // may only read, as CAM lets a key be restricted
	// Expires is when a temporary credential ends; zero: never.
	Expires time.Time
}

// LogValue shows who, never how.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.SecretID) }

// String is LogValue, for whatever prints.
func (a Account) String() string { return "account " + a.SecretID }

const (
	defaultUIN = "100000000001"
	// clockSkew is how far ahead of the server's a signature's start may be.
	clockSkew = 15 * time.Minute
)

// ownerID is an account as ACLs name it.
func ownerID(uin string) string {
	if uin == "" {
		uin = defaultUIN
	}
	return "qcs::cam::uin/" + uin + ":uin/" + uin
}

func (s *Server) firstOwner() string {
	if len(s.cfg.Accounts) == 0 {
		return ownerID("")
	}
	return ownerID(s.cfg.Accounts[0].UIN)
}

// signature is the seven items of an authorization.
type signature struct {
	secretID, signTime, keyTime string
	headers, params             []string // names as listed: encoded, lower-case
	value                       string
}

// authenticate finds out who sent the request; nil is nobody.
func (c *call) authenticate() (*Account, error) {
	if c.v4 {
		return c.authenticateV4()
	}
	sig, signed, err := c.signature()
	if err != nil || !signed {
		return nil, err
	}
	account, known := c.s.accounts[sig.secretID]
	if !known {
		return nil, failure("InvalidAccessKeyId")
	}
	for _, t := range []string{sig.signTime, sig.keyTime} {
		if err := c.checkTime(t); err != nil {
			return nil, err
		}
	}
	if err := c.verify(sig, account); err != nil {
		return nil, err
	}
	return &account, c.checkToken(account)
}

// signature takes the authorization out of the header or, if there is none,
// out of the query (cos-api.md 2.1, 2.5).
func (c *call) signature() (signature, bool, error) {
	var items query
	switch {
	case c.r.Header.Get("Authorization") != "":
		items = splitAuthorization(c.r.Header.Get("Authorization"))
	case c.q.has("q-signature") || c.q.has("q-ak"):
		items = c.q
	case c.q.has("sign"):
		items = splitAuthorization(c.q.get("sign"))
	default:
		return signature{}, false, nil
	}
	sig := signature{
		secretID: items.get("q-ak"), signTime: items.get("q-sign-time"), keyTime: items.get("q-key-time"),
		headers: splitList(items.get("q-header-list")), params: splitList(items.get("q-url-param-list")),
		value: items.get("q-signature"),
	}
	if items.get("q-sign-algorithm") != "sha1" || sig.secretID == "" || sig.value == "" ||
		!items.has("q-header-list") || !items.has("q-url-param-list") {
		return signature{}, false, failure("AccessDenied").because("The signature cannot be parsed.")
	}
	return sig, true, nil
}

// splitAuthorization takes the items apart; their values are not encoded.
func splitAuthorization(s string) query {
	var q query
	for item := range strings.SplitSeq(s, "&") {
		name, value, _ := strings.Cut(item, "=")
		q = append(q, param{Pair: cosapi.Pair{Name: strings.TrimSpace(name), Value: value}})
	}
	return q
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ";")
}

// checkTime checks one validity, "start;end" (cos-api.md 2.7).
func (c *call) checkTime(validity string) error {
	from, to, ok := strings.Cut(validity, ";")
	start, err1 := strconv.ParseInt(from, 10, 64)
	end, err2 := strconv.ParseInt(to, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return failure("AccessDenied").because("The signature's time cannot be parsed.")
	}
	now := c.s.cfg.Now()
	switch {
	case now.Unix() > end:
		e := failure("AccessDenied").because("Request has expired")
		e.extra = [][2]string{{"ServerTime", now.UTC().Format(copyTime)}}
		return e
	case now.Add(clockSkew).Unix() < start:
		return failure("RequestTimeTooSkewed")
	}
	return nil
}

// verify computes the signature the way the client should have. What clients
// disagree about is tried: the host with and without its port, the path with
// and without the bucket of path style.
func (c *call) verify(sig signature, account Account) error {
	in := cosapi.SignInput{
		Method: c.r.Method, Params: c.signedParams(sig.params), KeyTime: sig.keyTime,
		Credentials: cosapi.Credentials{SecretID: account.SecretID, SecretKey: account.SecretKey},
	}
	var first cosapi.SignTrace
	for i, host := range slices.Compact([]string{c.r.Host, strings.ToLower(hostname(c.r.Host))}) {
		in.Headers = c.signedHeaders(sig.headers, host)
		for j, path := range slices.Compact([]string{c.path, c.inBucket}) {
			in.Path = path
			trace := cosapi.Sign(in)
			if hmac.Equal([]byte(trace.Signature), []byte(sig.value)) {
				return nil
			}
			if i == 0 && j == 0 {
				first = trace
			}
		}
	}
	e := failure("SignatureDoesNotMatch")
	e.extra = [][2]string{{"StringToSign", first.StringToSign}, {"FormatString", first.HTTPString}}
	return e
}

// signedParams gives the parameters whose names are listed.
func (c *call) signedParams(names []string) []cosapi.Pair {
	var pairs []cosapi.Pair
	for _, name := range distinct(names) {
		for _, p := range c.q {
			if strings.EqualFold(p.Name, name) {
				pairs = append(pairs, p.Pair)
			}
		}
	}
	return pairs
}

// signedHeaders gives the headers whose names are listed. net/http keeps two
// of them outside its map.
func (c *call) signedHeaders(names []string, host string) []cosapi.Pair {
	var pairs []cosapi.Pair
	for _, name := range distinct(names) {
		values := c.r.Header[http.CanonicalHeaderKey(name)]
		switch {
		case name == "host":
			values = []string{host}
		case name == "content-encoding" && c.chunked:
			values = c.encoding
		case name == "content-length" && len(values) == 0 && c.r.ContentLength >= 0:
			values = []string{strconv.FormatInt(c.r.ContentLength, 10)}
		case name == "transfer-encoding" && len(values) == 0:
			values = c.r.TransferEncoding
		}
		for _, v := range values {
			pairs = append(pairs, cosapi.Pair{Name: name, Value: v})
		}
	}
	return pairs
}

// distinct decodes the names of a list and drops repetitions.
func distinct(names []string) []string {
	var out []string
	for _, name := range names {
		if decoded, err := url.PathUnescape(name); err == nil {
			name = decoded
		}
		name = strings.ToLower(name)
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// checkToken compares the token of a temporary credential, in the header or
// the query, signed or not (cos-api.md 2.6). A wrong token is no permission,
// only one that was right has expired.
func (c *call) checkToken(account Account) error {
	token := c.r.Header.Get("x-cos-security-token")
	if token == "" {
		token = c.q.get("x-cos-security-token")
	}
	switch {
	case token == account.Token && !account.Expires.IsZero() && !c.s.cfg.Now().Before(account.Expires):
		return failure("ExpiredToken")
	case token == account.Token:
		return nil
	case token == "":
		return failure("InvalidAccessKeyId").because("The credential is temporary and its token is missing.")
	}
	return failure("AccessDenied").because("The security token is not the one that was issued with the Access Key Id.")
}
