package fs

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A file that could not be stored is owed. Unlinked while it is open, it is not
// any more: nothing waits for it, and the next mount does not bring it back.
func TestUnlinkWhileOwed(t *testing.T) {
	for _, how := range []string{"removed", "replaced"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, nil)
			w.write("other", "other")
			f, err := os.Create(w.path("f"))
			require.NoError(t, err)
			_, err = f.WriteString("owed")
			require.NoError(t, err)
			w.server.Faults.Add(costestDenyPuts())
			require.ErrorIs(t, f.Sync(), syscall.EACCES)
			require.Equal(t, 1, w.staged.Stats().Owed)
			left := []string{"other"}
			if how == "removed" {
				require.NoError(t, os.Remove(w.path("f")))
			} else {
				require.NoError(t, os.Rename(w.path("other"), w.path("f")))
				left = []string{"f"}
			}
			w.server.Faults.Clear()
			require.Zero(t, w.staged.Stats().Owed)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			require.NoError(t, w.staged.Drain(ctx))
			got := make([]byte, 4)
			_, err = f.ReadAt(got, 0)
			require.NoError(t, err)
			require.Equal(t, "owed", string(got))
			_, err = f.WriteAt([]byte("gone"), 0)
			require.NoError(t, err)
			require.NoError(t, w.staged.Check())
			require.NoError(t, f.Close())
			w.down()
			w.up()
			require.Empty(t, w.staged.Recovered())
			require.Equal(t, left, w.keys())
		})
	}
}
