package main

import (
	"fmt"
)

// tally is the outcome of a command on many objects. What failed is told on
// stderr at once, and again in JSON.
type tally struct {
	Action string        `json:"action"`
	Bucket string        `json:"bucket"`
	Done   int           `json:"done"`
	Failed []tallyFailed `json:"failed"`
	lost   int           // failures beyond those kept
}

type tallyFailed struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id,omitempty"`
	Error     string `json:"error"`
}

// maxFailures bounds the failures that are kept for JSON; stderr has them all.
const maxFailures = 10_000

func (t *tally) fail(r *remote, key, versionID string, err error) {
	sentence := explainCall(err, r.place).Error()
	fmt.Fprintf(r.p.stderr, "cosfs: %s\n", sentence)
	if len(t.Failed) == maxFailures {
		t.lost++
		return
	}
	t.Failed = append(t.Failed, tallyFailed{key, versionID, sentence})
}

// showTally prints the outcome and makes the exit code.
func (r *remote) showTally(action string, t *tally) error {
	t.Action, t.Bucket = action, r.place.bucket
	if t.Failed == nil {
		t.Failed = []tallyFailed{}
	}
	var err error
	if r.json {
		err = r.document(t)
	}
	if n := len(t.Failed) + t.lost; n > 0 {
		return fail(exitPartly, "%s: %d of %d failed; the others are done", action, n, n+t.Done)
	}
	return err
}
