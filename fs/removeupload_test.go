package fs

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// A file that is removed while a close(2) uploads it is not waited for: the
// upload is called back, and nothing of it stays in the bucket.
func TestRemovingAFileThatIsUploaded(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.stage.PartSize = 1 << 20 })
	hold, seen := make(chan struct{}), make(chan struct{}, 100)
	defer close(hold)
	w.server.Faults.Add(costest.Fault{Op: "UploadPart", Hold: hold, OnHit: func(*cosserver.Request) { seen <- struct{}{} }})
	closed := make(chan error, 1)
	f, err := os.Create(w.path("f"))
	require.NoError(t, err)
	_, err = f.WriteString(strings.Repeat("0123456789abcdef", 4<<16))
	require.NoError(t, err)
	go func() { closed <- f.Close() }()
	<-seen

	require.NoError(t, os.Remove(w.path("f")), "although no part will ever be answered")
	require.NoError(t, <-closed)
	require.Empty(t, w.ls(""))
	require.Empty(t, w.keys())
	require.Eventually(t, func() bool { return w.server.Counts()["AbortMultipartUpload"] > 0 }, 10*time.Second, time.Millisecond)
}
