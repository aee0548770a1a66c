package writeback

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// Inspect finds what is owed, what is kept, what is to change and what is
// damaged, in a stage that is in use, and changes nothing.
func TestInspect(t *testing.T) {
	r := newRig(t)
	r.server.Faults.Add(costest.Fault{Status: 503})
	owed, err := r.stage.Create("owed", cosapi.PutOptions{})
	require.NoError(t, err)
	_, err = owed.WriteAt(t.Context(), random(1000), 0)
	require.NoError(t, err)
	require.NoError(t, owed.StoreLater(nil))
	open, err := r.stage.Create("open", cosapi.PutOptions{})
	require.NoError(t, err)
	_, err = open.WriteAt(t.Context(), random(10), 0)
	require.NoError(t, err)
	const broken = "00000000000000ff"
	require.NoError(t, os.WriteFile(filepath.Join(r.cfg.Dir, broken+recordSuffix), []byte("{"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(r.cfg.Dir, "stranger"), nil, 0o600))

	in, err := Inspect(r.cfg.Dir)
	require.NoError(t, err)
	require.True(t, in.Locked)
	require.Equal(t, os.Getpid(), in.PID)
	require.Equal(t, []string{"stranger"}, in.Others)
	byKey := map[string]Finding{}
	for _, f := range in.Findings {
		byKey[f.Key] = f
	}
	require.Len(t, byKey, 3)
	require.True(t, byKey["owed"].Send)
	require.Equal(t, int64(1000), byKey["owed"].Size)
	require.False(t, byKey["open"].Send)
	require.False(t, byKey["open"].Damaged)
	require.True(t, byKey[""].Damaged)

	require.NoError(t, os.Remove(filepath.Join(r.cfg.Dir, broken+recordSuffix)))
	require.NoError(t, os.Remove(filepath.Join(r.cfg.Dir, "stranger")))
	r.server.Faults.Clear()
	require.NoError(t, r.stage.Close())
	in, err = Inspect(r.cfg.Dir)
	require.NoError(t, err)
	require.False(t, in.Locked)
	r.open()
}
