package cosserver

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// adminPrefix cannot be a bucket's path: no bucket is called "-". Where the
// host names the bucket it is the beginning of a key, and no admin request.
const adminPrefix = "/-/"

// Stats is what GET /-/counts answers.
type Stats struct {
	Counts   map[string]int64 `json:"counts"`
	BytesIn  int64            `json:"bytes_in"`
	BytesOut int64            `json:"bytes_out"`
}

// serveAdmin answers the requests of Config.Admin and tells whether this was
// one. They are not signed: whoever reaches the port may send them.
//
//	GET  /-/counts           Stats, as JSON
//	POST /-/reset            sets them to zero
//	POST /-/latency?d=20ms   changes Config.Latency
//	POST /-/lifecycle        ApplyLifecycle; answers the LifecycleReport
func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request) bool {
	if !s.cfg.Admin || !strings.HasPrefix(r.URL.Path, adminPrefix) {
		return false
	}
	if _, ofBucket := bucketOfHost(r.Host, s.cfg.Domains); ofBucket {
		return false // there "-/counts" is a key like any other
	}
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, adminPrefix) {
	case "GET counts":
		writeJSON(w, Stats{Counts: s.Counts(), BytesIn: s.BytesIn(), BytesOut: s.BytesOut()})
	case "POST reset":
		s.ResetCounts()
	case "POST latency":
		d, err := time.ParseDuration(r.URL.Query().Get("d"))
		if err != nil || d < 0 {
			http.Error(w, "d must be a duration such as 20ms", http.StatusBadRequest)
			return true
		}
		s.SetLatency(d)
	case "POST lifecycle":
		report, err := s.ApplyLifecycle(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return true
		}
		writeJSON(w, report)
	default:
		http.Error(w, "GET counts, POST reset, POST latency?d=, POST lifecycle", http.StatusNotFound)
	}
	return true
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // whoever is gone needs no answer
}
