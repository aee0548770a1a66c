package writeback

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

func TestLockedDirectory(t *testing.T) {
	r := newRig(t)
	_, err := Open(r.cfg)
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	require.Equal(t, LockedError{Dir: r.cfg.Dir, PID: os.Getpid()}, *locked)
	require.Contains(t, locked.Error(), "unmount")
	require.Contains(t, (&LockedError{Dir: "d"}).Error(), "another process")
	require.NoError(t, r.stage.Close())
	require.NoError(t, r.stage.Close(), "closing twice is harmless")
	_, err = r.stage.Create("k", cosapi.PutOptions{})
	require.ErrorIs(t, err, os.ErrClosed)
	r.open()
}

func TestOpenRefusals(t *testing.T) {
	r := newRig(t)
	for name, change := range map[string]func(*Config){
		"no directory":   func(c *Config) { c.Dir = "" },
		"no store":       func(c *Config) { c.Store = nil },
		"small parts":    func(c *Config) { c.PartSize = 1000 },
		"large parts":    func(c *Config) { c.PartSize = maxPart + 1 },
		"file in place":  func(c *Config) { c.Dir = filepath.Join(r.cfg.Dir, lockName) },
		"unwritable dir": func(c *Config) { c.Dir = "/proc/stage" },
	} {
		c := r.cfg
		change(&c)
		_, err := Open(c)
		require.Error(t, err, name)
	}
}

// recoverAll does what fs does at mount.
func (r *rig) recoverAll() {
	r.Helper()
	for _, f := range r.stage.Recovered() {
		require.True(r, f.Dirty())
		require.NoError(r, f.StoreLater(nil))
	}
	require.NoError(r, r.stage.Drain(r.ctx()))
	require.NoError(r, r.stage.Check())
	for _, f := range r.stage.Recovered() {
		require.NoError(r, f.Finish(nil))
	}
}

// What Close finds owed is stored after the next Open.
func TestCloseKeepsWhatIsOwed(t *testing.T) {
	r := newRig(t)
	hold := make(chan struct{})
	defer close(hold)
	r.server.Faults.Add(costest.Fault{Hold: hold, Op: "PutObject"})
	small, edited := random(1000), random(5000)
	base := r.put2("edited", edited)
	f := r.create("small", small)
	f.SetOptions(cosapi.PutOptions{Attrs: cosapi.Attrs{Meta: map[string]string{"mode": "1"}}})
	told := make(chan error, 3)
	done := func(_ cosapi.Object, err error) { told <- err }
	require.NoError(t, f.StoreLater(done))
	g := r.edit(base)
	r.write(g, []byte("new"), 9)
	go func() { // in the manner of fsync: no promise yet, but asked for
		_, err := g.Store(r.ctx())
		told <- err
	}()
	waitPending(r, 2)
	empty := r.create("empty", nil)
	require.NoError(t, empty.StoreLater(done))
	require.NoError(t, r.stage.Close())
	for range 3 {
		require.ErrorIs(t, <-told, ErrStageClosed)
	}
	_, err := f.ReadAt(r.ctx(), make([]byte, 1), 0)
	require.ErrorIs(t, err, os.ErrClosed)
	r.server.Faults.Clear()
	r.open()
	require.Len(t, r.stage.Recovered(), 3)
	require.Empty(t, r.stage.Kept())
	r.recoverAll()
	copy(edited[9:], "new")
	require.Equal(t, small, r.bucket("small"))
	require.Equal(t, edited, r.bucket("edited"))
	require.Empty(t, r.bucket("empty"))
	head, err := r.client.Head(r.ctx(), "small")
	require.NoError(t, err)
	require.Equal(t, "1", head.Meta["mode"])
	require.Len(t, r.keys(), 3)
	require.Empty(t, r.staged())
}

// put2 makes an object by multipart, past faults of PutObject.
func (r *rig) put2(key string, content []byte) cosapi.Object {
	r.Helper()
	id, err := r.client.StartUpload(r.ctx(), key, cosapi.PutOptions{})
	require.NoError(r, err)
	part, err := r.client.UploadPart(r.ctx(), key, id, 1, newReader(content))
	require.NoError(r, err)
	_, err = r.client.CompleteUpload(r.ctx(), key, id, []cosapi.Part{part})
	require.NoError(r, err)
	o, err := r.client.Head(r.ctx(), key)
	require.NoError(r, err)
	return o
}

func waitPending(r *rig, n int) {
	r.Helper()
	require.Eventually(r, func() bool { return len(r.stage.Pending()) == n }, 10*time.Second, time.Millisecond)
}

// Files that nobody closed are kept, exactly, and not uploaded.
func TestOpenFilesAreKept(t *testing.T) {
	r := newRig(t)
	content := random(5000)
	f := r.create("never closed", content)
	r.write(f, content, 10000)
	r.reopen()
	require.Empty(t, r.stage.Recovered())
	require.Len(t, r.stage.Kept(), 1)
	kept := r.stage.Kept()[0]
	require.Equal(t, "never closed", kept.Key)
	require.Equal(t, StateOpen, kept.State)
	require.EqualValues(t, 15000, kept.Size)
	p, err := os.ReadFile(kept.Path)
	require.NoError(t, err)
	require.Equal(t, content, p[10000:])
	require.Empty(t, r.keys())
	require.Equal(t, 1, r.stage.Stats().Kept)
	g := r.create("new", content)
	require.NotEqual(t, kept.ID, g.id)
	r.reopen()
	require.Len(t, r.stage.Kept(), 2, "for ever")
}

// A multipart upload that was begun goes on: equal parts are not sent again.
func TestUploadIsContinuedAfterARemount(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parallel = 1 })
	content := random(6 * mib)
	f := r.create("k", content)
	hold, hit := make(chan struct{}), make(chan struct{})
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 3, Times: 1, Hold: hold, ResetBefore: true, OnHit: func(*cosserver.Request) { close(hit) }})
	require.NoError(t, f.StoreLater(nil))
	<-hit
	r.write(f, []byte("changed since"), mib)
	require.NoError(t, r.stage.Close())
	close(hold)
	r.open()
	r.requests()
	r.recoverAll()
	got := r.requests()
	require.Zero(t, got["InitiateMultipartUpload"])
	require.EqualValues(t, 1, got["ListParts"])
	require.EqualValues(t, 4, got["UploadPart"], "parts 1 and 3 are there; 2 is another, 4 to 6 are missing")
	copy(content[mib:], "changed since")
	require.Equal(t, content, r.bucket("k"))
}

// The upload of a file that nobody closed is aborted at the next Open.
func TestUploadOfAKeptFileIsAborted(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(3*mib))
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Status: 503, Code: "ServiceUnavailable"})
	_, err := f.Store(r.ctx())
	require.Error(t, err)
	require.Equal(t, 1, r.uploads())
	f.disk.Lock()
	require.NoError(t, f.save(StateOpen, false), "as if the close had never come")
	f.disk.Unlock()
	f.mu.Lock()
	f.wanted = f.stored
	f.mu.Unlock()
	require.NoError(t, r.stage.Close())
	r.server.Faults.Clear()
	r.open()
	require.Eventually(t, func() bool { return r.uploads() == 0 }, 10*time.Second, time.Millisecond)
	require.Empty(t, r.keys())
	require.Eventually(t, func() bool {
		record, err := r.stage.readRecord(f.id)
		return err == nil && record.Upload == nil
	}, 10*time.Second, time.Millisecond, "not tried at every mount")
}

// An upload begun with other attributes cannot be continued.
func TestStaleUploadIsAborted(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parallel = 1 })
	f := r.create("k", random(3*mib))
	hold, hit := make(chan struct{}), make(chan struct{})
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 1, Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { close(hit) }})
	require.NoError(t, f.StoreLater(nil))
	<-hit
	f.SetOptions(cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "a/b"}})
	require.NoError(t, r.stage.Close())
	close(hold)
	r.open()
	r.recoverAll()
	head, err := r.client.Head(r.ctx(), "k")
	require.NoError(t, err)
	require.Equal(t, "a/b", head.ContentType)
	require.Zero(t, r.uploads())
}

// Stored before the crash, but the record is still there: found out, without
// sending anything, for new and for partly changed files.
func TestStoredAlready(t *testing.T) {
	for name, size := range map[string]int{"put": 1000, "parts": 3 * mib} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			base := r.put("edited", random(size))
			f, g := r.create("new", random(size)), r.edit(base)
			r.write(g, []byte("changed"), 99)
			saved := t.TempDir()
			for _, f := range []*File{f, g} {
				require.NoError(t, f.promise())
				copyFile(t, f.recordPath(), saved)
				copyFile(t, f.dataPath(), saved)
				r.store(f)
			}
			require.NoError(t, r.stage.Close())
			for _, f := range []*File{f, g} {
				copyFile(t, filepath.Join(saved, filepath.Base(f.recordPath())), r.cfg.Dir)
				copyFile(t, filepath.Join(saved, filepath.Base(f.dataPath())), r.cfg.Dir)
			}
			r.open()
			require.Len(t, r.stage.Recovered(), 2)
			before := r.server.BytesIn()
			r.recoverAll()
			require.Less(t, r.server.BytesIn()-before, int64(3*size/2), "only the put of the new file is tried")
			require.Len(t, r.keys(), 2, "no conflict with ourselves")
			require.Equal(t, random(size), r.bucket("new"))
			require.Equal(t, "changed", string(r.bucket("edited")[99:106]))
		})
	}
}

func copyFile(t *testing.T, from, toDir string) {
	t.Helper()
	p, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(toDir, filepath.Base(from)), p, 0o600))
}

// What is not understood is moved aside and never deleted; what a promise was
// broken for is listed at every mount. Data without a record was stored, and
// half a record has replaced nothing.
func TestScanMovesAside(t *testing.T) {
	r := newRig(t)
	f := r.create("owed", random(100))
	require.NoError(t, f.promise())
	short := r.create("short", random(100))
	require.NoError(t, short.promise())
	require.NoError(t, r.stage.Close())
	plant := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(r.cfg.Dir, name), []byte(text), 0o600))
	}
	plant("00000000000000aa.data", "data without a record")
	plant("00000000000000ab.json", `{"format": 1, "id": "00000000`)
	plant("00000000000000ab.data", "its data")
	plant("00000000000000ac.json.new", "half")
	plant("stranger", "?")
	require.NoError(t, os.Truncate(short.dataPath(), 50))
	r.open()
	require.NoError(t, r.stage.Check())
	require.Len(t, r.stage.Recovered(), 1)
	aside, err := os.ReadDir(filepath.Join(r.cfg.Dir, asideDir))
	require.NoError(t, err)
	names := []string{}
	for _, e := range aside {
		names = append(names, e.Name())
	}
	require.ElementsMatch(t, []string{"00000000000000ab.json", "00000000000000ab.data", "stranger",
		filepath.Base(short.recordPath()), filepath.Base(short.dataPath())}, names)
	require.Equal(t, "00000000000000ad", r.create("next", nil).id, "ids are not used twice")
	r.recoverAll()
	require.Equal(t, []string{"owed"}, r.keys())
	r.reopen()
	require.Len(t, r.staged(), 1)
	require.Len(t, r.stage.Kept(), 1)
	kept := r.stage.Kept()[0]
	require.Equal(t, "short", kept.Key)
	require.NotEmpty(t, kept.Reason)
	require.FileExists(t, kept.Path)
}

// Check sees what is wrong.
func TestCheckFinds(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, r *rig, f *File){
		"a stranger": func(t *testing.T, r *rig, f *File) {
			require.NoError(t, os.WriteFile(filepath.Join(r.cfg.Dir, "x"), nil, 0o600))
		},
		"no record":      func(t *testing.T, r *rig, f *File) { require.NoError(t, os.Remove(f.recordPath())) },
		"no data":        func(t *testing.T, r *rig, f *File) { require.NoError(t, os.Remove(f.dataPath())) },
		"short data":     func(t *testing.T, r *rig, f *File) { require.NoError(t, os.Truncate(f.dataPath(), 1)) },
		"another key":    func(t *testing.T, r *rig, f *File) { f.key = "other" },
		"another state":  func(t *testing.T, r *rig, f *File) { f.onDisk = StateOpen },
		"bytes nowhere":  func(t *testing.T, r *rig, f *File) { f.local.Cut(3, 5) },
		"disorder":       func(t *testing.T, r *rig, f *File) { f.local = Extents{{5, 9}, {0, 5}} },
		"stored ahead":   func(t *testing.T, r *rig, f *File) { f.stored = f.gen + 1 },
		"base too large": func(t *testing.T, r *rig, f *File) { f.baseLen = 5 },
		"promised":       func(t *testing.T, r *rig, f *File) { f.stored = f.gen },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			f := r.create("k", random(100))
			require.NoError(t, f.promise())
			require.NoError(t, r.stage.Check())
			damage(t, r, f)
			require.Error(t, r.stage.Check())
			require.NoError(t, r.stage.Close())
			require.NoError(t, os.RemoveAll(r.cfg.Dir))
			r.open()
		})
	}
}

// A base that cannot be opened, or ends early, is an error and no zeros.
func TestBrokenBase(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(1000))
	f := r.edit(base)
	cause := errors.New("no base")
	r.stage.cfg.OpenBase = func(cosapi.Version) (Base, error) { return nil, cause }
	_, err := f.ReadAt(r.ctx(), make([]byte, 10), 0)
	require.ErrorIs(t, err, cause)
	r.stage.cfg.OpenBase = r.openBase
	base.Size = 2000 // more than there is
	g := r.edit(base)
	n, err := g.ReadAt(r.ctx(), make([]byte, 2000), 0)
	require.Error(t, err)
	require.Zero(t, n)
}
