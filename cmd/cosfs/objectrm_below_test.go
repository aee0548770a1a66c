package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsBelow(t *testing.T) {
	for _, c := range []struct {
		key, name string
		want      bool
	}{
		{"proj", "proj", true},
		{"proj/a", "proj", true},
		{"proj/", "proj", true},
		{"project.txt", "proj", false},
		{"proj-backup/b", "proj", false},
		{"proj/a", "proj/", true},
		{"anything", "", true},
	} {
		require.Equal(t, c.want, isInTree(c.key, c.name), "%q below %q", c.key, c.name)
	}
}
