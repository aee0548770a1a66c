package cosapi

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		size, part  int64
		want, count int64
		last        int64 // length of the last piece
	}{
		{0, 1 << 20, 1 << 20, 0, 0},
		{1, 1 << 20, 1 << 20, 1, 1},
		{1 << 20, 1 << 20, 1 << 20, 1, 1 << 20},
		{1<<20 + 1, 1 << 20, 1 << 20, 2, 1},
		{10_000 << 20, 1 << 20, 1 << 20, 10_000, 1 << 20},
		{10_000<<20 + 1, 1 << 20, 2 << 20, 5_001, 1},
		{100 << 30, 1 << 20, 11 << 20, 9_310, 1 << 20},
		{25_000, 1, 1 << 20, 1, 25_000},
		{50_000 << 30, 1 << 20, 5 << 30, 10_000, 5 << 30},
	} {
		s := newSplit(tt.size, tt.part)
		require.Equal(t, tt.want, s.part, tt.size)
		require.EqualValues(t, tt.count, s.count(), tt.size)
		if tt.count > 0 {
			off, length := s.piece(s.count())
			require.Equal(t, tt.last, length)
			require.Equal(t, tt.size, off+length)
		}
	}
}

func TestTransferErrorKeepsWhatCOSSaid(t *testing.T) {
	below := &Error{Op: "UploadPart", Key: "k", Kind: Denied, Status: 403, Code: "AccessDenied", Message: "no", RequestID: "r"}
	e := transferError("Upload", "k", below, "%d of %d", 1, 2)
	require.Equal(t, `Upload "k": access denied: AccessDenied (UploadPart: no; 1 of 2), status 403, request r`, e.Error())
	require.Equal(t, `Upload "k": access denied: AccessDenied (UploadPart: no; 1 of 2; more), status 403, request r`,
		transferError("Upload", "k", e, "more").Error())
	for cause, kind := range map[error]Kind{context.Canceled: Canceled, context.DeadlineExceeded: Timeout, io.ErrUnexpectedEOF: Other} {
		e := transferError("Upload", "k", cause, "text")
		require.Equal(t, kind, e.Kind)
		require.ErrorIs(t, e, cause)
	}
}

// Progress counts what is read for the first time.
func TestSourceBodyCountsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("0123456789"), 0o600))
	src, err := openSource("Upload", "k", path)
	require.NoError(t, err)
	defer src.close()
	var told []int64
	m := newMeter(func(consumed, total int64) { told = append(told, consumed, total) }, 8)
	b := src.body(1, 8, m)
	buf := make([]byte, 5)
	for range 2 {
		_, err = b.Seek(0, io.SeekStart)
		require.NoError(t, err)
		_, err = io.ReadFull(b, buf)
		require.NoError(t, err)
		require.Equal(t, "12345", string(buf))
	}
	rest, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "678", string(rest))
	require.Equal(t, []int64{0, 8, 5, 8, 8, 8}, told)
	_, err = b.Seek(-1, io.SeekStart)
	require.Error(t, err)
}

func TestSourceChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("0123456789"), 0o600))
	src, err := openSource("Upload", "k", path)
	require.NoError(t, err)
	require.Empty(t, src.changed())
	require.NoError(t, os.Truncate(path, 11))
	require.Contains(t, src.changed(), "it had 10 bytes and has 11")
	src.close()
	require.Contains(t, src.changed(), "cannot be asked")
	require.Empty(t, (&source{}).changed())
}

func TestLocalPath(t *testing.T) {
	for rel, want := range map[string]string{
		"a": "d/a", "a/b": "d/a/b", "a/": "d/a", "..a": "d/..a", "a b": "d/a b",
		"..": "", "../a": "", "a/../b": "", "a/..": "", ".": "", "a//b": "", "/a": "", "a//": "", "a\x00": "", "./a": "",
	} {
		got, err := localPath("DownloadDir", Object{Version: Version{Key: rel}}, "d", rel)
		require.Equal(t, filepath.FromSlash(want), got, "%q", rel)
		require.Equal(t, want == "", errors.Is(err, Invalid), "%q", rel)
	}
	_, err := localPath("DownloadDir", Object{Version: Version{Key: "a/", Size: 1}}, "d", "a/")
	require.ErrorIs(t, err, Invalid)
}

// A file that was finished between the opening and the lock is not written to.
func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	first, err := lockFile(path)
	require.NoError(t, err)
	_, err = lockFile(path)
	require.Error(t, err)
	require.NoError(t, os.Rename(path, path+"done"))
	second, err := lockFile(path)
	require.NoError(t, err)
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	require.FileExists(t, path+"done")
	_, err = lockFile(filepath.Join(path, "below"))
	require.Error(t, err)
}

// A download given up while it compares what is there loses nothing of it.
func TestOpenTargetCanceled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	object := Object{Version: Version{Key: "k", ETag: "e", Size: 8}}
	open := func(ctx context.Context) (*target, error) {
		return openTarget(ctx, object, path, split{size: 8, part: 4}, false)
	}
	first, err := open(t.Context())
	require.NoError(t, err)
	_, err = first.file.WriteAt([]byte("abcd"), 4)
	require.NoError(t, err)
	require.NoError(t, first.note(2, CRC64([]byte("abcd"))))
	first.close()

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = open(gone)
	require.ErrorIs(t, err, Canceled)
	again, err := open(t.Context())
	require.NoError(t, err)
	require.Equal(t, []filePart{{length: 4}, {length: 4, crc: CRC64([]byte("abcd")), known: true}}, again.parts)
	again.discard()
	again.close()
	require.NoFileExists(t, first.file.Name())
}
