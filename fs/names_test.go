package fs

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// hostile are names that have broken object store mounts before.
func hostile() []string {
	return []string{
		"two words", " leading", "trailing ", "中文名字.txt", "a+b", "100%", "%41", "%2F", "~tilde", "#hash", "what?", "a&b=c;d",
		`quote'"`, "back\\slash", ".dot", "..dots", "...", "new\nline", "tab\t", "emoji🎈", "*", strings.Repeat("x", 255), "名" + strings.Repeat("字", 84),
	}
}

func TestHostileNames(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	for _, name := range hostile() {
		w.write("d/"+name, "I am "+name)
	}
	want := append([]string{}, hostile()...)
	slices.Sort(want)
	require.Equal(t, want, w.ls("d"))
	w.remount()
	require.Equal(t, want, w.ls("d"))
	for _, name := range hostile() {
		require.Equal(t, "I am "+name, w.read("d/"+name))
		require.Equal(t, "I am "+name, w.get("d/"+name))
		require.NoError(t, os.Rename(w.path("d/"+name), w.path(name)))
		require.Equal(t, "I am "+name, w.get(name))
		require.NoError(t, os.Remove(w.path(name)))
	}
	w.settle()
	require.Equal(t, []string{"d/"}, w.keys())
}

func TestNamesThatCannotBe(t *testing.T) {
	w := newWorld(t, nil)
	deep := strings.Repeat(strings.Repeat("d", 200)+"/", 4)
	require.NoError(t, os.MkdirAll(w.path(deep), 0o755))
	fits := deep + strings.Repeat("f", 850-len(deep))
	w.write(fits, "850 bytes")
	require.Equal(t, "850 bytes", w.get(fits))
	for path, want := range map[string]error{
		fits + "x":                              syscall.ENAMETOOLONG,
		strings.Repeat("x", 256):                syscall.ENAMETOOLONG,
		"\xff\xfe":                              syscall.EILSEQ,
		"esc\x1b":                               syscall.EINVAL,
		deep + strings.Repeat("f", 200) + "/no": syscall.ENAMETOOLONG, // the directory in between is too long already
	} {
		require.ErrorIs(t, os.WriteFile(w.path(path), nil, 0o644), want, "%q", path)
	}
	require.ErrorIs(t, os.Mkdir(w.path(deep+strings.Repeat("f", 850-len(deep))), 0o755), syscall.EEXIST)
	require.ErrorIs(t, os.Mkdir(w.path(deep+strings.Repeat("g", 850-len(deep))), 0o755), syscall.ENAMETOOLONG, "a marker needs the slash too")
}

// A directory that is only implied by what is below it is one.
func TestImpliedDirectory(t *testing.T) {
	w := newWorld(t, nil)
	w.put("a/b/c", "x")
	require.Equal(t, []string{"b"}, w.ls("a"))
	require.Equal(t, "x", w.read("a/b/c"))
	require.NoError(t, os.Remove(w.path("a/b/c")))
	require.Equal(t, []string{"b"}, w.ls("a"), "it must not vanish with its last file")
	require.Contains(t, w.keys(), "a/b/")
	require.NoError(t, os.Remove(w.path("a/b")))
	require.NoError(t, os.Remove(w.path("a")))
	require.Empty(t, w.keys())
}

func TestRmdirOfWhatIsNotEmpty(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	w.put("d/other", "made elsewhere")
	require.NoError(t, os.Remove(w.path("d")), "what another host has made is seen within the TTL, and stays")
	require.Equal(t, "made elsewhere", w.get("d/other"))
	w.remount()
	require.ErrorIs(t, os.Remove(w.path("d")), syscall.ENOTEMPTY)

	require.NoError(t, os.Mkdir(w.path("e"), 0o755))
	f, err := os.Create(w.path("e/local"))
	require.NoError(t, err)
	require.ErrorIs(t, os.Remove(w.path("e")), syscall.ENOTEMPTY, "a file that is only staged counts")
	require.NoError(t, f.Close())
}

func TestSymlink(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Symlink("../target with space", w.path("l")))
	require.Equal(t, "../target with space", w.get("l"), "the body is the target, as Tencent's cosfs has it")
	require.Equal(t, "41471", w.head("l").Meta["mode"])
	w.remount()
	target, err := os.Readlink(w.path("l"))
	require.NoError(t, err)
	require.Equal(t, "../target with space", target)
	require.NoError(t, os.Rename(w.path("l"), w.path("m")))
	target, err = os.Readlink(w.path("m"))
	require.NoError(t, err)
	require.Equal(t, "../target with space", target)
}

func TestAttributesSurvive(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	at := time.Unix(1500000000, 123456789)
	require.NoError(t, os.Chown(w.path("f"), 12, 34))
	require.NoError(t, unix.Chmod(w.path("f"), 0o4750))
	require.NoError(t, os.Chtimes(w.path("f"), at.Add(time.Second), at))
	require.NoError(t, os.Mkdir(w.path("d"), 0o711))
	require.NoError(t, os.Chtimes(w.path("d"), at, at))
	check := func() {
		var st unix.Stat_t
		require.NoError(t, unix.Stat(w.path("f"), &st))
		require.EqualValues(t, unix.S_IFREG|0o4750, st.Mode)
		require.Equal(t, []uint32{12, 34}, []uint32{st.Uid, st.Gid})
		require.Equal(t, at.UnixNano(), time.Unix(st.Mtim.Unix()).UnixNano())
		require.Equal(t, at.Add(time.Second).UnixNano(), time.Unix(st.Atim.Unix()).UnixNano())
		require.NoError(t, unix.Stat(w.path("d"), &st))
		require.EqualValues(t, unix.S_IFDIR|0o711, st.Mode)
		require.Equal(t, at.UnixNano(), time.Unix(st.Mtim.Unix()).UnixNano())
	}
	check()
	w.remount()
	check()
	require.Equal(t, "1500000000", w.head("f").Meta["mtime"], "whole seconds, for the old tool")
	require.Equal(t, "body", w.read("f"))
}

// A change of attributes keeps everything else that COS has of the object.
func TestChmodKeepsTheRest(t *testing.T) {
	w := newWorld(t, nil)
	o := cosapi.PutOptions{ACL: "public-read"}
	o.ContentType, o.CacheControl, o.ContentLanguage, o.StorageClass = "text/x-test", "no-store", "fr", "STANDARD_IA"
	o.Meta = map[string]string{"color": "blue"}
	_, err := w.client.Put(t.Context(), "f", strings.NewReader("body"), o)
	require.NoError(t, err)
	check := func(key string) {
		got := w.head(key)
		require.Equal(t, []string{"text/x-test", "no-store", "fr", "STANDARD_IA", "blue"},
			[]string{got.ContentType, got.CacheControl, got.ContentLanguage, got.StorageClass, got.Meta["color"]})
		acl, err := w.client.ACL(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, "public-read", acl.Canned())
	}
	require.NoError(t, os.Chmod(w.path("f"), 0o600))
	check("f")
	require.NoError(t, os.Rename(w.path("f"), w.path("g")))
	check("g")
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	require.NoError(t, os.Rename(w.path("g"), w.path("d/g")))
	require.NoError(t, os.Rename(w.path("d"), w.path("e")))
	check("e/g")
	f, err := os.OpenFile(w.path("e/g"), os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	_, err = f.WriteString("new")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	check("e/g")
	require.Equal(t, "new", w.get("e/g"))
}

func TestXattrs(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f.txt", "body")
	get := func(name string) string {
		buf := make([]byte, 4096)
		n, err := unix.Getxattr(w.path("f.txt"), name, buf)
		require.NoError(t, err, name)
		return string(buf[:n])
	}
	require.Equal(t, w.head("f.txt").ETag, get("user.cos.etag"))
	require.Equal(t, "STANDARD", get("user.cos.storage-class"))
	require.Contains(t, get("user.cos.content-type"), "text/plain")
	require.Equal(t, "default", get("user.cos.acl"))

	set := func(name, value string) error { return unix.Setxattr(w.path("f.txt"), name, []byte(value), 0) }
	require.NoError(t, set("user.cos.storage-class", "STANDARD_IA"))
	require.NoError(t, set("user.cos.content-type", "text/x-own"))
	require.NoError(t, set("user.cos.acl", "public-read"))
	require.NoError(t, set("user.mine", "value"))
	require.ErrorIs(t, set("user.cos.etag", "x"), unix.EPERM)
	require.ErrorIs(t, set("user.cos.nonsense", "x"), unix.EINVAL)
	require.ErrorIs(t, set("user.big", strings.Repeat("x", 4000)), unix.ENOSPC)
	require.ErrorIs(t, set("security.evm", "x"), unix.EOPNOTSUPP)

	w.remount()
	require.Equal(t, "STANDARD_IA", get("user.cos.storage-class"))
	require.Equal(t, "text/x-own", get("user.cos.content-type"))
	require.Equal(t, "public-read", get("user.cos.acl"))
	require.Equal(t, "value", get("user.mine"))
	buf := make([]byte, 4096)
	n, err := unix.Listxattr(w.path("f.txt"), buf)
	require.NoError(t, err)
	require.Equal(t, "user.cos.content-type\x00user.mine\x00", string(buf[:n]), "what a copy should carry")
	require.NoError(t, unix.Removexattr(w.path("f.txt"), "user.mine"))
	_, err = unix.Getxattr(w.path("f.txt"), "user.mine", buf)
	require.ErrorIs(t, err, unix.ENODATA)
	require.ErrorIs(t, unix.Removexattr(w.path("f.txt"), "user.cos.etag"), unix.EPERM)
}
