package cache

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// flip turns a bit of a file, as a bad disk would.
func flip(t testing.TB, path string, off int64) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	var p [1]byte
	_, err = f.ReadAt(p[:], off)
	require.NoError(t, err)
	p[0] ^= 4
	_, err = f.WriteAt(p[:], off)
	require.NoError(t, err)
}

func TestFlippedBitsAreFetchedAgain(t *testing.T) {
	const size = 2*mib + 100
	for _, adopted := range []bool{false, true} {
		for _, off := range []int64{0, mib - 1, mib + 5, size - 1} {
			t.Run(fmt.Sprintf("adopted %t, byte %d", adopted, off), func(t *testing.T) {
				e := newBed(t, nil)
				obj, p := e.put("f", size)
				if adopted {
					require.NoError(t, e.cache.Adopt(obj, e.local(p)))
				} else {
					o := e.get(obj.Version)
					e.fill(o)
					require.NoError(t, o.Close())
				}
				require.True(t, e.settleNow())
				e.reopen()
				e.server.ResetCounts()
				flip(t, e.cache.dir.final(idOf(obj.Version)), off)
				o := e.get(obj.Version)
				require.True(t, o.Complete(), "nobody has looked yet")
				require.True(t, bytes.Equal(p, e.readAll(o, 100_000)))
				require.Equal(t, 1, e.count(Corrupted))
				require.EqualValues(t, 1, e.cache.Stats().Corrupted)
				e.fill(o)
				require.NoError(t, o.Close())
				before := e.gets()
				require.Positive(t, before)
				e.reopen()
				require.True(t, bytes.Equal(p, e.readAll(e.get(obj.Version), mib)))
				require.Equal(t, before, e.gets(), "and good from then on")
			})
		}
	}
}

// TestOnlyWhatIsReadIsChecked: a random read of a large file does not read
// all of it.
func TestOnlyWhatIsReadIsChecked(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 5*mib)
	o := e.get(obj.Version)
	e.fill(o)
	require.NoError(t, o.Close())
	e.reopen()
	flip(t, e.cache.dir.final(idOf(obj.Version)), 4*mib+1)
	o = e.get(obj.Version)
	e.requireRead(o, p, mib-10, 20)
	require.EqualValues(t, 2, o.b.proven.count())
	require.True(t, o.Complete())
	require.NoError(t, o.Close())
	o = e.get(obj.Version)
	require.EqualValues(t, 2, o.b.proven.count(), "remembered")
	e.requireRead(o, p, 4*mib, 1)
	require.Equal(t, 1, e.count(Corrupted))
}

// unproven says whether a file is to be checked, and is being checked.
func (e *bed) unproven(o *Object) (unproven, busy bool) {
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	return o.b.unproven, o.b.proving
}

func TestFileIsGivenAwayCheckedOnly(t *testing.T) {
	for name, c := range map[string]struct {
		size int64
		bad  bool
	}{"small": {3 * mib, false}, "small and bad": {3 * mib, true}, "large": {9 * mib, false}, "large and bad": {9 * mib, true}} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			obj, p := e.put("f", c.size)
			o := e.get(obj.Version)
			e.fill(o)
			require.NoError(t, o.Close())
			e.reopen()
			if c.bad {
				flip(t, e.cache.dir.final(idOf(obj.Version)), 2*mib)
			}
			o = e.get(obj.Version)
			f, ok := o.File()
			if c.size > maxGet {
				require.False(t, ok, "not yet")
				require.Eventually(t, func() bool { _, busy := e.unproven(o); return !busy }, waitLimit, waitStep)
			}
			if c.bad {
				require.False(t, ok)
				require.False(t, o.Complete())
				require.Equal(t, 1, e.count(Corrupted))
				e.fill(o)
			}
			if !ok {
				f, ok = o.File()
			}
			require.True(t, ok)
			all := make([]byte, c.size)
			_, err := f.ReadAt(all, 0)
			require.NoError(t, err)
			require.True(t, bytes.Equal(p, all))
			require.NoError(t, f.Close())
		})
	}
}

func TestTakeGivesNoWrongBytes(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 2*mib)
	require.NoError(t, e.cache.Adopt(obj, e.local(p)))
	require.True(t, e.settleNow())
	e.reopen()
	flip(t, e.cache.dir.final(idOf(obj.Version)), mib)
	path := filepath.Join(e.cfg.Dir, "taken")
	taken, err := e.cache.Take(obj.Version, path)
	require.NoError(t, err)
	require.False(t, taken)
	require.NoFileExists(t, path)
	e.requireRead(e.get(obj.Version), p, 0, 2*mib)
}

// TestUncheckedFileGivesWayAsAWhole: its blocks would lose their checksums.
func TestUncheckedFileGivesWayAsAWhole(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Size = 20 * mib })
	first, p := e.put("a", 16*mib)
	o := e.get(first.Version)
	e.fill(o)
	require.NoError(t, o.Close())
	e.reopen()
	flip(t, e.cache.dir.final(idOf(first.Version)), 15*mib)
	o = e.get(first.Version)
	e.requireRead(o, p, 0, 4096)
	second, q := e.put("bb", 16*mib)
	require.True(t, bytes.Equal(q, e.readAll(e.get(second.Version), 128<<10)))
	require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
}

func TestDamagedSealDropsTheFile(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", mib)
	require.NoError(t, e.cache.Adopt(obj, e.local(p)))
	require.True(t, e.settleNow())
	e.reopen()
	path := e.cache.dir.final(idOf(obj.Version))
	require.NoError(t, unix.Setxattr(path, sealAttr, []byte("nonsense"), 0))
	o := e.get(obj.Version)
	require.False(t, o.Complete())
	require.Equal(t, 1, e.count(Corrupted))
	e.requireRead(o, p, 0, mib)
}

func TestUnsealedFileIsBelieved(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", mib)
	require.NoError(t, e.cache.Adopt(obj, e.local(p)))
	require.True(t, e.settleNow())
	e.reopen()
	require.NoError(t, unix.Removexattr(e.cache.dir.final(idOf(obj.Version)), sealAttr))
	o := e.get(obj.Version)
	e.requireRead(o, p, 0, mib)
	f, ok := o.File()
	require.True(t, ok)
	require.NoError(t, f.Close())
	require.Zero(t, e.gets())
}

func TestSealSpans(t *testing.T) {
	for _, c := range []struct{ size, span, sums int64 }{
		{0, mib, 0}, {1, mib, 1}, {mib + 1, mib, 2}, {768 * mib, mib, 768}, {768*mib + 1, 2 * mib, 385},
		{1 << 30, 2 * mib, 512}, {50 << 40, 1 << 37, 400},
	} {
		require.Equal(t, c.span, sealSpan(c.size), c.size)
		require.Equal(t, c.sums, ceilDiv(c.size, sealSpan(c.size)))
	}
	require.Len(t, foldSums(768*mib+1, make([]uint32, 769)), 385)
	require.LessOrEqual(t, sealHead+4*maxSums, 4000)
}

func TestSealCoding(t *testing.T) {
	sums := []uint32{1, 0, 1 << 31}
	raw := encodeSeal(2*mib+1, sums)
	got, err := decodeSeal(raw, 2*mib+1)
	require.NoError(t, err)
	require.Equal(t, sums, got)
	_, err = decodeSeal(raw, 2*mib+2)
	require.ErrorIs(t, err, errDamaged, "another length")
	for i := range raw {
		raw[i] ^= 1
		_, err := decodeSeal(raw, 2*mib+1)
		require.ErrorIs(t, err, errDamaged, "byte %d", i)
		raw[i] ^= 1
	}
	for n := range raw {
		_, err := decodeSeal(raw[:n], 2*mib+1)
		require.ErrorIs(t, err, errDamaged, "%d bytes", n)
	}
}

func TestBlockSums(t *testing.T) {
	p := content(1, 3*mib+5)
	sums, err := blockSums(bytes.NewReader(p), span{mib, int64(len(p))}, make([]byte, 100_000))
	require.NoError(t, err)
	require.Len(t, sums, 3)
	for i, want := range sums {
		from := (i + 1) * mib
		require.Equal(t, want, crc32.Checksum(p[from:min(from+mib, len(p))], castagnoli))
	}
	_, err = blockSums(bytes.NewReader(p[:mib]), span{0, int64(len(p))}, make([]byte, 100_000))
	require.Error(t, err)
}

// BenchmarkFirstReadAfterOpen is the price of checking: the first pass over a
// file of an earlier mount, and a later one. Its pages are in memory.
func BenchmarkFirstReadAfterOpen(b *testing.B) {
	e := newBed(b, nil)
	obj, _ := e.put("f", 64*mib)
	o := e.get(obj.Version)
	e.fill(o)
	require.NoError(b, o.Close())
	buf := make([]byte, 128<<10)
	read := func(b *testing.B, o *Object) {
		for off := int64(0); off < obj.Size; off += int64(len(buf)) {
			if _, err := o.ReadAt(context.Background(), buf, off); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, name := range []string{"first", "later"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(obj.Size)
			for b.Loop() {
				b.StopTimer()
				e.reopen()
				o, err := e.cache.Get(obj.Version)
				require.NoError(b, err)
				if name == "later" {
					read(b, o)
				}
				b.StartTimer()
				read(b, o)
				require.NoError(b, o.Close())
			}
		})
	}
}
