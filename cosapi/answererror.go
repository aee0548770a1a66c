package cosapi

import (
	"cmp"
	"encoding/json"
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
	Code      string `json:"code"`
	Message   string `json:"message"`
	Resource  string `json:"resource"`
	RequestID string `json:"request_id"`
	TraceID   string `json:"trace_id"`
}

// parse reads either form; of anything else it leaves nothing.
func (d *errorBody) parse(raw []byte) {
	err := scanFields(raw, "Error", map[string]*string{
		"Code": &d.Code, "Message": &d.Message, "Resource": &d.Resource, "RequestId": &d.RequestID, "TraceId": &d.TraceID,
	})
	if err == nil {
		return
	}
	*d = errorBody{}
	if json.Unmarshal(raw, d) != nil {
		*d = errorBody{}
	}
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
	doc.parse(raw)
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
