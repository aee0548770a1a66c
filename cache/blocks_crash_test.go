package cache

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// crashJob is what the child of TestKilledWhileFetching is to do.
type crashJob struct {
	Dir, Endpoint, Bucket string
	Versions              []cosapi.Version
	Stage                 string // adopt from here, in place of fetching; nothing is settled
}

const crashJobEnv = "COSFS_CACHE_CRASH_JOB"

// TestCrashChild is no test by itself: it is the program that
// TestKilledWhileFetching kills.
func TestCrashChild(t *testing.T) {
	text := os.Getenv(crashJobEnv)
	if text == "" {
		t.Skip("started by TestKilledWhileFetching only")
	}
	var job crashJob
	require.NoError(t, json.Unmarshal([]byte(text), &job))
	client, err := cosapi.New(cosapi.Config{Endpoint: job.Endpoint, Bucket: job.Bucket, Region: "ap-guangzhou", PathStyle: true})
	require.NoError(t, err)
	c, err := Open(Config{Dir: job.Dir, Source: client, FreeFloor: 1, Observe: func(e Event) {
		if e.Kind == Fetched || e.Kind == Completed {
			fmt.Printf("event %d\n", e.Kind)
		}
	}})
	require.NoError(t, err)
	if job.Stage != "" {
		c.settleDelay = time.Hour
		for _, v := range job.Versions {
			require.NoError(t, c.Adopt(cosapi.Object{Version: v}, filepath.Join(job.Stage, v.Key)))
		}
		select {}
	}
	for _, v := range job.Versions {
		o, err := c.Get(v)
		require.NoError(t, err)
		require.NoError(t, o.Fill(context.Background()))
		require.NoError(t, o.Close())
	}
	select {} // until killed
}

// TestKilledWhileFetching kills a process with a fetching cache after each
// number of events, and checks every byte that its successor trusts.
func TestKilledWhileFetching(t *testing.T) {
	everybody := costest.WithConfig(func(c *cosserver.Config) { c.Anonymous = true })
	e := newBed(t, nil, everybody) // the child needs no keys
	var vs []cosapi.Version
	content := map[string][]byte{}
	for i := range 4 {
		obj, p := e.put(fmt.Sprintf("f%d", i), int64(i)*5*mib+5)
		vs = append(vs, obj.Version)
		content[obj.Key] = p
	}
	for events := range 8 {
		dir := t.TempDir()
		runAndKill(t, crashJob{Dir: dir, Endpoint: e.server.URL, Bucket: e.server.Bucket, Versions: vs}, events)
		c, err := Open(Config{Dir: dir, Source: e.client, FreeFloor: 1})
		require.NoError(t, err)
		require.NoError(t, c.Check())
		for _, v := range vs {
			if c.table[idOf(v)] == nil {
				continue
			}
			o, err := c.Get(v)
			require.NoError(t, err)
			require.True(t, o.Complete())
			e.requireRead(o, content[v.Key], 0, v.Size)
			require.NoError(t, o.Close())
		}
		// Of this cache, not of the server: that may only now come to read what
		// the killed process has asked.
		require.Zero(t, c.Stats().Gets)
		require.NoError(t, c.Close())
	}
}

func runAndKill(t *testing.T, job crashJob, events int) {
	text, err := json.Marshal(job)
	require.NoError(t, err)
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	child.Env = append(os.Environ(), crashJobEnv+"="+string(text))
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	for range events {
		require.True(t, lines.Scan(), "the child ended early")
	}
	require.NoError(t, child.Process.Signal(syscall.SIGKILL))
	require.Error(t, child.Wait())
}

// allocated is the room a file takes on the disk, in bytes; 0 if it has gone.
func allocated(t testing.TB, path string) int64 {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		require.ErrorIs(t, err, unix.ENOENT)
		return 0
	}
	return st.Blocks * 512
}

// requireLease asks for the lease that is granted only while nobody can write
// to the file (fcntl(2), F_SETLEASE).
func requireLease(t testing.TB, f *os.File) {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	require.NoError(t, err)
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	require.NoError(t, err)
}
