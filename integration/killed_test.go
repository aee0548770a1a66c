package integration

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	kills    = flag.Int("kills", 10, "how often TestKilled kills the program, in each mode")
	killSeed = flag.Uint64("kills.seed", 0, "seed of TestKilled; 0: another one each time")
)

// Writers go on while the program is killed, again and again, at random
// moments. What it has acknowledged, by close(2) or fsync(2), is in the bucket
// after the next mount has ended; a file of which it has not is the old one or
// the whole new one, never a part of it, and what was written is listed.
func TestKilled(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	for _, mode := range []string{"close", "async"} {
		t.Run(fmt.Sprintf("writeback=%s,seed=%d", mode, seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, uint64(len(mode))))
			box := newBox(t, "--sync", "none")
			k := &killing{mounted: box.mount("--writeback", mode, "--part-size", "1MiB"), rng: rng, async: mode == "async"}
			for w := range killWriters {
				k.writers = append(k.writers, newKillWriter(k.dir, w, rng.Uint64()))
			}
			for range *kills {
				k.round("--writeback", mode, "--part-size", "1MiB")
			}
			k.down()
			k.nothingElse()
			t.Logf("%d kills; %d closes and fsyncs were acknowledged, %d were not answered, %d files were being written",
				*kills, k.acknowledged, k.unanswered, k.halfway)
		})
	}
}

const (
	killWriters = 3
	killFiles   = 8                      // of each writer, written again and again
	killMoment  = 250 * time.Millisecond // at most, between a mount and its end
)

// killing is a mount that is killed, and what is known of its files.
type killing struct {
	*mounted
	rng     *rand.Rand
	async   bool
	writers []*killWriter

	acknowledged, unanswered, halfway int
}

// round lets the writers write, kills the program, and checks what the next
// mount makes of it.
func (k *killing) round(flags ...string) {
	k.t.Helper()
	pid := k.daemon()
	var writing sync.WaitGroup
	for _, w := range k.writers {
		writing.Go(w.write)
	}
	time.Sleep(time.Duration(k.rng.Int64N(int64(killMoment)))) // the random moment
	require.NoError(k.t, syscall.Kill(pid, syscall.SIGKILL))
	writing.Wait()
	k.up(flags...)
	kept := k.kept()
	k.down() // waits until COS has everything
	for _, w := range k.writers {
		for _, f := range w.files {
			k.check(f, kept)
		}
		k.acknowledged += w.acknowledged
		w.acknowledged = 0
	}
	k.up(flags...)
}

// check compares the bucket with what is known of a file.
func (k *killing) check(f *killFile, kept []string) {
	k.t.Helper()
	has, exists := k.object(f.key)
	switch {
	case f.acked != nil && exists && has == *f.acked, f.acked == nil && !exists:
		if f.touched && (k.async || f.asked == nil || has != *f.asked) && !f.overOwed(k.async) {
			require.Contains(k.t, kept, f.key, "it was being written")
		}
	case f.asked != nil && exists && has == *f.asked: // the answer was lost
	case f.overOwed(k.async):
		// It was promised, and changed again before COS had it.
	default:
		require.Fail(k.t, "lost or broken", "%s: exists %v with %d bytes, acknowledged %v, asked %v", f.key, exists, len(has), f.acked != nil, f.asked != nil)
	}
	switch {
	case f.asked != nil:
		k.unanswered++
	case f.touched:
		k.halfway++
	}
	f.acked, f.asked, f.touched, f.cut = nil, nil, false, false
	if exists {
		f.acked = &has
	}
}

// kept are the keys of which the mount says that it keeps something.
func (k *killing) kept() (keys []string) {
	k.t.Helper()
	out, err := k.cosfs("status", k.dir, "--json")
	require.NoError(k.t, err, out)
	var status struct {
		Stage struct {
			Kept []struct {
				Key string `json:"key"`
			} `json:"kept"`
		} `json:"stage"`
	}
	require.NoError(k.t, json.Unmarshal([]byte(out), &status), out)
	for _, item := range status.Stage.Kept {
		keys = append(keys, item.Key)
	}
	return keys
}

// nothingElse checks that every object is a file of a writer, and that no more
// uploads are left unfinished than kills can leave.
func (k *killing) nothingElse() {
	k.t.Helper()
	var known []string
	for _, w := range k.writers {
		for _, f := range w.files {
			known = append(known, f.key)
		}
	}
	all, _, err := k.sdk.Bucket.Get(k.t.Context(), nil)
	require.NoError(k.t, err)
	for _, o := range all.Contents {
		if !strings.HasPrefix(o.Key, ".cosfs/") {
			require.Contains(k.t, known, o.Key, "nothing is there twice")
		}
	}
	uploads, _, err := k.sdk.Bucket.ListMultipartUploads(k.t.Context(), nil)
	require.NoError(k.t, err)
	// One whose answer, with its id, came after the kill is known to nobody.
	k.t.Logf("%d uploads were left unfinished", len(uploads.Uploads))
	require.LessOrEqual(k.t, len(uploads.Uploads), *kills*killWriters)
}

// killFile is one file, and what its writer was told.
type killFile struct {
	key, path string
	acked     *string // the content of the last close or fsync that was answered; nil: none
	asked     *string // that of one that was not (yet)
	touched   bool    // it was changed since
	cut       bool    // or an open may have emptied it
}

// overOwed says that the last promise may have been one of the local disk only,
// and was followed by further changes.
func (f *killFile) overOwed(async bool) bool { return async && (f.touched || f.cut) }

// killWriter writes its own files, until the mount is gone.
type killWriter struct {
	rng          *rand.Rand
	files        []*killFile
	acknowledged int
}

func newKillWriter(dir string, n int, seed uint64) *killWriter {
	w := &killWriter{rng: rand.New(rand.NewPCG(seed, 0))}
	for i := range killFiles {
		key := fmt.Sprintf("w%d-%d", n, i)
		w.files = append(w.files, &killFile{key: key, path: dir + "/" + key})
	}
	return w
}

func (w *killWriter) write() {
	for {
		f := w.files[w.rng.IntN(len(w.files))]
		if w.change(f) != nil {
			return // killed
		}
	}
}

// change replaces a file, or changes or extends what it has.
func (w *killWriter) change(f *killFile) error {
	var now []byte
	flags := os.O_RDWR | os.O_CREATE
	if f.acked != nil && w.rng.IntN(2) == 0 {
		now = []byte(*f.acked)
	} else {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(f.path, flags, 0o644)
	if flags&os.O_TRUNC != 0 {
		f.cut = true // perhaps, if the open was not answered
	}
	if err != nil {
		return err
	}
	for range 1 + w.rng.IntN(3) {
		if now, err = w.piece(f, file, now); err != nil {
			break
		}
	}
	if err == nil && w.rng.IntN(4) == 0 {
		if err = w.ask(f, now, file.Sync); err == nil {
			now, err = w.piece(f, file, now)
		}
	}
	if err != nil {
		_ = file.Close() // the mount is gone already
		return err
	}
	return w.ask(f, now, file.Close)
}

// piece writes somewhere in a file, or behind its end.
func (w *killWriter) piece(f *killFile, file *os.File, now []byte) ([]byte, error) {
	size := 1 + w.rng.IntN(40_000)
	if w.rng.IntN(40) == 0 {
		size = 9 << 20 // in parts
	}
	off := w.rng.IntN(len(now) + 1)
	p := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(w.rng.Uint32()), byte(w.rng.Uint32()), byte(w.rng.Uint32())}).Read(p) // it never fails
	if _, err := file.WriteAt(p, int64(off)); err != nil {
		return now, err
	}
	f.touched = true
	now = slices.Grow(now, max(0, off+size-len(now)))
	now = now[:max(len(now), off+size)]
	copy(now[off:], p)
	return now, nil
}

// ask has the content acknowledged.
func (w *killWriter) ask(f *killFile, now []byte, by func() error) error {
	body := string(now)
	f.asked = &body
	if err := by(); err != nil {
		return err
	}
	f.acked, f.asked, f.touched, f.cut = &body, nil, false, false
	w.acknowledged++
	return nil
}
