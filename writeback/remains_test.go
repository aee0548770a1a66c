package writeback

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// kill gives a copy of the stage's directory as it is: what a process leaves
// that is killed at this moment.
func (r *rig) kill() string {
	r.Helper()
	to := filepath.Join(r.TempDir(), "stage")
	require.NoError(r, os.MkdirAll(to, 0o700))
	for _, name := range r.staged() {
		copyFile(r.T, filepath.Join(r.cfg.Dir, name), to)
	}
	return to
}

// raise goes on with what kill has left.
func (r *rig) raise(dir string) {
	r.Helper()
	require.NoError(r, r.stage.Close())
	r.cfg.Dir = dir
	r.open()
}

// promised makes the content owed, keeps it from being uploaded and gives the
// release.
func (r *rig) promised(f *File) (release func()) {
	r.Helper()
	release, err := f.Hold(r.ctx())
	require.NoError(r, err)
	require.NoError(r, f.StoreLater(nil))
	return release
}

// limit lowers a resource limit until the function it returns is called.
func limit(t *testing.T, resource int, to uint64) (restore func()) {
	t.Helper()
	var was unix.Rlimit
	require.NoError(t, unix.Getrlimit(resource, &was))
	require.NoError(t, unix.Setrlimit(resource, &unix.Rlimit{Cur: to, Max: was.Max}))
	return func() {
		t.Helper()
		require.NoError(t, unix.Setrlimit(resource, &was))
	}
}

// More files are owed than there are descriptors.
func TestOwedFilesTakeNoDescriptors(t *testing.T) {
	r := newRig(t)
	restore := limit(t, unix.RLIMIT_NOFILE, 128)
	defer restore()
	const files = 300
	for i := range files {
		r.promised(r.create(strconv.Itoa(i), []byte("x")))
	}
	r.raise(r.kill())
	require.Len(t, r.stage.Recovered(), files)
	require.Empty(t, r.stage.Kept())
	f := r.stage.Recovered()[0]
	require.Equal(t, []byte("x"), r.read(f), "opened by who needs it")
}

// What cannot be read now is not what cannot be used: Open fails and leaves
// everything in its place.
func TestOpenFailsRatherThanForget(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, record string){
		"unreadable record": func(t *testing.T, record string) {
			require.NoError(t, os.Remove(record))
			require.NoError(t, os.Mkdir(record, 0o700))
		},
		"newer format": func(t *testing.T, record string) {
			p, err := os.ReadFile(record)
			require.NoError(t, err)
			p = []byte(strings.Replace(string(p), `"format": 1`, `"format": 2`, 1))
			require.NoError(t, os.WriteFile(record, p, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			f := r.create("k", random(10))
			r.promised(f)
			c := r.cfg
			c.Dir = r.kill()
			record := filepath.Join(c.Dir, filepath.Base(f.recordPath()))
			damage(t, record)
			_, err := Open(c)
			require.ErrorContains(t, err, filepath.Base(record))
			require.FileExists(t, filepath.Join(c.Dir, filepath.Base(f.dataPath())))
			require.NoDirExists(t, filepath.Join(c.Dir, asideDir))
		})
	}
}

// Bytes that were written after the promise do not come back when the
// recovered file grows.
func TestRecoveredFileEndsWhereItWasPromised(t *testing.T) {
	r := newRig(t)
	f := r.create("k", []byte("0123456789"))
	r.promised(f)
	r.write(f, []byte("SECRET"), 20)
	r.raise(r.kill())
	g := r.stage.Recovered()[0]
	require.EqualValues(t, 10, g.Size())
	require.NoError(t, r.stage.Check())
	require.NoError(t, g.Truncate(r.ctx(), 30))
	require.Equal(t, "0123456789"+strings.Repeat("\x00", 20), string(r.read(g)))
}

// A stored file that was still open leaves nothing.
func TestStoredFileLeavesNothing(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(1000))
	r.store(f)
	r.raise(r.kill())
	require.Empty(t, r.staged())
}

// Parked or not, a file reads and writes.
func TestParkedFile(t *testing.T) {
	r := newRig(t)
	base := r.put("edited", random(1000))
	want := random(1000)
	copy(want[5:], "first")
	f := r.edit(base)
	r.write(f, []byte("first"), 5)
	for _, use := range []func(){
		func() { require.Equal(t, want, r.read(f)) },
		func() { copy(want[50:], "second"); r.write(f, []byte("second"), 50) },
		func() { want = want[:900]; require.NoError(t, f.Truncate(r.ctx(), 900)) },
		func() { requireSeek(t, 0, 0, f.SeekData) },
		func() { require.NoError(t, f.fill(r.ctx(), 0, 900)) },
	} {
		require.NoError(t, f.promise())
		require.Nil(t, f.data)
		require.NoError(t, r.stage.Check())
		use()
		require.NoError(t, r.stage.Check())
	}
	require.NoError(t, f.promise())
	r.store(f)
	require.Equal(t, want, r.bucket("edited"))
	require.NoError(t, f.Finish(nil))
	require.Empty(t, r.staged())
	g := r.create("gone", nil)
	r.promised(g)
	require.NoError(t, g.Discard())
	require.ErrorIs(t, g.promise(), os.ErrClosed, "where StoreLater stands when it was overtaken")
	require.Empty(t, r.staged())
}
