package cosapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxErrorBody bounds what is kept of an error answer.
const maxErrorBody = 64 << 10

// errorBody is an error document, as XML or as the JSON of some gateways
// (cos-api.md 4.1). No element is relied upon.
type errorBody struct {
	XMLName   xml.Name `json:"-"`
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Resource  string   `json:"resource"`
	RequestID string   `xml:"RequestId" json:"request_id"`
	TraceID   string   `xml:"TraceId" json:"trace_id"`
}

// answerError is the error that an answer without success stands for.
func answerError(r *request, ans *answer) *Error {
	raw, _ := io.ReadAll(io.LimitReader(ans.body, maxErrorBody))
	e := errorFromBody(r, ans, raw)
	if e.Kind == NotFound && r.key == "" && e.Code == "NotFound" {
		e.Kind = NoBucket
	}
	e.hint.after = retryAfter(ans.header.Get("Retry-After"), ans.date())
	e.hint.date = ans.date()
	return e
}

// errorFromBody reads an error document of any status.
func errorFromBody(r *request, ans *answer, raw []byte) *Error {
	var doc errorBody
	if err := unmarshal(raw, &doc); err != nil || doc.XMLName.Local != "Error" {
		doc = errorBody{}
		if json.Unmarshal(raw, &doc) != nil {
			doc = errorBody{}
		}
	}
	code := cmp.Or(doc.Code, fallbackCode(ans.status))
	return &Error{
		Op: r.op, Key: r.key, Kind: kindOf(code, ans.status), Status: ans.status,
		Code: code, Message: doc.Message, Resource: doc.Resource,
		RequestID: cmp.Or(doc.RequestID, ans.header.Get("x-cos-request-id")),
		TraceID:   cmp.Or(doc.TraceID, ans.header.Get("x-cos-trace-id")),
		Raw:       raw,
	}
}

// retryAfter reads both forms of the header: seconds, and a date, which is
// compared with the service's own clock.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil || now.IsZero() {
		return 0
	}
	return max(0, at.Sub(now))
}

// unmarshal decodes XML. Blanks may come before the prolog: COS sends them to
// keep a connection alive (cos-api.md 3.4.6).
func unmarshal(raw []byte, into any) error {
	return xml.Unmarshal(bytes.TrimLeft(raw, " \t\r\n"), into)
}
