package cosapi

import (
	"net"
	"net/http"
	"time"
)

// httpClient is given, or an own client, that follows no redirects: a
// signature is good for one host only, and COS's SDKs do not follow either.
func httpClient(given *http.Client) *http.Client {
	if given == nil {
		return &http.Client{Transport: newTransport(), CheckRedirect: stay}
	}
	own := *given
	if own.CheckRedirect == nil {
		own.CheckRedirect = stay
	}
	return &own
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newTransport is tuned for many large bodies to one host.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 64,
		// COS closes idle connections after about a minute; be first.
		IdleConnTimeout: 50 * time.Second,
		// The lengths and checksums of COS are of the stored bytes.
		DisableCompression: true,
		ReadBufferSize:     128 << 10,
		WriteBufferSize:    128 << 10,
		ForceAttemptHTTP2:  false,
	}
}
