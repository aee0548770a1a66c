package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hosts are two mounts of one bucket by two processes, which know of each other
// only through it.
type hosts struct {
	t    *testing.T
	a, b *mounted
}

const shortTTL = 300 * time.Millisecond

func newHosts(t *testing.T) *hosts {
	t.Helper()
	box := newBox(t)
	flags := []string{"--attr-ttl", shortTTL.String(), "--negative-ttl", "100ms"}
	return &hosts{t: t, a: box.mount(flags...), b: box.mount(flags...)}
}

func (h *hosts) down() {
	h.t.Helper()
	h.a.down()
	h.b.down()
}

// later waits until b shows what a has done, which takes the TTL: asked again
// and again, for the test's own machine may be slow.
func (h *hosts) later(shows func() bool, what string) {
	h.t.Helper()
	require.Eventually(h.t, shows, 10*time.Second, 20*time.Millisecond, "%s", what)
}

func (m *mounted) path(name string) string { return filepath.Join(m.dir, name) }

func (m *mounted) write(name, body string) {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(m.path(name), []byte(body), 0o644))
}

// says tells whether a file can be read, and has this content.
func (m *mounted) says(name, body string) func() bool {
	return func() bool {
		got, err := os.ReadFile(m.path(name))
		return err == nil && string(got) == body
	}
}

func (m *mounted) lacks(name string) func() bool {
	return func() bool { _, err := os.Stat(m.path(name)); return os.IsNotExist(err) }
}

func (m *mounted) names(dir string) string {
	entries, err := os.ReadDir(m.path(dir))
	require.NoError(m.t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// What one host does the other sees after --attr-ttl.
func TestTwoHosts(t *testing.T) {
	h := newHosts(t)
	a, b := h.a, h.b
	require.Empty(t, b.names(""))
	a.write("f", "one")
	h.later(b.says("f", "one"), "a new file")
	a.write("f", "two, longer")
	h.later(b.says("f", "two, longer"), "new content")
	require.NoError(t, os.Chmod(a.path("f"), 0o600))
	h.later(func() bool { s, err := os.Stat(b.path("f")); return err == nil && s.Mode() == 0o600 }, "a mode")
	require.NoError(t, os.Rename(a.path("f"), a.path("g")))
	h.later(b.says("g", "two, longer"), "the new name")
	h.later(b.lacks("f"), "not the old one")

	require.NoError(t, os.MkdirAll(a.path("d/sub"), 0o755))
	a.write("d/sub/x", "below")
	h.later(b.says("d/sub/x", "below"), "a tree")
	require.NoError(t, os.Rename(a.path("d"), a.path("e")))
	h.later(b.says("e/sub/x", "below"), "the renamed tree")
	h.later(b.lacks("d"), "not the old tree")
	require.NoError(t, os.Remove(a.path("g")))
	require.NoError(t, os.RemoveAll(a.path("e")))
	h.later(b.lacks("g"), "a removed file")
	h.later(b.lacks("e"), "a removed tree")
	h.later(func() bool { return b.names("") == "" }, "an empty listing")

	require.NoError(t, os.Symlink("target", b.path("link")))
	h.later(func() bool { s, err := os.Readlink(a.path("link")); return err == nil && s == "target" }, "a link, the other way round")
	h.down()
}

// A program that has a file open reads the version it opened, or gets ESTALE,
// never a mixture; who opens it again gets the new one.
func TestOpenFileAndTheOtherHost(t *testing.T) {
	h := newHosts(t)
	old, now := strings.Repeat("old ", 1<<18), strings.Repeat("new ", 1<<18)
	h.a.write("f", old)
	h.later(h.b.says("f", old), "the file")
	f, err := os.Open(h.b.path("f"))
	require.NoError(t, err)
	defer f.Close()
	h.a.write("f", now)
	h.later(h.b.says("f", now), "the new version by name")
	for off := int64(0); off < int64(len(old)); off += 64 << 10 {
		part := make([]byte, 4)
		_, err := f.ReadAt(part, off)
		if err != nil {
			require.ErrorIs(t, err, syscall.ESTALE)
			continue
		}
		require.Equal(t, "old ", string(part))
	}
	require.NoError(t, f.Close())
	h.down()
}

// When both write, one has the name and the other is told so, and what it wrote
// is kept as a file that both see.
func TestTwoHostsWriteOneFile(t *testing.T) {
	for name, begin := range map[string]func(h *hosts){
		"that was there": func(h *hosts) { h.a.write("f", "base"); h.later(h.b.says("f", "base"), "the base") },
		"that is new":    func(*hosts) {},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosts(t)
			begin(h)
			f, err := os.OpenFile(h.b.path("f"), os.O_WRONLY|os.O_CREATE, 0o644)
			require.NoError(t, err)
			_, err = f.WriteString("what b wrote")
			require.NoError(t, err)
			time.Sleep(shortTTL) // within it the last writer wins
			h.a.write("f", "what a wrote, and it is longer")
			require.ErrorIs(t, f.Close(), syscall.ESTALE)
			for _, m := range []*mounted{h.a, h.b} {
				h.later(m.says("f", "what a wrote, and it is longer"), "the first to store has the name")
				h.later(func() bool { return strings.Contains(m.names(""), "f.cosfs-conflict-") }, "a conflict file")
				_, kept, _ := strings.Cut(m.names(""), " ")
				require.Eventually(t, m.says(kept, "what b wrote"), 10*time.Second, 20*time.Millisecond)
			}
			h.down()
		})
	}
}

// A file that is being written where the other host removes it is stored.
func TestWriteWhatTheOtherHostRemoves(t *testing.T) {
	h := newHosts(t)
	h.a.write("f", "base")
	h.later(h.b.says("f", "base"), "the file")
	f, err := os.OpenFile(h.b.path("f"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString(" and more")
	require.NoError(t, err)
	require.NoError(t, os.Remove(h.a.path("f")))
	h.a.down() // the removal has reached the bucket
	require.NoError(t, f.Close())
	require.True(t, h.b.says("f", "base and more")())
	h.b.down()
}
