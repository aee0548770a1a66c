package writeback

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// What was promised of a file that is unlinked while it is open does not come
// back, neither after a crash nor after a remount, and Drain does not wait.
func TestOrphan(t *testing.T) {
	for name, crash := range map[string]bool{"killed": true, "closed": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			f := r.create("k", []byte("bytes"))
			_, err := f.Hold(r.ctx()) // as fs does, for good
			require.NoError(t, err)
			told := make(chan error, 1)
			require.NoError(t, f.StoreLater(func(_ cosapi.Object, err error) { told <- err }))
			require.NoError(t, f.Orphan())
			require.ErrorIs(t, <-told, os.ErrClosed)
			require.NoError(t, r.stage.Drain(r.ctx()))
			require.Empty(t, r.stage.Pending())
			r.write(f, []byte("more"), 5)
			require.NoError(t, f.Truncate(r.ctx(), 7))
			require.Equal(t, "bytesmo", string(r.read(f)))
			require.NoError(t, f.Sync(r.ctx()))
			require.ErrorIs(t, f.StoreLater(nil), os.ErrClosed)
			_, err = f.Store(r.ctx())
			require.ErrorIs(t, err, os.ErrClosed)
			require.ErrorIs(t, f.promise(), os.ErrClosed, "where StoreLater stands when it was overtaken")
			require.NoFileExists(t, f.recordPath())
			require.NoError(t, r.stage.Check())
			if crash {
				r.raise(r.kill())
			} else {
				r.reopen()
			}
			r.recoverAll()
			require.Empty(t, r.staged())
			require.Empty(t, r.keys())
			require.ErrorIs(t, f.Orphan(), os.ErrClosed)
		})
	}
}

// An upload is called back and aborted, and Drain is told.
func TestOrphanDuringAnUpload(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parallel = 1 })
	f := r.create("k", random(3*mib))
	hold, hit := make(chan struct{}), make(chan struct{})
	defer close(hold)
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 1, Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { close(hit) }})
	require.NoError(t, f.StoreLater(nil))
	drained := make(chan error, 1)
	go func() { drained <- r.stage.Drain(context.WithoutCancel(r.ctx())) }()
	<-hit
	require.NoError(t, f.Orphan())
	require.NoError(t, <-drained)
	require.NoError(t, f.Discard())
	require.NoError(t, r.stage.Close())
	require.Zero(t, r.uploads())
	require.Empty(t, r.keys())
	r.open()
}
