package fs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTrail(t *testing.T) {
	var tr trail
	for _, name := range []string{"a", "bc", "", "def"} {
		tr.add(name)
	}
	for n, want := range map[uint64]string{4: "def", 3: "", 2: "bc", 1: "a", 0: ""} {
		c := trail{names: append([]byte{}, tr.names...), ends: append([]int{}, tr.ends...)}
		last, ok := c.cut(n)
		require.True(t, ok)
		require.Equal(t, want, last)
		c.add("x")
		last, ok = c.cut(n + 1)
		require.True(t, ok)
		require.Equal(t, "x", last)
	}
	_, ok := tr.cut(5)
	require.False(t, ok)
}
