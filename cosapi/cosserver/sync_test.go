package cosserver

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSyncPolicies: what is promised of a living process holds under each.
func TestSyncPolicies(t *testing.T) {
	for _, sync := range []Sync{SyncIndex, SyncAll, SyncNone} {
		root := t.TempDir()
		s := newSite(t, func(c *Config) { c.Root, c.Sync = root, sync })
		body := strings.Repeat("body", 1000)
		s.must("PUT", "/k", body)
		s.must("PUT", "/k", body+"2")
		s.unpinned()
		require.NoError(t, s.Close())
		s.refuses(500, "InternalError", "PUT", "/late", "x")

		again := newSite(t, func(c *Config) { c.Root, c.Sync = root, sync })
		require.Equal(t, body+"2", again.must("GET", "/k", "").body)
		again.settled()
	}
}
