package cosapi

import (
	"context"
	"net/http"
	"slices"
)

// ResponseMeta is what every answer has beside its result; the seeds return it
// as a dict, or not at all.
type ResponseMeta struct {
	Op        string // as in Call
	Key       string // empty: the bucket
	Status    int    // HTTP status
	RequestID string // x-cos-request-id, for COS's support
	Header    http.Header
}

type responseKey struct{}

type headerKey struct{}

// WithResponse makes a context whose calls tell seen of every answer, failed
// and repeated ones included, before they return. The header is a copy. A
// transfer of parts calls it from several goroutines at once.
func WithResponse(ctx context.Context, seen func(ResponseMeta)) context.Context {
	return context.WithValue(ctx, responseKey{}, seen)
}

// WithHeader makes a context whose calls send these headers too (the seeds'
// **kwargs), unless they send such a header themselves. Invalid if a value
// would not arrive as it is.
func WithHeader(ctx context.Context, h http.Header) context.Context {
	return context.WithValue(ctx, headerKey{}, h.Clone())
}

// addHeader gives r the headers of WithHeader.
func (r *request) addHeader(ctx context.Context) {
	more, _ := ctx.Value(headerKey{}).(http.Header)
	for name, values := range more {
		name = http.CanonicalHeaderKey(name)
		if len(r.header.Values(name)) == 0 {
			r.init()
			r.header[name] = slices.Clone(values)
		}
	}
}

// tell is for WithResponse.
func (r *request) tell(ctx context.Context, status int, h http.Header) {
	if seen, ok := ctx.Value(responseKey{}).(func(ResponseMeta)); ok {
		seen(ResponseMeta{Op: r.op, Key: r.key, Status: status, RequestID: h.Get("x-cos-request-id"), Header: h.Clone()})
	}
}
