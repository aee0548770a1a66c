package fs

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

func costestDenyPuts() costest.Fault {
	return costest.Fault{Op: "PutObject", Status: 403, Code: "AccessDenied"}
}

// oneLine asserts that an operation failed with a number, and that the log
// has one line about it which names the key.
func (w *world) oneLine(op, key string, err, want error) {
	w.t.Helper()
	require.ErrorIs(w.t, err, want)
	lines := w.log.lines("msg=\"" + op + " failed\"")
	require.Len(w.t, lines, 1, "%v", lines)
	require.Contains(w.t, lines[0], key)
}

func TestWrongKey(t *testing.T) {
	w := newWorld(t, func(p *parts) {
		p.api.Credentials = cosapi.Static(cosapi.Credentials{SecretID: "AKIDwrong", SecretKey: "not-the-key"})
	})
	_, err := os.Stat(w.path("f"))
	w.oneLine("lookup", "f", err, syscall.EACCES)
	require.Empty(t, w.log.lines("not-the-key"))
}

func TestExpiredSignature(t *testing.T) {
	w := newWorld(t, nil)
	w.server.Faults.Add(costest.Fault{Op: "HeadObject", Status: 403, Code: "RequestTimeTooSkewed"})
	w.server.Faults.Add(costest.Fault{Op: "ListObjects", Status: 403, Code: "RequestTimeTooSkewed"})
	_, err := os.Stat(w.path("f"))
	w.oneLine("lookup", "f", err, syscall.EACCES)
}

func TestBucketGone(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.api.Bucket = "absent-1250000000" })
	_, err := os.Stat(w.path("f"))
	w.oneLine("lookup", "f", err, syscall.EIO)
	require.Contains(t, w.log.lines("lookup failed")[0], "bucket not found")
}

func TestTruncatedBody(t *testing.T) {
	w := newWorld(t, nil)
	body := strings.Repeat("0123456789", 20_000)
	w.put("f", body)
	w.server.Faults.Add(costest.Fault{Op: "GetObject", CutAfter: 70_000, Times: 1})
	require.True(t, body == w.read("f"), "one broken body is continued")

	w.put("g", body)
	w.server.Faults.Add(costest.Fault{Op: "GetObject", CutAfter: 1})
	_, err := os.ReadFile(w.path("g"))
	w.oneLine("read", "g", err, syscall.EIO)
}

func TestThrottled(t *testing.T) {
	w := newWorld(t, nil)
	w.put("f", "body")
	w.server.Faults.Add(costest.Fault{Op: "GetObject", Status: 503, Code: "SlowDown", Times: 2})
	require.Equal(t, "body", w.read("f"), "a short burst is waited out")
	w.put("g", "body")
	w.server.Faults.Add(costest.Fault{Op: "GetObject", Status: 503, Code: "SlowDown"})
	_, err := os.ReadFile(w.path("g"))
	w.oneLine("read", "g", err, syscall.EIO)
}

func TestKeyTooLong(t *testing.T) {
	w := newWorld(t, nil)
	deep := strings.Repeat(strings.Repeat("d", 200)+"/", 4)
	require.NoError(t, os.MkdirAll(w.path(deep), 0o755))
	err := os.WriteFile(w.path(deep+strings.Repeat("x", 60)), nil, 0o644)
	require.ErrorIs(t, err, syscall.ENAMETOOLONG)
	require.Len(t, w.log.lines("errno=\"file name too long\""), 1)
}

// A staging disk that is full stops the writer, and harms nothing.
func TestFullStagingDisk(t *testing.T) {
	small := filepath.Join(t.TempDir(), "small")
	require.NoError(t, os.Mkdir(small, 0o700))
	require.NoError(t, unix.Mount("tmpfs", small, "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(small, unix.MNT_DETACH)) })
	w := newWorld(t, func(p *parts) { p.stage.Dir, p.stage.FreeFloor = filepath.Join(small, "stage"), -1 })
	w.write("before", "safe")

	f, err := os.Create(w.path("big"))
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 16<<20))
	w.oneLine("write", "big", err, syscall.ENOSPC)
	require.NoError(t, f.Close())
	require.NoError(t, os.Remove(w.path("big")))
	w.write("after", "room again")
	require.Equal(t, "room again", w.get("after"))
	require.Equal(t, "safe", w.read("before"))
}

// An endpoint that is gone gives an error in bounded time, and is used again
// when it is back.
func TestResets(t *testing.T) {
	w := newWorld(t, nil)
	w.server.Faults.Add(costest.Fault{Op: "PutObject", ResetBefore: true, Times: 1})
	w.write("f", "one")
	require.Equal(t, "one", w.get("f"))
	w.server.Faults.Add(costest.Fault{Op: "PutObject", ResetAfter: true, Times: 1})
	w.write("g", "two")
	require.Equal(t, "two", w.get("g"), "a lost answer to a create is no conflict")
	require.Equal(t, []string{"f", "g"}, w.keys())
}

// A write that cannot be stored fails at close, stays readable here, and is
// stored once it can be.
func TestStoreFailsThenSucceeds(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.stage.Retry.Base = 10 * time.Millisecond })
	w.server.Faults.Add(costestDenyPuts())
	err := os.WriteFile(w.path("f"), []byte("body"), 0o644)
	w.oneLine("close", "f", err, syscall.EACCES)
	require.Equal(t, "body", w.read("f"))
	w.server.Faults.Clear()
	require.Eventually(t, func() bool {
		_, err := w.client.Head(t.Context(), "f")
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "body", w.get("f"))
}

// A file that is being replaced when the staging disk fills up stays what it
// was: close says ENOSPC, and the half that was written is dropped.
func TestFullDiskKeepsOldVersion(t *testing.T) {
	small := filepath.Join(t.TempDir(), "small")
	require.NoError(t, os.Mkdir(small, 0o700))
	require.NoError(t, unix.Mount("tmpfs", small, "tmpfs", 0, "size=4m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(small, unix.MNT_DETACH)) })
	w := newWorld(t, func(p *parts) { p.stage.Dir, p.stage.FreeFloor = filepath.Join(small, "stage"), -1 })
	w.write("f", "the old version")

	f, err := os.OpenFile(w.path("f"), os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	_, err = f.Write(make([]byte, 16<<20))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, f.Sync(), syscall.ENOSPC)
	require.ErrorIs(t, f.Close(), syscall.ENOSPC)
	require.Equal(t, "the old version", w.get("f"))
	require.Eventually(t, func() bool {
		body, err := os.ReadFile(w.path("f"))
		return err == nil && string(body) == "the old version"
	}, 5*time.Second, 5*time.Millisecond, "once the last handle is released")
	require.Eventually(t, func() bool { return os.WriteFile(w.path("f"), []byte("room again"), 0o644) == nil }, 5*time.Second, 5*time.Millisecond)
	require.Equal(t, "room again", w.get("f"))
}
