package writeback

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/costest"
)

// Writers of disjoint quarters of one file, a reader and somebody who stores
// all the time, over a server where every few requests something goes wrong:
// errors are allowed, wrong bytes are not.
func TestWritersAndFaults(t *testing.T) {
	const writers, quarter, rounds = 4, mib, 30
	r := newRig(t)
	for _, fault := range []costest.Fault{
		{Op: "UploadPart", Skip: 3, Times: 2, Status: 503, Code: "SlowDown"},
		{Op: "UploadPart", Skip: 5, Times: 1, ResetAfter: true},
		{Op: "UploadPart", Skip: 7, Times: 2, WrongCRC: true},
		{Op: "CompleteMultipartUpload", Skip: 1, Times: 2, ResetAfter: true},
		{Op: "CompleteMultipartUpload", Skip: 2, Times: 1, ErrorInside200: "InternalError"},
		{Op: "UploadPartCopy", Skip: 2, Times: 2, ResetBefore: true},
		{Op: "GetObject", Skip: 1, Times: 2, CutAfter: 1000},
		{Op: "HeadObject", Skip: 1, Times: 1, Status: 500},
	} {
		r.server.Faults.Add(fault)
	}
	model := random(writers*quarter - 100)
	f := r.edit(r.put("k", model))
	model = append(model, make([]byte, 100)...)
	r.write(f, []byte{0}, int64(len(model)-1))
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 5))
			mine := model[w*quarter : (w+1)*quarter]
			for range rounds {
				p := random(1 + rng.IntN(5000))
				off := rng.IntN(quarter - len(p))
				if _, err := f.WriteAt(r.ctx(), p, int64(w*quarter+off)); err != nil {
					t.Error(err)
					return
				}
				copy(mine[off:], p)
				got := make([]byte, len(p))
				if _, err := f.ReadAt(r.ctx(), got, int64(w*quarter+off)); err == nil && string(got) != string(p) {
					t.Error("what was written is not what is read")
				}
			}
		})
	}
	for range rounds / 3 {
		_, err := f.Store(r.ctx())
		t.Log(err)
	}
	wg.Wait()
	r.server.Faults.Clear()
	r.store(f)
	require.Equal(t, model, r.bucket("k"))
	require.Equal(t, model, r.read(f))
	require.Equal(t, []string{"k"}, r.keys(), "no conflict with ourselves")
	require.Zero(t, r.uploads())
	require.NoError(t, f.Finish(nil))
}
