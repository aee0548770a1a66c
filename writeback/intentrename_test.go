package writeback

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The record of a rename outlives the process, with its phase.
func TestRenameRecord(t *testing.T) {
	r := newRig(t)
	first, err := r.stage.BeginRename("a/", "b/c/")
	require.NoError(t, err)
	second, err := r.stage.BeginRename("d/\t/", "e/")
	require.NoError(t, err)
	require.NoError(t, second.Deleting())
	require.Equal(t, []*Rename{first, second}, r.stage.Renames())
	require.Equal(t, 2, r.stage.Stats().Renames)
	r.reopen()
	again := r.stage.Renames()
	require.Len(t, again, 2)
	for i, want := range []*Rename{first, second} {
		require.Equal(t, [2]string{want.From, want.To}, [2]string{again[i].From, again[i].To})
		require.Equal(t, want.Phase(), again[i].Phase())
		require.True(t, want.At.Equal(again[i].At))
	}
	require.NoError(t, again[0].Deleting())
	require.NoError(t, again[0].Done())
	require.ErrorIs(t, again[0].Done(), os.ErrClosed)
	require.ErrorIs(t, again[0].Deleting(), os.ErrClosed)
	r.reopen()
	require.Len(t, r.stage.Renames(), 1)
	require.NoError(t, r.stage.Renames()[0].Done())
	require.Empty(t, r.staged())
}

func TestRenameRefused(t *testing.T) {
	r := newRig(t)
	for _, c := range [][2]string{{"a", "b/"}, {"a/", "b"}, {"", "b/"}, {"a/", "a/b/"}, {"a/", "a/"}} {
		_, err := r.stage.BeginRename(c[0], c[1])
		require.ErrorIs(t, err, syscall.EINVAL, c)
	}
	rename, err := r.stage.BeginRename("a/", "b/")
	require.NoError(t, err)
	aside := rename.path() + newSuffix
	require.NoError(t, os.Mkdir(aside, 0o700))
	require.Error(t, rename.Deleting())
	require.Equal(t, RenameCopying, rename.Phase())
	require.NoError(t, ignoreMissing(os.Remove(aside)))
	require.NoError(t, rename.Done())
	require.NoError(t, r.stage.Close())
	_, err = r.stage.BeginRename("a/", "b/")
	require.ErrorIs(t, err, os.ErrClosed)
	r.open()
}
