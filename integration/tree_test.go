package integration

import (
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sourceTree makes the tree that is copied: the standard library's net, a
// large file of random bytes, and names that have broken other mounts.
func sourceTree(t *testing.T, large int64) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	dir := t.TempDir()
	out, err := exec.Command("cp", "-r", filepath.Join(strings.TrimSpace(string(root)), "src", "net"), dir).CombinedOutput()
	require.NoError(t, err, string(out))

	random, err := os.Open("/dev/urandom")
	require.NoError(t, err)
	defer random.Close()
	big, err := os.Create(filepath.Join(dir, "large.bin"))
	require.NoError(t, err)
	_, err = io.CopyN(big, random, large)
	require.NoError(t, err)
	require.NoError(t, big.Close())

	odd := filepath.Join(dir, "odd names")
	require.NoError(t, os.Mkdir(odd, 0o755))
	for _, name := range []string{
		"two words", "中文名字.txt", "a+b", "100%", "%41", "~tilde", "#hash", "what?", ".dot", "a&b=c;d", strings.Repeat("x", 255),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(odd, name), []byte("content of "+name), 0o644))
	}
	return dir
}

// A real tree goes in through one mount, comes out through another with an
// empty cache, and is what the official SDK reads from the bucket.
func TestTreeInAndOut(t *testing.T) {
	src := sourceTree(t, 300<<20)
	m := newBox(t).mount()
	m.run("cp", "-r", src, filepath.Join(m.dir, "copy"))
	m.down()
	m.clearCache()
	m.up()
	m.run("diff", "-r", src, filepath.Join(m.dir, "copy"))
	m.down()
	files := 0
	err := filepath.WalkDir(src, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(src, path)
		require.NoError(t, err)
		require.Equal(t, fileSum(t, path), m.objectSum("copy/"+rel), rel)
		files++
		return nil
	})
	require.NoError(t, err)
	t.Logf("%d files read back through the SDK", files)
}

func fileSum(t *testing.T, path string) [32]byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	return sum(t, f)
}

// objectSum reads an object with the official SDK.
func (b *box) objectSum(key string) [32]byte {
	b.t.Helper()
	answer, err := b.sdk.Object.Get(b.t.Context(), key, nil)
	require.NoError(b.t, err, key)
	defer answer.Body.Close()
	return sum(b.t, answer.Body)
}

func sum(t testing.TB, r io.Reader) [32]byte {
	t.Helper()
	h := sha256.New()
	_, err := io.Copy(h, r)
	require.NoError(t, err)
	return [32]byte(h.Sum(nil))
}
