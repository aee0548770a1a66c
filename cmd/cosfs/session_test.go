package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/costest"
)

// Bounds of waiting for what happens in another process; they are reached
// only by a failing test.
const (
	eventually = 20 * time.Second
	tick       = 5 * time.Millisecond
)

// When COS does not take what is left, the end of the mount names it, here
// and to cosfs umount, and the next mount stores it.
func TestWhatCannotBeStoredIsNamedAndKept(t *testing.T) {
	s := costest.NewServer(t)
	m := newServerMount(t, s)
	session, ended := runSession(t, m, 300*time.Millisecond)
	s.Faults.Add(costest.Fault{Op: "PutObject", Status: 403, Code: "AccessDenied"})
	require.Error(t, os.WriteFile(filepath.Join(m.dir, "mine"), []byte("precious"), 0o644))

	code, _, stderr := inProcess(t, nil, "umount", m.dir)
	require.Equal(t, exitFailed, code, stderr)
	require.Contains(t, stderr, "not everything is stored")
	require.Contains(t, stderr, "mine")
	err := <-ended
	require.ErrorContains(t, err, "mine")
	require.ErrorContains(t, err, session.config.cacheDir)
	require.Equal(t, exitFailed, asFailure(err).code)

	s.Faults.Clear()
	m.mount(t)
	require.Eventually(t, func() bool {
		o, err := s.Client(t).Head(t.Context(), "mine")
		return err == nil && o.Size == int64(len("precious"))
	}, eventually, tick)
	require.Equal(t, "precious", read(t, filepath.Join(m.dir, "mine")))
	m.umount(t)
}

// A mount that fails does not wait for what an earlier one could not store.
func TestFailedMountDoesNotDrain(t *testing.T) {
	s := costest.NewServer(t)
	m := newServerMount(t, s)
	_, ended := runSession(t, m, 0)
	s.Faults.Add(costest.Fault{Op: "PutObject", Status: 403, Code: "AccessDenied"})
	require.Error(t, os.WriteFile(filepath.Join(m.dir, "mine"), []byte("precious"), 0o644))
	require.NoError(t, unmount(m.dir))
	require.Error(t, <-ended)

	p, c := sessionConfig(t, m)
	c.mountpoint = filepath.Join(m.home, "none")
	start := time.Now()
	_, err := p.openSession(t.Context(), c, slog.New(slog.DiscardHandler))
	require.Equal(t, exitMountpoint, asFailure(err).code)
	require.ErrorContains(t, err, "is refused")
	require.Less(t, time.Since(start), drainLimit)
}

// runSession mounts in this process.
func runSession(t *testing.T, m *testMount, drain time.Duration) (*session, <-chan error) {
	t.Helper()
	p, c := sessionConfig(t, m)
	s, err := p.openSession(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	s.drainLimit = drain
	ended := make(chan error, 1)
	go func() { ended <- s.run(context.WithoutCancel(t.Context())) }()
	return s, ended
}

func sessionConfig(t *testing.T, m *testMount) (*program, *mountConfig) {
	t.Helper()
	p := &program{env: append([]string{"HOME=" + m.home}, m.env...)}
	c, err := parsed("--endpoint", m.args[2], "--cache-dir", m.cache)
	require.NoError(t, err)
	c.source.bucket, c.mountpoint, c.region = m.args[0], m.dir, ""
	c.cacheDir, err = p.mountCacheDir(c)
	require.NoError(t, err)
	return p, c
}

func TestCacheDirDependsOnWhatIsMounted(t *testing.T) {
	p := &program{env: []string{"HOME=/home/u"}}
	dir := func(c mountConfig) string {
		c.cacheDir = "/c"
		d, err := p.mountCacheDir(&c)
		require.NoError(t, err)
		return d
	}
	base := mountConfig{source: source{bucket: "b-1"}, region: "ap-x"}
	same := mountConfig{source: source{bucket: "b-1"}, endpoint: "https://cos.ap-x.myqcloud.com/", mountpoint: "/elsewhere"}
	require.Equal(t, dir(base), dir(same))
	require.Regexp(t, `^/c/b-1-[0-9a-f]{8}$`, dir(base))
	for _, other := range []mountConfig{
		{source: source{bucket: "b-2"}, region: "ap-x"},
		{source: source{bucket: "b-1"}, region: "ap-y"},
		{source: source{bucket: "b-1", prefix: "d/"}, region: "ap-x"},
		{source: source{bucket: "b-1"}, local: "/l"},
	} {
		require.NotEqual(t, dir(base), dir(other))
	}
}
