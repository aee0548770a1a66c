package writeback

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// inode is what is written again when a file is used again.
func inode(t *testing.T, path string) os.FileInfo {
	t.Helper()
	st, err := os.Stat(path)
	require.NoError(t, err)
	return st
}

func TestRecordsAreWrittenIntoSpareFiles(t *testing.T) {
	r := newRig(t)
	long := r.create("a-key-that-makes-the-first-record-the-longer-one", random(10))
	first := inode(t, long.recordPath())
	r.store(long)
	require.NoError(t, long.Finish(nil))

	f := r.create("k", random(10))
	require.True(t, os.SameFile(first, inode(t, f.recordPath())), "the file was used again")
	record, err := r.stage.readRecord(f.id)
	require.NoError(t, err, "nothing of the longer record is left")
	require.Equal(t, "k", record.Key)
	r.store(f)
	require.NoError(t, f.Finish(nil))
	require.NoError(t, r.stage.Check())

	r.close()
	spares, err := filepath.Glob(r.stage.path("*" + spareSuffix))
	require.NoError(t, err)
	require.Empty(t, spares, "a closed stage leaves none")
}

func TestRecordWithCustomerKeyIsRemoved(t *testing.T) {
	r := newRig(t)
	options := cosapi.PutOptions{}
	options.Encryption.CustomerKey = random(32)
	f, err := r.stage.Create("secret", options)
	require.NoError(t, err)
	r.write(f, random(10), 0)
	require.NoError(t, f.Discard())
	spares, err := filepath.Glob(r.stage.path("*" + spareSuffix))
	require.NoError(t, err)
	require.Empty(t, spares)
}

// A power cut can leave what the file had before it was used again.
func TestRecordWithBytesOfAnother(t *testing.T) {
	r := newRig(t)
	f := r.create("stored", random(10))
	old, err := os.ReadFile(f.recordPath())
	require.NoError(t, err)
	r.store(f)
	require.NoError(t, f.Finish(nil))
	open := r.create("open", random(10))
	require.NoError(t, os.WriteFile(open.recordPath(), old, 0o600))
	dir := r.kill()
	spare := filepath.Join(dir, r.stage.newID()+spareSuffix)
	require.NoError(t, os.WriteFile(spare, old, 0o600))
	r.raise(dir)
	require.NoFileExists(t, spare)
	require.Empty(t, r.staged(), "nothing was promised for it")
	require.Empty(t, r.stage.Kept())
	require.NoError(t, r.stage.Check())
}
