package integration

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var (
	fsxSteps = flag.Int("fsx", 1500, "operations of each run of TestFSX")
	fsxSeed  = flag.Uint64("fsx.seed", 0, "seed of TestFSX; 0: another one each time")
)

// One file is read, written, cut, extended, punched, mapped, closed and opened
// again at random, and always holds what was written: what the classic fsx does.
func TestFSX(t *testing.T) {
	seed := *fsxSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	for _, mode := range []string{"close", "async"} {
		for _, mapped := range []bool{false, true} {
			t.Run(fmt.Sprintf("writeback=%s,mmap=%v,seed=%d", mode, mapped, seed), func(t *testing.T) {
				m := newBox(t, "--sync", "none").mount("--writeback", mode)
				x := &fsx{t: t, rng: rand.New(rand.NewPCG(seed, 0)), path: filepath.Join(m.dir, "f"), mapped: mapped}
				x.open()
				for x.step = range *fsxSteps {
					x.operate()
				}
				require.NoError(t, x.file.Close())
				m.down()
				body, ok := m.object("f")
				require.True(t, ok)
				require.True(t, body == string(x.want), "the object is not what was written")
			})
		}
	}
}

const (
	fsxSize = 256 << 10 // bytes, at most
	fsxSpan = 64 << 10  // of one operation
)

// fsx is the file and what it must hold.
type fsx struct {
	t      *testing.T
	rng    *rand.Rand
	path   string
	mapped bool
	file   *os.File
	want   []byte
	step   int
}

func (x *fsx) open() {
	var err error
	x.file, err = os.OpenFile(x.path, os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(x.t, err)
}

func (x *fsx) operate() {
	off, size := x.rng.IntN(fsxSize-fsxSpan), 1+x.rng.IntN(fsxSpan)
	switch n := x.rng.IntN(100); {
	case n < 30:
		x.read(off, size)
	case n < 60:
		x.write(off, size)
	case n < 68:
		x.resize(x.rng.IntN(fsxSize))
	case n < 74:
		x.punch(off, size)
	case n < 98:
		x.throughMap(off, size, n%2 == 0)
	case n < 99:
		x.ok("fsync", x.file.Sync())
	default:
		x.ok("close", x.file.Close())
		x.open()
	}
}

func (x *fsx) ok(what string, err error) {
	require.NoError(x.t, err, "step %d, %s", x.step, what)
}

func (x *fsx) same(what string, got []byte, off int) {
	want := x.want[min(off, len(x.want)):min(off+len(got), len(x.want))]
	if !bytes.Equal(got, want) {
		require.Fail(x.t, "wrong bytes", "step %d, %s of %d bytes at %d of %d", x.step, what, len(got), off, len(x.want))
	}
}

func (x *fsx) read(off, size int) {
	p := make([]byte, size)
	n, err := unix.Pread(int(x.file.Fd()), p, int64(off))
	x.ok("read", err)
	if want := max(0, min(size, len(x.want)-off)); n != want {
		require.Fail(x.t, "short", "step %d: %d bytes read at %d, not %d", x.step, n, off, want)
	}
	x.same("read", p[:n], off)
}

func (x *fsx) write(off, size int) {
	p := x.fresh(size)
	_, err := x.file.WriteAt(p, int64(off))
	x.ok("write", err)
	x.want = append(x.want, make([]byte, max(0, off+size-len(x.want)))...)
	copy(x.want[off:], p)
}

func (x *fsx) fresh(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(x.rng.Uint32())
	}
	return p
}

func (x *fsx) resize(size int) {
	x.ok("truncate", x.file.Truncate(int64(size)))
	x.want = append(x.want[:min(size, len(x.want))], make([]byte, max(0, size-len(x.want)))...)
}

func (x *fsx) punch(off, size int) {
	if off >= len(x.want) {
		return
	}
	err := unix.Fallocate(int(x.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(size))
	x.ok("punch", err)
	clear(x.want[off:min(off+size, len(x.want))])
}

// throughMap reads or writes through a shared mapping of what is there.
func (x *fsx) throughMap(off, size int, write bool) {
	size = min(size, len(x.want)-off)
	if !x.mapped || size <= 0 {
		return
	}
	page := os.Getpagesize()
	start := off / page * page
	m, err := unix.Mmap(int(x.file.Fd()), int64(start), off-start+size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	x.ok("mmap", err)
	if write {
		copy(m[off-start:], x.fresh(size))
		copy(x.want[off:], m[off-start:])
		x.ok("msync", unix.Msync(m, unix.MS_SYNC))
	}
	x.same("mapped read", m[off-start:], off)
	x.ok("munmap", unix.Munmap(m))
}
