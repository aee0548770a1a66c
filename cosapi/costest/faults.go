package costest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"cosfs/cosapi/cosserver"
)

// Fault makes requests go wrong: those of one operation and key, after letting
// Skip of them pass, Times times. The fields below Times say what happens;
// they are those of cosserver.Fault.
type Fault struct {
	Op    string // as in Counts, "GetObject"; empty: any
	Key   string // whole key, or a prefix followed by *; empty: any
	Skip  int    // matching requests that pass first
	Times int    // 0: until Clear
	// OnHit is called for every request the fault is given to, before anything
	// happens to it.
	OnHit func(*cosserver.Request)

	Delay          time.Duration
	Hold           <-chan struct{} // the request waits until this is closed
	ResetBefore    bool            // connection reset, nothing stored
	Status         int
	Code           string
	Header         http.Header
	ErrorInside200 string // code of an error document answered with 200
	ResetAfter     bool   // carried out, then connection reset without an answer
	CutAfter       int64  // bytes of the answer's body before the connection breaks; 0: whole
	Corrupt        bool   // a bit of the body's byte at CorruptAt is flipped
	CorruptAt      int64
	WrongCRC       bool
	NoRequestID    bool
	OverwriteRace  bool          // x-cos-forbid-overwrite is ignored
	ListLag        time.Duration // a listing leaves out what was written within this time
	Blanks         int           // white space before a document
}

// Faults are the rules of a server. The first that matches a request and is
// not used up applies.
type Faults struct {
	// mu guards the fields below.
	mu    sync.Mutex
	rules []*rule
	hits  int
}

type rule struct {
	Fault
	seen, hit int
}

// Add appends a rule.
func (f *Faults) Add(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, &rule{Fault: fault})
}

// Clear removes all rules.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Hits is the number of requests that were given a fault.
func (f *Faults) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// intercept is cosserver.Config.Intercept.
func (f *Faults) intercept(r *cosserver.Request) *cosserver.Fault {
	fault, found := f.match(r)
	if !found {
		return nil
	}
	if fault.OnHit != nil {
		fault.OnHit(r)
	}
	return &cosserver.Fault{
		Delay: fault.Delay, Hold: fault.Hold, ResetBefore: fault.ResetBefore, Status: fault.Status, Code: fault.Code,
		Header: fault.Header, ErrorInside200: fault.ErrorInside200, ResetAfter: fault.ResetAfter, CutAfter: fault.CutAfter,
		Corrupt: fault.Corrupt, CorruptAt: fault.CorruptAt, WrongCRC: fault.WrongCRC, NoRequestID: fault.NoRequestID,
		OverwriteRace: fault.OverwriteRace, ListLag: fault.ListLag, Blanks: fault.Blanks,
	}
}

func (f *Faults) match(r *cosserver.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.rules, func(u *rule) bool { return u.take(r) })
	if i < 0 {
		return Fault{}, false
	}
	f.hits++
	return f.rules[i].Fault, true
}

// take tells whether a rule applies to a request, and counts it.
func (u *rule) take(r *cosserver.Request) bool {
	if u.Op != "" && u.Op != r.Op || !matchKey(u.Key, r.Key) || u.Times > 0 && u.hit == u.Times {
		return false
	}
	u.seen++
	if u.seen <= u.Skip {
		return false
	}
	u.hit++
	return true
}

func matchKey(pattern, key string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(key, prefix)
	}
	return pattern == "" || pattern == key
}
