package writeback

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// The record of a rename outlives the process, with its phase.
func TestRenameRecord(t *testing.T) {
	r := newRig(t)
	first, err := r.stage.BeginRename("a/", "b/c/", true)
	require.NoError(t, err)
	second, err := r.stage.BeginRename("d/\t/", "e/", false)
	require.NoError(t, err)
	newest := time.Now().UTC()
	require.NoError(t, second.Deleting(newest))
	require.Equal(t, []*Rename{first, second}, r.stage.Renames())
	require.Equal(t, 2, r.stage.Stats().Renames)
	r.reopen()
	again := r.stage.Renames()
	require.Len(t, again, 2)
	for i, want := range []*Rename{first, second} {
		require.Equal(t, [2]string{want.From, want.To}, [2]string{again[i].From, again[i].To})
		require.Equal(t, want.Phase(), again[i].Phase())
		require.Equal(t, want.Replaces, again[i].Replaces)
		require.True(t, want.At.Equal(again[i].At))
		require.True(t, want.Newest().Equal(again[i].Newest()))
	}
	require.True(t, again[1].Newest().Equal(newest))
	require.NoError(t, again[1].Copying())
	require.Equal(t, RenameCopying, again[1].Phase())
	require.NoError(t, again[0].Deleting(newest))
	require.NoError(t, again[0].Done())
	require.ErrorIs(t, again[0].Done(), os.ErrClosed)
	require.ErrorIs(t, again[0].Deleting(newest), os.ErrClosed)
	r.reopen()
	require.Len(t, r.stage.Renames(), 1)
	require.NoError(t, r.stage.Renames()[0].Done())
	require.Empty(t, r.staged())
}

// That of a single object has its version, and a phase when programs have seen
// the new name.
func TestMoveRecord(t *testing.T) {
	r := newRig(t)
	was := cosapi.Version{Key: "a", ETag: `"e"`, Size: 7}
	move, err := r.stage.BeginMove("a", "b", was)
	require.NoError(t, err)
	require.False(t, move.OfTree())
	r.reopen()
	move = r.stage.Renames()[0]
	require.Equal(t, was, move.Base)
	require.False(t, move.OfTree())
	require.NoError(t, move.Done())
	for _, c := range [][2]string{{"a/", "b"}, {"a", "b/"}, {"", "b"}, {"a", "a"}} {
		_, err := r.stage.BeginMove(c[0], c[1], was)
		require.ErrorIs(t, err, syscall.EINVAL, c)
	}
	tree, err := r.stage.BeginRename("a/", "b/", false)
	require.NoError(t, err)
	require.NoError(t, tree.Deleting(time.Unix(5, 0)))
	require.NoError(t, tree.Leftovers())
	r.reopen()
	tree = r.stage.Renames()[0]
	require.True(t, tree.OfTree())
	require.Equal(t, RenameLeftovers, tree.Phase())
	require.True(t, tree.Newest().Equal(time.Unix(5, 0)))
	require.NoError(t, tree.Done())
}

func TestRenameRefused(t *testing.T) {
	r := newRig(t)
	for _, c := range [][2]string{{"a", "b/"}, {"a/", "b"}, {"", "b/"}, {"a/", "a/b/"}, {"a/", "a/"}} {
		_, err := r.stage.BeginRename(c[0], c[1], false)
		require.ErrorIs(t, err, syscall.EINVAL, c)
	}
	rename, err := r.stage.BeginRename("a/", "b/", false)
	require.NoError(t, err)
	aside := rename.path() + newSuffix
	require.NoError(t, os.Mkdir(aside, 0o700))
	require.Error(t, rename.Deleting(time.Now()))
	require.Equal(t, RenameCopying, rename.Phase())
	require.NoError(t, ignoreMissing(os.Remove(aside)))
	require.NoError(t, rename.Done())
	require.NoError(t, r.stage.Close())
	_, err = r.stage.BeginRename("a/", "b/", false)
	require.ErrorIs(t, err, os.ErrClosed)
	r.open()
}
