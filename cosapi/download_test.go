package cosapi_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// names are the files of a directory.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// beside finds what a download left beside its target.
func beside(t *testing.T, target, suffix string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(target), ".cosfs-*"+suffix))
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

func TestDownload(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	for _, tt := range []struct{ size, part, gets int64 }{
		{0, 0, 0}, {1, 0, 1}, {9 * mib, 0, 2}, {3*mib + 5, mib, 4}, {25_000, 1, 1}, {3 * mib, mib, 3},
	} {
		object := put(t, c, "k", randomBytes(t, 30, tt.size))
		path := filepath.Join(t.TempDir(), "target")
		require.NoError(t, os.WriteFile(path, []byte("what was there"), 0o600))
		s.ResetCounts()
		p := &progress{t: t}
		got, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{PartSize: tt.part, Progress: p.report})
		require.NoError(t, err)
		require.Equal(t, object.Version, got.Version)
		require.Equal(t, object.CRC64, fileCRC(t, path))
		require.Equal(t, []string{"target"}, names(t, filepath.Dir(path)))
		require.Equal(t, tt.gets, s.Counts()["GetObject"])
		require.Equal(t, tt.size, s.BytesOut())
		require.Equal(t, []int64{tt.size, tt.size}, []int64{p.consumed, p.total})
	}
}

func TestDownloadOfOneVersion(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	old := put(t, c, "k", []byte("old"))
	now := put(t, c, "k", []byte("new"))
	path := filepath.Join(t.TempDir(), "target")
	_, err := c.Download(t.Context(), old.Version, path, cosapi.DownloadOptions{})
	require.ErrorIs(t, err, cosapi.Changed)
	_, err = c.Download(t.Context(), cosapi.Version{Key: "missing"}, path, cosapi.DownloadOptions{})
	require.ErrorIs(t, err, cosapi.NotFound)
	_, err = c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{
		HeadOptions: cosapi.HeadOptions{IfNoneMatch: now.ETag}})
	require.ErrorIs(t, err, cosapi.NotModified)
	require.Empty(t, names(t, filepath.Dir(path)))
	got, err := c.Download(t.Context(), now.Version, path, cosapi.DownloadOptions{})
	require.NoError(t, err)
	require.Equal(t, now.Version, got.Version)
}

func TestDownloadRefuses(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	put(t, c, "k", []byte("body"))
	dir := t.TempDir()
	_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, dir, cosapi.DownloadOptions{})
	require.ErrorIs(t, err, cosapi.Invalid)
	_, err = c.Download(t.Context(), cosapi.Version{Key: "k"}, filepath.Join(dir, "no", "target"), cosapi.DownloadOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = c.Download(t.Context(), cosapi.Version{Key: "k"}, filepath.Join(dir, "t"), cosapi.DownloadOptions{PartSize: -1})
	require.ErrorIs(t, err, cosapi.Invalid)
	require.Empty(t, names(t, dir))
	require.Zero(t, s.Counts()["GetObject"])
}

func TestDownloadReplacesALink(t *testing.T) {
	c := costest.NewServer(t).Client(t)
	put(t, c, "k", []byte("body"))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), []byte("other"), 0o600))
	require.NoError(t, os.Symlink("other", filepath.Join(dir, "target")))
	_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, filepath.Join(dir, "target"), cosapi.DownloadOptions{})
	require.NoError(t, err)
	require.Equal(t, cosapi.CRC64([]byte("other")), fileCRC(t, filepath.Join(dir, "other")))
	require.Equal(t, cosapi.CRC64([]byte("body")), fileCRC(t, filepath.Join(dir, "target")))
}

func TestDownloadSurvivesFaults(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	object := put(t, c, "k", randomBytes(t, 31, 8*mib))
	s.Faults.Add(busy("HeadObject", 1))
	s.Faults.Add(busy("GetObject", 4))
	s.Faults.Add(costest.Fault{Op: "GetObject", Times: 2, ResetBefore: true})
	s.Faults.Add(costest.Fault{Op: "GetObject", Times: 4, CutAfter: 300_000})
	path := filepath.Join(t.TempDir(), "target")
	p := &progress{t: t}
	_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{PartSize: mib, Progress: p.report})
	require.NoError(t, err)
	require.Equal(t, object.CRC64, fileCRC(t, path))
	require.EqualValues(t, 8*mib, p.consumed)
	require.Equal(t, 11, s.Faults.Hits())
}

// An object replaced while it is downloaded is never mixed.
func TestDownloadOfAnObjectThatChanges(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	put(t, c, "k", randomBytes(t, 32, 8*mib))
	path := filepath.Join(t.TempDir(), "target")
	require.NoError(t, os.WriteFile(path, []byte("what was there"), 0o600))
	s.Faults.Add(costest.Fault{Op: "GetObject", Skip: 3, Times: 1, Status: 503, OnHit: func(*cosserver.Request) {
		_, err := c.Put(context.Background(), "k", bytes.NewReader(make([]byte, 8*mib)), cosapi.PutOptions{})
		require.NoError(t, err)
	}})
	o := cosapi.DownloadOptions{PartSize: mib, Concurrency: 2}
	_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path, o)
	require.ErrorIs(t, err, cosapi.Changed)
	require.ErrorContains(t, err, "download again")
	require.Equal(t, []string{"target"}, names(t, filepath.Dir(path)))
	require.Equal(t, cosapi.CRC64([]byte("what was there")), fileCRC(t, path))
	_, err = c.Download(t.Context(), cosapi.Version{Key: "k"}, path, o)
	require.NoError(t, err)
	require.Equal(t, cosapi.CRC64(make([]byte, 8*mib)), fileCRC(t, path))
}

func TestDownloadDamaged(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	object := put(t, c, "k", randomBytes(t, 33, 4*mib))
	path := filepath.Join(t.TempDir(), "target")
	s.Faults.Add(costest.Fault{Op: "GetObject", Times: 1, Corrupt: true, CorruptAt: 77})
	_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{PartSize: mib})
	require.ErrorIs(t, err, cosapi.Corrupt)
	require.Empty(t, names(t, filepath.Dir(path)), "nothing damaged is left")
	_, err = c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{PartSize: mib})
	require.NoError(t, err)
	require.Equal(t, object.CRC64, fileCRC(t, path))
}

// halfWay downloads half of an object to a path, in 32 pieces, and gives the
// number of pieces that its files have.
func halfWay(t *testing.T, c *cosapi.Client, key, path string, size int64) (have int) {
	t.Helper()
	ctx, report := canceling(t, size/2)
	_, err := c.Download(ctx, cosapi.Version{Key: key}, path, cosapi.DownloadOptions{PartSize: size / 32, Progress: report})
	require.ErrorIs(t, err, cosapi.Canceled)
	require.ErrorContains(t, err, "download again to fetch the rest")
	require.NoFileExists(t, path)
	record, err := os.ReadFile(beside(t, path, ".record"))
	require.NoError(t, err)
	return strings.Count(string(record), "\n") - 1
}

func TestDownloadResumes(t *testing.T) {
	const size, piece = 2 * mib, mib / 16
	s := costest.NewServer(t)
	c := s.Client(t)
	object := put(t, c, "k", randomBytes(t, 34, size))
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, part, record string)
		o     cosapi.DownloadOptions
		gets  func(have int) int // requests of the second call
	}{
		{"as it was", func(*testing.T, string, string) {}, cosapi.DownloadOptions{}, func(have int) int { return 32 - have }},
		{"torn record", func(t *testing.T, _, record string) {
			b, err := os.ReadFile(record)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(record, b[:len(b)-4], 0o600))
		}, cosapi.DownloadOptions{}, func(have int) int { return 32 - have + 1 }},
		{"nonsense in the record", func(t *testing.T, _, record string) {
			f, err := os.OpenFile(record, os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteString("0 0.\n-1 00.\n99999 0000000000000000.\nx\n\n1 0000000000000000.\n")
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}, cosapi.DownloadOptions{}, func(have int) int { return 32 - have }},
		{"lost bytes", func(t *testing.T, part, _ string) {
			require.NoError(t, os.Truncate(part, 0))
		}, cosapi.DownloadOptions{}, func(int) int { return 32 }},
		{"no record", func(t *testing.T, _, record string) {
			require.NoError(t, os.Remove(record))
		}, cosapi.DownloadOptions{}, func(int) int { return 32 }},
		{"empty record", func(t *testing.T, _, record string) {
			require.NoError(t, os.Truncate(record, 0))
		}, cosapi.DownloadOptions{}, func(int) int { return 32 }},
		{"fresh", func(*testing.T, string, string) {}, cosapi.DownloadOptions{Fresh: true}, func(int) int { return 32 }},
		{"other pieces", func(*testing.T, string, string) {}, cosapi.DownloadOptions{PartSize: 2 * piece}, func(int) int { return 16 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "target")
			have := halfWay(t, c, "k", path, size)
			require.Greater(t, have, 8)
			tt.spoil(t, beside(t, path, ".part"), beside(t, path, ".record"))
			again, requests := counting(t, s)
			p := &progress{t: t}
			tt.o.Progress = p.report
			if tt.o.PartSize == 0 {
				tt.o.PartSize = piece
			}
			_, err := again.Download(t.Context(), cosapi.Version{Key: "k"}, path, tt.o)
			require.NoError(t, err)
			require.Equal(t, object.CRC64, fileCRC(t, path))
			require.Equal(t, tt.gets(have), requests("GetObject"))
			require.EqualValues(t, size, p.consumed)
			require.Equal(t, []string{"target"}, names(t, filepath.Dir(path)))
		})
	}
}

func TestDownloadDoesNotResumeAnotherVersion(t *testing.T) {
	const size, piece = 2 * mib, mib / 16
	s := costest.NewServer(t)
	c := s.Client(t)
	put(t, c, "k", randomBytes(t, 35, size))
	path := filepath.Join(t.TempDir(), "target")
	halfWay(t, c, "k", path, size)
	object := put(t, c, "k", randomBytes(t, 36, size))
	again, requests := counting(t, s)
	_, err := again.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{PartSize: piece})
	require.NoError(t, err)
	require.Equal(t, object.CRC64, fileCRC(t, path))
	require.Equal(t, 32, requests("GetObject"))
}

// Two downloads to one path do not write into one file.
func TestDownloadTwiceAtOnce(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	object := put(t, c, "k", randomBytes(t, 37, mib))
	path := filepath.Join(t.TempDir(), "target")
	hold, hit := make(chan struct{}), make(chan struct{}, 1)
	s.Faults.Add(costest.Fault{Op: "GetObject", Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { hit <- struct{}{} }})
	first := make(chan error, 1)
	go func() {
		_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{})
		first <- err
	}()
	<-hit
	_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{})
	require.ErrorIs(t, err, cosapi.InProgress)
	_, err = c.Download(t.Context(), cosapi.Version{Key: "k"}, path+"2", cosapi.DownloadOptions{})
	require.NoError(t, err)
	close(hold)
	require.NoError(t, <-first)
	require.Equal(t, object.CRC64, fileCRC(t, path))
	require.Equal(t, []string{"target", "target2"}, names(t, filepath.Dir(path)))
}

// A name planted where the download gathers its bytes is not followed.
func TestDownloadDoesNotFollowLinks(t *testing.T) {
	c := costest.NewServer(t).Client(t)
	put(t, c, "k", randomBytes(t, 38, 2*mib))
	path := filepath.Join(t.TempDir(), "target")
	halfWay(t, c, "k", path, 2*mib)
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	for _, suffix := range []string{".part", ".record"} {
		name := beside(t, path, suffix)
		require.NoError(t, os.Remove(name))
		require.NoError(t, os.Symlink(victim, name))
		_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{})
		require.ErrorIs(t, err, syscall.ELOOP)
		os.Remove(name)
	}
	require.Equal(t, cosapi.CRC64([]byte("precious")), fileCRC(t, victim))
}
