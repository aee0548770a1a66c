package fs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// xattr reads one attribute through the mount.
func (w *world) xattr(name, attribute string) (string, error) {
	buf := make([]byte, 1<<16)
	n, err := unix.Getxattr(w.path(name), attribute, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func (w *world) setXattr(name, attribute, value string) error {
	return unix.Setxattr(w.path(name), attribute, []byte(value), 0)
}

// listXattr names the attributes, and sees that each of them is there.
func (w *world) listXattr(name string) []string {
	w.t.Helper()
	buf := make([]byte, 1<<16)
	n, err := unix.Listxattr(w.path(name), buf)
	require.NoError(w.t, err)
	names := []string{}
	for attribute := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		if attribute == "" {
			continue
		}
		_, err := w.xattr(name, attribute)
		require.NoError(w.t, err, "%s is listed", attribute)
		names = append(names, attribute)
	}
	return names
}

// writableXattrs are values of every attribute of COS that can be set.
func writableXattrs() map[string]string {
	return map[string]string{
		"user.cos.storage-class":       "STANDARD_IA",
		"user.cos.content-type":        "text/x-own",
		"user.cos.cache-control":       "max-age=60",
		"user.cos.content-disposition": `attachment; filename="x"`,
		"user.cos.content-encoding":    "identity",
		"user.cos.content-language":    "zh-CN",
		"user.cos.expires":             "Wed, 21 Oct 2037 07:28:00 GMT",
		"user.cos.acl":                 "public-read",
		"user.cos.tags":                "project=a%20b&team=x",
		"user.cos.meta.host":           "db1",
		"user.mine":                    "\x00binary\xff",
	}
}

// Every attribute can be set on what is stored, on what is not stored yet, and
// on directories; it is there afterwards, also for the next mount.
func TestXattrsAreKept(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("dir"), 0o755))
	w.write("stored.txt", "body")
	open, err := os.Create(w.path("open.txt"))
	require.NoError(t, err)
	names := []string{"dir", "stored.txt", "open.txt"}
	for _, name := range names {
		for attribute, value := range writableXattrs() {
			require.NoError(t, w.setXattr(name, attribute, value), "%s of %s", attribute, name)
		}
	}
	require.NoError(t, open.Close())
	check := func() {
		t.Helper()
		for _, name := range names {
			for attribute, value := range writableXattrs() {
				got, err := w.xattr(name, attribute)
				require.NoError(t, err, "%s of %s", attribute, name)
				require.Equal(t, value, got, "%s of %s", attribute, name)
			}
			require.Equal(t, []string{
				"user.cos.cache-control", "user.cos.content-disposition", "user.cos.content-encoding",
				"user.cos.content-language", "user.cos.content-type", "user.cos.expires", "user.cos.meta.host", "user.mine",
			}, w.listXattr(name))
		}
	}
	check()
	w.remount()
	check()
	require.NoError(t, os.Chmod(w.path("stored.txt"), 0o600))
	w.write("open.txt", "new")
	require.NoError(t, w.setXattr("open.txt", "user.cos.tags", writableXattrs()["user.cos.tags"])) // not known, so lost
	check()
	w.write("open.txt", "newer") // and now known
	check()
}

func TestXattrsForReading(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	o := w.head("f")
	for attribute, want := range map[string]string{
		"user.cos.etag":          o.ETag,
		"user.cos.last-modified": o.Modified.UTC().Format("2006-01-02T15:04:05Z"),
		"user.cos.storage-class": "STANDARD",
		"user.cos.acl":           "default",
	} {
		got, err := w.xattr("f", attribute)
		require.NoError(t, err, attribute)
		require.Equal(t, want, got, attribute)
	}
	all, err := w.xattr("f", "user.cos")
	require.NoError(t, err)
	require.Contains(t, all, `"etag":"`+o.ETag+`"`)
	require.Empty(t, w.listXattr("f"), "nothing was chosen")

	for _, attribute := range []string{"user.cos.etag", "user.cos.crc64", "user.cos.version-id", "user.cos.last-modified", "user.cos"} {
		require.ErrorIs(t, w.setXattr("f", attribute, "x"), unix.EPERM, attribute)
	}
	for attribute, value := range map[string]string{
		"user.cos.nonsense": "x", "user.cos.meta.mode": "1", "user.cos.meta.a_b": "x", "user.cos.content-type": "a\nb",
		"user.cos.storage-class": "GOLD", "user.cos.acl": "everybody", "user.cos.tags": "=x", "user.cos.grants": "{",
		"user.cos.restore": "days=x", "user.cos.cache-control": "",
	} {
		require.ErrorIs(t, w.setXattr("f", attribute, value), unix.EINVAL, attribute)
	}
	require.ErrorIs(t, w.setXattr("f", "user.cos.restore", "days=3,tier=Standard"), unix.EINVAL, "COS refuses: it is not archived")
	require.Empty(t, w.requests(func() { require.NoError(t, w.setXattr("f", "user.cos.content-type", o.ContentType)) }), "nothing changes")
}

func TestXattrGrants(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	const grants = `[{"permission":"READ","id":"qcs::cam::uin/100000000002:uin/100000000002"}]`
	require.NoError(t, w.setXattr("f", "user.cos.grants", grants))
	got, err := w.xattr("f", "user.cos.grants")
	require.NoError(t, err)
	require.Contains(t, got, strings.Trim(grants, "[]"))
	name, err := w.xattr("f", "user.cos.acl")
	require.NoError(t, err)
	require.Equal(t, "custom", name)
	require.NoError(t, os.Chmod(w.path("f"), 0o600))
	again, err := w.xattr("f", "user.cos.grants")
	require.NoError(t, err)
	require.Equal(t, got, again, "a copy keeps them")
}

func TestXattrsOfTheBucket(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, w.client.PutBucketVersioning(t.Context(), "Enabled"))
	require.NoError(t, w.client.PutBucketTagging(t.Context(), []cosapi.Tag{{Key: "a", Value: "b"}}))
	require.NoError(t, w.client.PutBucketCORS(t.Context(), []cosapi.CORSRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}))
	for name, want := range map[string]string{
		"name": w.client.Bucket(), "versioning": "Enabled", "tagging": "a=b", "acl": "private", "cors": `"AllowedOrigins":["*"]`,
		"grants": "FULL_CONTROL", "location": "ap-",
	} {
		got, err := w.xattr("", "user.cos.bucket."+name)
		require.NoError(t, err, name)
		require.Contains(t, got, want, name)
	}
	for _, name := range []string{"lifecycle", "policy", "replication", "nonsense"} {
		_, err := w.xattr("", "user.cos.bucket."+name)
		require.ErrorIs(t, err, unix.ENODATA, name)
	}
	require.Error(t, w.setXattr("", "user.cos.bucket.acl", "private"))
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	_, err := w.xattr("d", "user.cos.bucket.acl")
	require.ErrorIs(t, err, unix.ENODATA)
}

func TestXattrLimits(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	path := w.path("f")
	require.NoError(t, unix.Setxattr(path, "user.a", []byte("12345"), unix.XATTR_CREATE))
	require.ErrorIs(t, unix.Setxattr(path, "user.a", nil, unix.XATTR_CREATE), unix.EEXIST)
	require.ErrorIs(t, unix.Setxattr(path, "user.b", nil, unix.XATTR_REPLACE), unix.ENODATA)
	require.ErrorIs(t, unix.Setxattr(path, "user.cos.content-type", []byte("a/b"), unix.XATTR_CREATE), unix.EEXIST)
	require.ErrorIs(t, unix.Setxattr(path, "user.cos.expires", []byte("x"), unix.XATTR_REPLACE), unix.ENODATA)

	n, err := unix.Getxattr(path, "user.a", nil)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	_, err = unix.Getxattr(path, "user.a", make([]byte, 4))
	require.ErrorIs(t, err, unix.ERANGE)
	_, err = unix.Listxattr(path, make([]byte, 3))
	require.ErrorIs(t, err, unix.ERANGE)

	require.ErrorIs(t, w.setXattr("f", "user.big", strings.Repeat("x", 3000)), unix.ENOSPC)
	require.ErrorIs(t, w.setXattr("f", "user.cos.meta.big", strings.Repeat("x", 2000)), unix.ENOSPC)
	require.ErrorIs(t, w.setXattr("f", "user.huge", strings.Repeat("x", 1<<16+1)), unix.E2BIG)
	require.NoError(t, w.setXattr("f", "user.fits", strings.Repeat("x", 1000)))
	require.NoError(t, os.Chown(path, 1<<31, 1<<31), "room for the largest POSIX attributes is kept")

	require.NoError(t, unix.Removexattr(path, "user.a"))
	require.ErrorIs(t, unix.Removexattr(path, "user.a"), unix.ENODATA)
	require.ErrorIs(t, unix.Removexattr(path, "user.cos.etag"), unix.EPERM)
	require.ErrorIs(t, unix.Removexattr(path, "user.cos.expires"), unix.ENODATA)
	require.Equal(t, []string{"user.fits"}, w.listXattr("f"))
}

// Programs that copy attributes get no error, and a second run has nothing to do.
func TestProgramsCopyXattrs(t *testing.T) {
	w := newWorld(t, nil)
	outside := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		require.NoError(t, err, "%s %v: %s", name, args, out)
		return string(out)
	}
	local := filepath.Join(outside, "src")
	require.NoError(t, os.Mkdir(local, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(local, "f.txt"), []byte("x"), 0o644))
	require.NoError(t, unix.Setxattr(filepath.Join(local, "f.txt"), "user.color", []byte("blue"), 0))

	require.Empty(t, run("rsync", "-aX", local+"/", w.path("r")))
	require.NoError(t, w.setXattr("r/f.txt", "user.cos.cache-control", "no-cache"))
	require.Empty(t, run("rsync", "-aX", w.path("r")+"/", w.path("r2")), "from one directory of the mount to another")
	require.Empty(t, run("rsync", "-aXi", w.path("r")+"/", w.path("r2")), "a second run finds nothing to do")
	require.Empty(t, run("cp", "-a", "--preserve=xattr", w.path("r2"), w.path("c")))
	require.Empty(t, run("cp", "-a", "--preserve=xattr", w.path("c"), outside))
	require.Empty(t, run("mv", filepath.Join(outside, "c"), w.path("m")))
	require.Empty(t, run("mv", w.path("m"), filepath.Join(outside, "back")))
	require.Empty(t, run("mv", filepath.Join(outside, "back"), w.path("end")))

	require.Equal(t, "no-cache", w.head("end/f.txt").CacheControl)
	require.Equal(t, []string{"user.color", "user.cos.cache-control"}, w.listXattr("end/f.txt"))
	require.Empty(t, run("rsync", "-aX", local+"/", w.path("r2")), "what the original has not is taken away")
	require.Equal(t, []string{"user.color"}, w.listXattr("r2/f.txt"))
	require.Contains(t, run("getfattr", "-d", "--absolute-names", w.path("r2/f.txt")), `user.color="blue"`)
}
