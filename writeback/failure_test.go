package writeback

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// Faults that the client or one attempt gets over by itself.
func TestFaultsThatNobodySees(t *testing.T) {
	for name, c := range map[string]struct {
		fault costest.Fault
		size  int
	}{
		"503 at a put":              {costest.Fault{Op: "PutObject", Times: 1, Status: 503, Code: "SlowDown"}, 1000},
		"reset before a put":        {costest.Fault{Op: "PutObject", Times: 1, ResetBefore: true}, 1000},
		"reset after a put":         {costest.Fault{Op: "PutObject", Times: 1, ResetAfter: true}, 1000},
		"wrong CRC of a put":        {costest.Fault{Op: "PutObject", Times: 1, WrongCRC: true}, 1000},
		"wrong CRCs of puts":        {costest.Fault{Op: "PutObject", Times: 2, WrongCRC: true}, 1000},
		"wrong CRC of a part":       {costest.Fault{Op: "UploadPart", Times: 1, WrongCRC: true}, 3 * mib},
		"wrong CRC at complete":     {costest.Fault{Op: "CompleteMultipartUpload", Times: 1, WrongCRC: true}, 3 * mib},
		"reset before a part":       {costest.Fault{Op: "UploadPart", Times: 1, ResetBefore: true}, 3 * mib},
		"reset after a part":        {costest.Fault{Op: "UploadPart", Times: 1, ResetAfter: true}, 3 * mib},
		"reset after complete":      {costest.Fault{Op: "CompleteMultipartUpload", Times: 1, ResetAfter: true}, 3 * mib},
		"error inside 200":          {costest.Fault{Op: "CompleteMultipartUpload", Times: 1, ErrorInside200: "InternalError"}, 3 * mib},
		"reset after initiate":      {costest.Fault{Op: "InitiateMultipartUpload", Times: 1, ResetAfter: true}, 3 * mib},
		"blanks before the answer":  {costest.Fault{Op: "CompleteMultipartUpload", Times: 1, Blanks: 70000}, 3 * mib},
		"no forbid-overwrite there": {costest.Fault{Op: "PutObject", Times: 1, Status: 501, Code: "NotImplemented"}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			content := random(c.size)
			f := r.create("k", content)
			r.server.Faults.Add(c.fault)
			r.store(f)
			require.NotZero(t, r.server.Faults.Hits())
			require.Equal(t, content, r.bucket("k"))
			require.Equal(t, []string{"k"}, r.keys(), "no conflict with ourselves")
			require.NoError(t, f.Finish(nil))
		})
	}
}

// The same when an existing object is overwritten.
func TestFaultsOfAnOverwrite(t *testing.T) {
	for name, fault := range map[string]costest.Fault{
		"reset after the put":  {Op: "PutObject", Times: 1, ResetAfter: true},
		"wrong CRC of the put": {Op: "PutObject", Times: 2, WrongCRC: true},
		"503 at the read":      {Op: "GetObject", Times: 1, Status: 503},
		"the read is cut":      {Op: "GetObject", Times: 1, CutAfter: 100},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			content := random(10000)
			f := r.edit(r.put("k", content))
			r.write(f, []byte("new"), 7)
			r.server.Faults.Add(fault)
			r.store(f)
			copy(content[7:], "new")
			require.Equal(t, content, r.bucket("k"))
			require.Equal(t, []string{"k"}, r.keys())
		})
	}
}

// A failure is answered, the content is owed, and the background gets it
// stored without anybody asking again.
func TestFailureIsToldAndMadeGoodLater(t *testing.T) {
	for name, fault := range map[string]costest.Fault{
		"503":         {Op: "PutObject", Times: 3, Status: 503, Code: "ServiceUnavailable"},
		"denied":      {Op: "PutObject", Times: 1, Status: 403, Code: "AccessDenied"},
		"reset":       {Op: "PutObject", Times: 3, ResetBefore: true},
		"lost answer": {Op: "PutObject", Times: 1, ResetAfter: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Retry = Backoff{Base: time.Hour, Cap: time.Hour} })
			content := random(1000)
			f := r.create("k", content)
			r.server.Faults.Add(fault)
			if name == "lost answer" { // and nothing can be asked
				r.server.Faults.Add(costest.Fault{Op: "HeadObject", Times: 2, Status: 503})
			}
			_, err := f.Store(r.ctx())
			require.Error(t, err)
			var e *cosapi.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "k", e.Key)
			record, err := r.stage.readRecord(f.id)
			require.NoError(t, err)
			require.Equal(t, StateOwed, record.State)
			require.Equal(t, Extents{{0, 1000}}, record.Local)
			require.NoError(t, r.stage.Check())
			require.Len(t, r.stage.Pending(), 1)
			require.Equal(t, 1, r.stage.Pending()[0].Attempts)
			r.server.Faults.Clear()
			require.NoError(t, r.stage.Drain(r.ctx()), "does not wait for the back-off")
			require.Equal(t, content, r.bucket("k"))
			require.Equal(t, []string{"k"}, r.keys())
			require.False(t, f.Dirty())
		})
	}
}

// With a short back-off nobody has to ask at all.
func TestBackgroundRetries(t *testing.T) {
	r := newRig(t)
	stored := make(chan error, 1)
	f := r.create("k", random(1000))
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 6, Status: 500, Code: "InternalError"})
	require.NoError(t, f.StoreLater(func(_ cosapi.Object, err error) { stored <- err }))
	require.NoError(t, <-stored)
	require.Equal(t, random(1000), r.bucket("k"))
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Equal(t, Failed, r.events[0].Kind)
	last := r.events[len(r.events)-1]
	require.Equal(t, Stored, last.Kind)
	require.EqualValues(t, 1000, last.Sent)
}

// What was promised stays promised while it is changed and cut further.
func TestOwedFileIsChanged(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Retry = Backoff{Base: time.Hour, Cap: time.Hour} })
	content := random(10000)
	f := r.create("k", content)
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 2, Status: 503})
	_, err := f.Store(r.ctx())
	require.Error(t, err)
	require.NoError(t, f.Truncate(r.ctx(), 5000))
	record, err := r.stage.readRecord(f.id)
	require.NoError(t, err)
	require.EqualValues(t, 5000, record.Size)
	require.NoError(t, r.stage.Check())
	r.write(f, []byte("x"), 4999)
	r.store(f)
	want := append(content[:4999:4999], 'x')
	require.Equal(t, want, r.bucket("k"))
	require.Equal(t, []string{f.id + dataSuffix}, r.staged())
}

func TestDrainNamesWhatIsLeft(t *testing.T) {
	r := newRig(t)
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Status: 403, Code: "AccessDenied"})
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		require.NoError(t, r.create(key, random(10)).StoreLater(nil))
	}
	ctx, cancel := contextUntil(r, func() bool { return r.server.Faults.Hits() > 7 })
	defer cancel()
	err := r.stage.Drain(ctx)
	require.ErrorContains(t, err, `7 changes are not stored yet ("a", "b", "c", "d", "e", …)`)
	require.ErrorIs(t, err, cosapi.Denied)
	require.Equal(t, 7, r.stage.Stats().Owed)
	r.server.Faults.Clear()
	require.NoError(t, r.stage.Drain(r.ctx()))
	require.Len(t, r.keys(), 7)
}

// Drain does not wait for what is discarded, nor for a stage that closes.
func TestDrainEnds(t *testing.T) {
	r := newRig(t)
	drained := make(chan error)
	drain := func() { drained <- r.stage.Drain(r.ctx()) }
	f := r.create("held", random(10))
	release, err := f.Hold(r.ctx())
	require.NoError(t, err)
	require.NoError(t, f.StoreLater(nil))
	go drain()
	require.NoError(t, f.Discard())
	require.NoError(t, <-drained)
	release()

	f = r.create("held too", random(10))
	_, err = f.Hold(r.ctx())
	require.NoError(t, err)
	require.NoError(t, f.StoreLater(nil))
	go drain()
	require.Eventually(t, func() bool { f.mu.RLock(); defer f.mu.RUnlock(); return f.hurry }, 10*time.Second, time.Millisecond)
	require.NoError(t, r.stage.Close())
	require.ErrorIs(t, <-drained, ErrStageClosed)
	r.open()
	require.Len(t, r.stage.Recovered(), 1)
}

// A record that cannot be written: the error says so too.
func TestFailureWithoutADisk(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Retry = Backoff{Base: time.Hour, Cap: time.Hour} })
	f := r.create("k", random(10))
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 2, Status: 503, Code: "ServiceUnavailable"})
	require.NoError(t, mkdirInTheWay(f))
	_, err := f.Store(r.ctx())
	require.ErrorIs(t, err, cosapi.Unavailable)
	require.ErrorContains(t, err, "is a directory")
	require.NoError(t, clearTheWay(f))
	r.store(f)
}

func TestBackoff(t *testing.T) {
	b := Backoff{Base: time.Second, Cap: time.Minute}
	for failures, step := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 31: time.Minute, 1000: time.Minute} {
		for range 100 {
			p := b.pause(failures)
			require.GreaterOrEqual(t, p, step/2)
			require.LessOrEqual(t, p, step)
		}
	}
}
