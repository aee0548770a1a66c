package fs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cache"
	"cosfs/cosapi"
	"cosfs/cosapi/costest"
	"cosfs/writeback"
)

// world is a bucket on a test server and one mount of it, which can be taken
// away and made again.
type world struct {
	t      *testing.T
	server *costest.Server
	client *cosapi.Client // another host's view of the bucket
	log    *logBuffer

	dir   string // the mountpoint
	local string // cache and stage
	setup func(*parts)

	parts
	mount *Mount
}

// parts are what a mount is built from; a test may change them before.
type parts struct {
	api   cosapi.Config
	cache cache.Config
	names cache.NamesConfig
	stage writeback.Config
	fs    Config
	opts  MountOptions

	blocks   *cache.Cache
	nameBook *cache.Names
	staged   *writeback.Stage
	system   *FS
}

// newWorld starts a server and mounts its bucket. setup changes the
// configuration of every mount.
func newWorld(t *testing.T, setup func(*parts), options ...costest.Option) *world {
	t.Helper()
	require.FileExists(t, "/dev/fuse", "these tests need FUSE")
	w := &world{t: t, server: costest.NewServer(t, options...), dir: t.TempDir(), local: t.TempDir(), log: &logBuffer{}, setup: setup}
	w.client = w.server.Client(t)
	w.up()
	t.Cleanup(w.down)
	return w
}

// up mounts.
func (w *world) up() {
	w.t.Helper()
	log := slog.New(slog.NewTextHandler(w.log, nil))
	p := parts{api: w.server.Config()}
	p.api.Log = log
	p.cache = cache.Config{Dir: filepath.Join(w.local, "blocks"), Log: log}
	p.names = cache.NamesConfig{Attrs: cache.AttrsExact, Log: log}
	p.stage = writeback.Config{Dir: filepath.Join(w.local, "stage"), Host: "here", Log: log}
	p.fs = Config{Log: log}
	if w.setup != nil {
		w.setup(&p)
	}
	w.parts = p
	w.build()
	var err error
	w.mount, err = w.system.Mount(w.dir, w.opts)
	require.NoError(w.t, err)
}

func (w *world) build() {
	w.t.Helper()
	client, err := cosapi.New(w.api)
	require.NoError(w.t, err)
	w.cache.Source = client
	w.blocks, err = cache.Open(w.cache)
	require.NoError(w.t, err)
	w.names.Bucket = client
	w.nameBook = cache.NewNames(w.names)
	w.stage.Store = client
	w.stage.OpenBase = func(v cosapi.Version) (writeback.Base, error) { return w.blocks.Get(v) }
	w.staged, err = writeback.Open(w.stage)
	require.NoError(w.t, err)
	w.fs.Bucket, w.fs.Cache, w.fs.Names, w.fs.Stage = client, w.blocks, w.nameBook, w.staged
	w.system, err = New(w.fs)
	require.NoError(w.t, err)
}

// down unmounts, waits for what is to be stored and checks what is left.
func (w *world) down() {
	w.t.Helper()
	if w.mount == nil {
		return
	}
	require.NoError(w.t, w.mount.Unmount())
	w.mount.Wait()
	w.mount = nil
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := w.system.Close(ctx); err != nil {
		w.t.Logf("not all is stored: %v", err)
	}
	require.NoError(w.t, w.staged.Check())
	require.NoError(w.t, w.staged.Close())
	w.nameBook.Close()
	require.NoError(w.t, w.blocks.Check())
	require.NoError(w.t, w.blocks.Close())
}

// remount takes the mount away and makes it again, with nothing cached.
func (w *world) remount() {
	w.t.Helper()
	w.down()
	require.NoError(w.t, os.RemoveAll(filepath.Join(w.local, "blocks")))
	w.up()
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// write writes a file through the mount.
func (w *world) write(name, body string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.path(name), []byte(body), 0o644))
}

// read reads a file through the mount.
func (w *world) read(name string) string {
	w.t.Helper()
	body, err := os.ReadFile(w.path(name))
	require.NoError(w.t, err)
	return string(body)
}

// ls lists a directory through the mount.
func (w *world) ls(name string) []string {
	w.t.Helper()
	entries, err := os.ReadDir(w.path(name))
	require.NoError(w.t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// put stores an object as another host would.
func (w *world) put(key, body string) cosapi.Object {
	w.t.Helper()
	o, err := w.client.Put(w.t.Context(), key, strings.NewReader(body), cosapi.PutOptions{})
	require.NoError(w.t, err)
	return o
}

// get reads an object as another host would.
func (w *world) get(key string) string {
	w.t.Helper()
	r, err := w.client.Get(w.t.Context(), cosapi.Version{Key: key}, cosapi.Range{Len: -1})
	require.NoError(w.t, err)
	defer r.Close()
	body, err := io.ReadAll(r)
	require.NoError(w.t, err)
	return string(body)
}

// head gives an object's attributes as another host sees them.
func (w *world) head(key string) cosapi.Object {
	w.t.Helper()
	o, err := w.client.Head(w.t.Context(), key)
	require.NoError(w.t, err)
	return o
}

// keys lists the bucket, as far as it is files.
func (w *world) keys() []string {
	w.t.Helper()
	keys := []string{}
	for page, err := range w.client.Pages(context.Background(), cosapi.ListOptions{}) {
		require.NoError(w.t, err)
		for _, e := range page.Entries {
			if e.Key != ".cosfs/posix" { // the mark, no file
				keys = append(keys, e.Key)
			}
		}
	}
	return keys
}

// requests counts what do sends, by operation.
func (w *world) requests(do func()) map[string]int64 {
	w.server.ResetCounts()
	do()
	return w.server.Counts()
}

// logBuffer collects the log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// lines gives the lines that hold a word.
func (l *logBuffer) lines(word string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, word) {
			lines = append(lines, line)
		}
	}
	return lines
}
