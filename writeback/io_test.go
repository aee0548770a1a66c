package writeback

import (
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

func TestReadAtRules(t *testing.T) {
	r := newRig(t)
	f := r.create("k", []byte("0123456789"))
	p := make([]byte, 4)
	for _, c := range []struct {
		off  int64
		want string
		err  error
	}{{0, "0123", nil}, {6, "6789", nil}, {7, "789", io.EOF}, {10, "", io.EOF}, {99, "", io.EOF}, {-1, "", syscall.EINVAL}} {
		n, err := f.ReadAt(r.ctx(), p, c.off)
		require.Equal(t, c.err, err)
		require.Equal(t, c.want, string(p[:n]))
	}
}

func TestWriteAtBounds(t *testing.T) {
	r := newRig(t)
	f := r.create("k", nil)
	_, err := f.WriteAt(r.ctx(), []byte("x"), -1)
	require.ErrorIs(t, err, syscall.EINVAL)
	_, err = f.WriteAt(r.ctx(), []byte("x"), maxSize)
	require.ErrorIs(t, err, syscall.EFBIG)
	require.ErrorIs(t, f.Truncate(r.ctx(), maxSize+1), syscall.EFBIG)
	require.ErrorIs(t, f.Truncate(r.ctx(), -1), syscall.EINVAL)
	n, err := f.WriteAt(r.ctx(), nil, 5)
	require.Zero(t, n)
	require.NoError(t, err)
	require.Zero(t, f.Size())
}

func TestEditMovesNothing(t *testing.T) {
	r := newRig(t)
	content := random(5 * mib)
	base := r.put("k", content)
	r.requests()
	f := r.edit(base)
	require.False(t, f.Dirty())
	require.EqualValues(t, 5*mib, f.Size())
	require.Equal(t, base.Modified, f.Modified())
	r.write(f, []byte("new"), 100)
	require.Empty(t, r.requests())
	copy(content[100:], "new")
	require.Equal(t, content, r.read(f))
	o, ok := f.Object()
	require.True(t, ok)
	require.Equal(t, base, o, "until it is stored")
}

func TestTruncateOfABase(t *testing.T) {
	r := newRig(t)
	content := random(1000)
	f := r.edit(r.put("k", content))
	require.NoError(t, f.Truncate(r.ctx(), 0))
	require.True(t, f.Dirty())
	r.requests()
	r.store(f)
	require.Equal(t, map[string]int64{"PutObject": 1}, r.requests(), "O_TRUNC is one request")
	require.Empty(t, r.bucket("k"))

	f = r.edit(r.put("k2", content))
	require.NoError(t, f.Truncate(r.ctx(), 400))
	require.NoError(t, f.Truncate(r.ctx(), 800))
	want := append(append([]byte(nil), content[:400]...), make([]byte, 400)...)
	require.Equal(t, want, r.read(f), "what was cut off does not come back")
	r.store(f)
	require.Equal(t, want, r.bucket("k2"))
}

func TestAllocate(t *testing.T) {
	r := newRig(t)
	content := random(20000)
	f := r.edit(r.put("k", content))
	require.NoError(t, f.Allocate(r.ctx(), 0, 50000, unix.FALLOC_FL_KEEP_SIZE))
	require.Equal(t, content, r.read(f))
	require.False(t, f.Dirty())
	require.NoError(t, r.stage.Check())
	require.NoError(t, f.Allocate(r.ctx(), 0, 30000, 0))
	require.EqualValues(t, 30000, f.Size())
	require.NoError(t, f.Allocate(r.ctx(), 5000, 10000, punchHole))
	require.NoError(t, f.Allocate(r.ctx(), 29999, 10000, punchHole))
	require.NoError(t, f.Allocate(r.ctx(), 90000, 10000, punchHole), "beyond the end: nothing to do")
	clear(content[5000:15000])
	require.Equal(t, append(content, make([]byte, 10000)...), r.read(f))
	require.NoError(t, r.stage.Check())
	r.store(f)
	require.Equal(t, r.read(f), r.bucket("k"))
	require.ErrorIs(t, f.Allocate(r.ctx(), 0, 1, unix.FALLOC_FL_COLLAPSE_RANGE), syscall.EOPNOTSUPP)
	require.ErrorIs(t, f.Allocate(r.ctx(), 0, 0, 0), syscall.EINVAL)
	require.ErrorIs(t, f.Allocate(r.ctx(), maxSize, 1, 0), syscall.EFBIG)
}

func TestSeek(t *testing.T) {
	const block = 1 << 16
	r := newRig(t)
	f := r.create("k", nil)
	r.write(f, random(block), 2*block) // hole, data, hole
	require.NoError(t, f.Truncate(r.ctx(), 5*block))
	for _, c := range []struct{ off, data, hole int64 }{
		{0, 2 * block, 0}, {2 * block, 2 * block, 3 * block}, {2*block + 5, 2*block + 5, 3 * block}, {3 * block, -1, 3 * block},
		{5*block - 1, -1, 5*block - 1}, {5 * block, -1, -1}, {-1, -1, -1},
	} {
		requireSeek(t, c.data, c.off, f.SeekData)
		requireSeek(t, c.hole, c.off, f.SeekHole)
	}
	// What the base has is data.
	g := r.edit(r.put("b", random(3*block)))
	requireSeek(t, 5, 5, g.SeekData)
	requireSeek(t, 3*block, 5, g.SeekHole)
	require.NoError(t, g.Allocate(r.ctx(), block, block, punchHole))
	requireSeek(t, block, 0, g.SeekHole)
	requireSeek(t, 2*block, block, g.SeekData)
}

func requireSeek(t *testing.T, want, off int64, seek func(int64) (int64, error)) {
	t.Helper()
	got, err := seek(off)
	if want < 0 {
		require.ErrorIs(t, err, syscall.ENXIO)
		return
	}
	require.NoError(t, err)
	require.Equal(t, want, got, "from %d", off)
}

func TestNoSpace(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FreeFloor = 1 << 60 })
	f := r.create("k", nil)
	n, err := f.WriteAt(r.ctx(), []byte("x"), 0)
	require.Zero(t, n)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "are kept free")
	require.ErrorIs(t, f.Allocate(r.ctx(), 0, 10, 0), syscall.ENOSPC)
	require.Empty(t, r.staged())
	require.Zero(t, f.Size())
	r.store(f) // what there is can still be stored
}

func TestSpaceAsksTheDiskSometimes(t *testing.T) {
	s := space{dir: t.TempDir(), floor: 1}
	require.NoError(t, s.reserve(10))
	before := s.allowed
	require.EqualValues(t, spaceStep, before)
	require.NoError(t, s.reserve(4096))
	require.EqualValues(t, before-4096, s.allowed)
	require.NoError(t, s.reserve(spaceStep), "more than what is left: asks again")
	require.ErrorIs(t, s.reserve(1<<62), syscall.ENOSPC)
	s.dir = "/does/not/exist"
	require.ErrorIs(t, s.reserve(1), os.ErrNotExist)
}

// A file under random operations is at every moment, and after each store in
// the bucket, what a plain slice is.
func TestFileAgainstModel(t *testing.T) {
	r := newRig(t)
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 7))
		key := "model" + string(rune('a'+seed))
		model := random(rng.IntN(3 * mib))
		f := r.edit(r.put(key, model))
		model = append([]byte(nil), model...)
		for range 20 {
			model = step(r, rng, f, model)
			require.NoError(t, r.stage.Check(), "seed %d", seed)
		}
		r.store(f)
		require.Equal(t, model, r.bucket(key), "seed %d", seed)
	}
}

// step does one random operation on both.
func step(r *rig, rng *rand.Rand, f *File, model []byte) []byte {
	size := len(model)
	off, n := rng.IntN(size+mib/2), 1+rng.IntN(mib)
	switch rng.IntN(8) {
	case 0:
		require.NoError(r, f.Truncate(r.ctx(), int64(off)))
		return append(append([]byte(nil), model[:min(off, size)]...), make([]byte, max(0, off-size))...)
	case 1:
		require.NoError(r, f.Allocate(r.ctx(), int64(off), int64(n), punchHole))
		if off < size {
			clear(model[off:min(off+n, size)])
		}
		return model
	case 2:
		r.store(f)
		require.Equal(r, model, r.bucket(f.Key()))
		return model
	case 3:
		f.SetOptions(cosapi.PutOptions{Attrs: cosapi.Attrs{Meta: map[string]string{"n": string(rune('a' + rng.IntN(26)))}}})
		return model
	case 4:
		require.Equal(r, model, r.read(f))
		return model
	}
	p := random(n)
	r.write(f, p, int64(off))
	if off+n > size {
		model = append(model, make([]byte, off+n-size)...)
	}
	copy(model[off:], p)
	return model
}
