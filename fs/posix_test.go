package fs

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// skipped are the cases of posixtest that do not run, each with its reason.
var skipped = map[string]string{
	"Link":             "hard links cannot be had: two keys never share one object",
	"LinkUnlinkRename": "hard links cannot be had: two keys never share one object",
}

func TestPosix(t *testing.T) {
	for name, test := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			if reason, ok := skipped[name]; ok {
				t.Skip(reason)
			}
			w := newWorld(t, nil)
			test(t, w.dir)
		})
	}
}
