package fs

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
	"cosfs/writeback"
)

// One upload for what several processes write to one open file.
func TestClosesByOthers(t *testing.T) {
	w := newWorld(t, nil)
	require.Empty(t, w.ls("."))
	for _, name := range []string{"new", "new"} { // the second time it is truncated
		counts := w.requests(func() {
			out, err := exec.Command("sh", "-c", "for i in 1 2 3; do /bin/echo $i; done > "+w.path(name)).CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
		require.Equal(t, map[string]int64{"PutObject": 1}, counts)
		require.Equal(t, "1\n2\n3\n", w.get(name))
	}
	counts := w.requests(func() {
		f, err := os.OpenFile(w.path("new"), os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		require.NoError(t, f.Close())
	})
	require.Empty(t, counts, "nothing changed, nothing is sent")
}

// Descriptors that are passed on: the last close stores, whosever it is.
func TestCloseByTheOneLeft(t *testing.T) {
	w := newWorld(t, nil)
	out, err := exec.Command("sh", "-c", "exec 3> "+w.path("f")+"; (echo a >&3; exec 3>&-; echo b) >&3; exec 3>&-").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "a\nb\n", w.get("f"))
}

// A signal that ends a program ends its waiting in close, not the upload.
func TestSignalDuringClose(t *testing.T) {
	w := newWorld(t, nil)
	hit, hold := make(chan struct{}, 9), make(chan struct{})
	w.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { hit <- struct{}{} }})
	cmd := exec.Command("sh", "-c", "/bin/echo stored > "+w.path("f"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	<-hit
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM))
	require.Error(t, cmd.Wait(), "it was terminated")
	require.Empty(t, w.keys())
	close(hold)
	w.down()
	require.Equal(t, "stored\n", w.get("f"))
	w.up()
	require.Equal(t, "stored\n", w.read("f"))
}

// Which signals count: not those that the kernel tells of as well.
func TestSignalsThatCount(t *testing.T) {
	bit := func(n syscall.Signal) uint64 { return sigset(n) }
	for _, c := range []struct {
		name string
		s    signals
		want bool
	}{
		{"none", signals{}, false},
		{"SIGKILL", signals{pending: bit(syscall.SIGKILL)}, true},
		{"SIGURG of Go's runtime", signals{pending: bit(syscall.SIGURG), caught: bit(syscall.SIGURG)}, false},
		{"SIGURG by default", signals{pending: bit(syscall.SIGURG)}, false},
		{"SIGINT caught", signals{pending: bit(syscall.SIGINT), caught: bit(syscall.SIGINT)}, true},
		{"SIGINT ignored", signals{pending: bit(syscall.SIGINT), ignored: bit(syscall.SIGINT)}, false},
		{"SIGTERM blocked", signals{pending: bit(syscall.SIGTERM), blocked: bit(syscall.SIGTERM)}, false},
		{"SIGUSR1 kills", signals{pending: bit(syscall.SIGUSR1)}, true},
		{"SIGUSR1 caught", signals{pending: bit(syscall.SIGUSR1), caught: bit(syscall.SIGUSR1)}, false},
		{"SIGTSTP", signals{pending: bit(syscall.SIGTSTP)}, false},
	} {
		require.Equal(t, c.want, c.s.count(), c.name)
	}
	self, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	require.NotZero(t, signalsOf(self).caught, "the runtime of Go catches signals")
}

// With --writeback=async close waits for the local disk only; fsync still
// waits for COS.
func TestAsync(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.fs.Async = true })
	hold := make(chan struct{})
	w.server.Faults.Add(costest.Fault{Op: "PutObject", Key: "f", Hold: hold})
	w.write("f", "first")
	w.write("f", "second")
	require.Equal(t, "second", w.read("f"))
	require.Empty(t, w.keys())
	g, err := os.Create(w.path("g"))
	require.NoError(t, err)
	_, err = g.WriteString("synced")
	require.NoError(t, err)
	require.NoError(t, g.Sync())
	require.Equal(t, "synced", w.get("g"))
	require.NoError(t, g.Close())
	close(hold)
	w.down()
	require.Equal(t, "second", w.get("f"))
}

// Who adds to a backlog that is long enough waits as with --writeback=close.
func TestAsyncBackpressure(t *testing.T) {
	w := newWorld(t, func(p *parts) {
		p.fs.Async = true
		p.stage.MaxOwed = 100
	})
	hold := make(chan struct{})
	w.server.Faults.Add(costest.Fault{Op: "PutObject", Key: "first", Hold: hold})
	w.write("first", string(make([]byte, 1000)))
	require.Eventually(t, w.staged.Behind, 5*time.Second, time.Millisecond)
	w.write("second", "waits")
	require.Equal(t, []string{"second"}, w.keys())
	close(hold)
}

// A dead endpoint is EIO after the configured time, and what was written
// arrives by itself when it is back.
func TestDeadEndpoint(t *testing.T) {
	w := newWorld(t, func(p *parts) {
		p.api.AnswerTimeout, p.api.MaxAttempts = 200*time.Millisecond, 2
		p.stage.Retry = writeback.Backoff{Base: 10 * time.Millisecond, Cap: 50 * time.Millisecond}
	})
	w.put("there", "old")
	require.Equal(t, []string{"there"}, w.ls("."))
	f, err := os.Create(w.path("f"))
	require.NoError(t, err)
	_, err = f.WriteString("late")
	require.NoError(t, err)
	hold := make(chan struct{})
	w.server.Faults.Add(costest.Fault{Hold: hold})
	require.ErrorIs(t, f.Close(), syscall.EIO)
	_, err = os.ReadFile(w.path("there"))
	require.ErrorIs(t, err, syscall.EIO)
	w.server.Faults.Clear()
	close(hold)
	require.Eventually(t, func() bool { return w.staged.Stats().Owed == 0 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "late", w.get("f"))
	require.Equal(t, "old", w.read("there"))
}

// A large file is sent while it is written: no request but those for its
// parts, and its times, which nobody has set, are those of the object.
func TestLargeFileIsSentWhileWritten(t *testing.T) {
	w := newWorld(t, nil)
	require.Empty(t, w.ls("."))
	content := make([]byte, 40<<20)
	counts := w.requests(func() {
		f, err := os.Create(w.path("large"))
		require.NoError(t, err)
		_, err = f.Write(content)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return w.server.Counts()["UploadPart"] >= 3 }, 10*time.Second, time.Millisecond)
		require.NoError(t, f.Close())
	})
	require.Equal(t, map[string]int64{"InitiateMultipartUpload": 1, "UploadPart": 5, "CompleteMultipartUpload": 1}, counts)
	require.NotContains(t, w.head("large").Meta, metaMtime)
	before, err := os.Stat(w.path("large"))
	require.NoError(t, err)

	want := time.Unix(1234567890, 5)
	counts = w.requests(func() { // as cp -p does
		f, err := os.Create(w.path("dated"))
		require.NoError(t, err)
		_, err = f.Write(content)
		require.NoError(t, err)
		require.NoError(t, os.Chtimes(w.path("dated"), want, want))
		require.NoError(t, f.Close())
	})
	require.LessOrEqual(t, counts["CopyObject"], int64(1))
	require.EqualValues(t, 5, counts["UploadPart"])
	w.remount()
	after, err := os.Stat(w.path("large"))
	require.NoError(t, err)
	require.WithinDuration(t, before.ModTime(), after.ModTime(), time.Second)
	dated, err := os.Stat(w.path("dated"))
	require.NoError(t, err)
	require.True(t, want.Equal(dated.ModTime()), dated.ModTime())
}
