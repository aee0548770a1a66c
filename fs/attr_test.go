package fs

import (
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

var testDefaults = defaults{uid: 7, gid: 8, fileMode: 0o640, dirMode: 0o750}

func TestAttrRoundTrip(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	a := attr{
		mode: syscall.S_IFREG | 0o4751, uid: 1000, gid: 1001, rdev: 5,
		mtime: at, ctime: at.Add(time.Second), atime: at.Add(2 * time.Second),
		xattrs: xattrs{"user.a": []byte{0, 1, 2}, "user.名": []byte("x y+z")},
	}
	base := cosapi.Attrs{ContentType: "text/plain", Meta: map[string]string{"keep": "me"}}
	with := withAttr(base, a)
	require.Equal(t, "text/plain", with.ContentType)
	require.Equal(t, "me", with.Meta["keep"])
	require.Len(t, base.Meta, 1, "the given metadata must not be changed")

	got := attrOf(cosapi.Object{Attrs: with, Modified: at.Add(time.Hour)}, syscall.S_IFREG, testDefaults)
	require.Equal(t, a, got)
}

func TestAttrFallbacks(t *testing.T) {
	modified := time.Unix(1600000000, 0)
	for _, c := range []struct {
		name  string
		meta  map[string]string
		typ   uint32
		check func(t *testing.T, a attr)
	}{
		{"nothing known", nil, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.Equal(t, attr{mode: syscall.S_IFREG | 0o640, uid: 7, gid: 8, mtime: modified, ctime: modified, atime: modified}, a)
		}},
		{"directory", nil, syscall.S_IFDIR, func(t *testing.T, a attr) {
			require.EqualValues(t, syscall.S_IFDIR|0o750, a.mode)
		}},
		{"a directory's type is its key's, not its header's", map[string]string{"mode": "33188"}, syscall.S_IFDIR, func(t *testing.T, a attr) {
			require.EqualValues(t, syscall.S_IFDIR|0o644, a.mode)
		}},
		{"a file is no directory whatever its header says", map[string]string{"mode": "16877"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.EqualValues(t, syscall.S_IFREG|0o755, a.mode)
		}},
		{"link", map[string]string{"mode": "41471"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.EqualValues(t, syscall.S_IFLNK|0o777, a.mode)
		}},
		{"s3sync names", map[string]string{"permissions": "33060", "owner": "3", "group": "4"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.EqualValues(t, syscall.S_IFREG|0o444, a.mode)
			require.EqualValues(t, 3, a.uid)
			require.EqualValues(t, 4, a.gid)
		}},
		{"mtime of s3fs and rclone", map[string]string{"mtime": "1500000000.25"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.Equal(t, time.Unix(1500000000, 250000000), a.mtime)
		}},
		{"the old tool changed mtime since", map[string]string{"mtime": "1500000001", metaMtimeFine: "1500000000.250000000"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.Equal(t, time.Unix(1500000001, 0), a.mtime)
		}},
		{"times of s3fs", map[string]string{"mtime": "1500000000", "ctime": "1500000001.5", "atime": "1500000002.000000001"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.Equal(t, time.Unix(1500000001, 500000000), a.ctime)
			require.Equal(t, time.Unix(1500000002, 1), a.atime)
		}},
		{"gsutil", map[string]string{
			"goog-reserved-posix-mode": "100600", "goog-reserved-posix-uid": "3", "goog-reserved-posix-gid": "4",
			"goog-reserved-file-mtime": "1500000000", "goog-reserved-file-atime": "1500000001",
		}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.Equal(t, attr{
				mode: syscall.S_IFREG | 0o600, uid: 3, gid: 4,
				mtime: time.Unix(1500000000, 0), atime: time.Unix(1500000001, 0), ctime: modified,
			}, a)
		}},
		{"a file gateway", map[string]string{"file-permissions": "0640", "file-owner": "3", "file-group": "4"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.EqualValues(t, syscall.S_IFREG|0o640, a.mode)
			require.EqualValues(t, 3, a.uid)
			require.EqualValues(t, 4, a.gid)
		}},
		{"ours before those of others", map[string]string{"mode": "33188", "permissions": "33060", "file-permissions": "0600"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.EqualValues(t, syscall.S_IFREG|0o644, a.mode)
		}},
		{"garbage", map[string]string{"mode": "rw", "uid": "-1", "mtime": "yesterday", "xattr": "%zz"}, syscall.S_IFREG, func(t *testing.T, a attr) {
			require.EqualValues(t, syscall.S_IFREG|0o640, a.mode)
			require.EqualValues(t, 7, a.uid)
			require.Equal(t, modified, a.mtime)
			require.Empty(t, a.xattrs)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.check(t, attrOf(cosapi.Object{Attrs: cosapi.Attrs{Meta: c.meta}, Modified: modified}, c.typ, testDefaults))
		})
	}
}

func TestApply(t *testing.T) {
	now := time.Unix(1700000000, 0)
	a := attr{mode: syscall.S_IFREG | 0o644}
	in := &fuse.SetAttrIn{}
	require.ErrorIs(t, a.apply(in, now), errNoChange)

	in.Valid = fuse.FATTR_MODE | fuse.FATTR_UID | fuse.FATTR_MTIME
	in.Mode, in.Uid, in.Mtime, in.Mtimensec = syscall.S_IFREG|0o600, 9, 1500000000, 5
	require.NoError(t, a.apply(in, now))
	require.Equal(t, attr{mode: syscall.S_IFREG | 0o600, uid: 9, mtime: time.Unix(1500000000, 5), ctime: now}, a)
}

func TestDropPrivileges(t *testing.T) {
	for _, c := range []struct{ mode, want uint32 }{
		{syscall.S_IFREG | 0o6755, syscall.S_IFREG | 0o0755},
		{syscall.S_IFREG | 0o2644, syscall.S_IFREG | 0o2644}, // setgid without group execution is no privilege
		{syscall.S_IFDIR | 0o6755, syscall.S_IFDIR | 0o6755},
	} {
		a := attr{mode: c.mode}
		a.dropPrivileges()
		require.EqualValues(t, c.want, a.mode)
	}
}

func FuzzParseXattrs(f *testing.F) {
	f.Add("%7B%22user.a%22%3A%22AQI%3D%22%7D")
	f.Add("{}")
	f.Fuzz(func(t *testing.T, header string) {
		x := parseXattrs(header)
		require.Equal(t, len(x), len(parseXattrs(x.pack())))
	})
}
