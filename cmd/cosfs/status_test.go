package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/costest"
)

// What COS refuses is shown by status, to people and to programs, until it is
// stored.
func TestStatus(t *testing.T) {
	s := costest.NewServer(t)
	m := newServerMount(t, s)
	_, ended := runSession(t, m, 300*time.Millisecond)
	s.Faults.Add(costest.Fault{Op: "PutObject", Status: 403, Code: "AccessDenied"})
	require.Error(t, os.WriteFile(filepath.Join(m.dir, "mine"), []byte("precious"), 0o644))

	code, text, stderr := inProcess(t, nil, "status", m.dir)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, text, m.dir)
	require.Contains(t, text, "files: 1 with 8B")
	require.Regexp(t, `mine +8B +content +\d+ .*AccessDenied`, text)

	code, text, stderr = inProcess(t, nil, "status", "--json", m.dir) // all mounts would be those of others, too
	require.Equal(t, exitOK, code, stderr)
	var st status
	require.NoError(t, json.Unmarshal([]byte(text), &st))
	require.Equal(t, m.dir, st.Mountpoint)
	require.Equal(t, os.Getpid(), st.PID)
	require.Len(t, st.Stage.Pending, 1)
	require.Equal(t, "mine", st.Stage.Pending[0].Key)

	s.Faults.Clear()
	require.NoError(t, unmount(m.dir))
	require.NoError(t, <-ended)
	code, _, stderr = inProcess(t, nil, "status", m.dir)
	require.Equal(t, exitMountpoint, code)
	require.Contains(t, stderr, "no cosfs of this user answers")
}
