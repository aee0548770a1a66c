package fs

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Keys that another tool makes and that cannot be names are hidden, counted and
// left alone; everything beside them works.
func TestKeysThatCannotBeNames(t *testing.T) {
	w := newWorld(t, nil)
	odd := []string{
		"d//empty", "d/./dot", "d/../x", "d/" + strings.Repeat("l", 256), "d/" + strings.Repeat("m", 256) + "/below",
		"../outside", "d/both", // a file behind the directory of its name
	}
	for _, key := range odd {
		w.put(key, "odd")
	}
	w.put("d/both/x", "wins")
	w.put("d/ok", "fine")
	full := "d/" + strings.Repeat(strings.Repeat("k", 211)+"/", 3) + strings.Repeat("k", 212)
	require.Len(t, full, 850)
	w.put(full, "850 bytes")

	require.Equal(t, []string{"d"}, w.ls(""))
	require.Equal(t, []string{"both", strings.Repeat("k", 211), "ok"}, w.ls("d"))
	require.Equal(t, "wins", w.read("d/both/x"))
	require.Equal(t, "850 bytes", w.read(full))
	require.Equal(t, "fine", w.read("d/ok"))
	require.GreaterOrEqual(t, w.nameBook.Hidden(), 7)
	_, err := os.Stat(w.path("d/" + strings.Repeat("l", 256)))
	require.ErrorIs(t, err, syscall.ENAMETOOLONG)

	w.write("d/ok", "changed")
	require.NoError(t, os.Remove(w.path("d/ok")))
	require.NoError(t, os.RemoveAll(w.path("d/both/x")))
	require.Error(t, os.RemoveAll(w.path("d")), "what is hidden there keeps the directory")
	w.settle()
	for _, key := range odd {
		require.Equal(t, "odd", w.get(key), "%q must be as it was", key)
	}
}

// A rename takes along what it cannot show.
func TestRenameTakesHiddenKeysAlong(t *testing.T) {
	w := newWorld(t, nil)
	odd := []string{"d//empty", "d/./dot", "d/" + strings.Repeat("l", 256), "d/both", "d/both/x", "d/both/"}
	for _, key := range odd {
		w.put(key, key)
	}
	require.NoError(t, os.Rename(w.path("d"), w.path("e")))
	for _, key := range odd {
		require.Equal(t, key, w.get("e"+key[1:]))
	}
	require.Len(t, w.keys(), len(odd)+1, "and the directory's own marker")
}
