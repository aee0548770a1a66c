package fs

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fullWorld is a mount whose stage has a small disk of its own.
type fullWorld struct {
	*world
	disk string
}

func newFullWorld(t *testing.T) *fullWorld {
	disk := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(disk, unix.MNT_DETACH)) })
	return &fullWorld{newWorld(t, func(p *parts) { p.stage.Dir, p.stage.FreeFloor = disk+"/stage", -1 }), disk}
}

// fillDisk leaves no byte free.
func (w *fullWorld) fillDisk() error {
	f, err := os.Create(w.disk + "/filler")
	if err != nil {
		return err
	}
	defer f.Close()
	for p := make([]byte, 1<<20); len(p) > 0; {
		if _, err := f.Write(p); errors.Is(err, unix.ENOSPC) {
			p = p[:len(p)/2]
		} else if err != nil {
			return err
		}
	}
	return nil
}

// A write for which there was room in part says how much, and the rest of it
// is nowhere: it does not show through a hole that comes later.
func TestWriteInPart(t *testing.T) {
	m := newFullWorld(t)
	f, err := os.Create(m.path("a"))
	require.NoError(t, err)
	const page = 4096
	_, err = f.WriteAt([]byte("first"), 2*page)
	require.NoError(t, err)
	require.NoError(t, m.fillDisk())
	filler, err := os.Stat(m.disk + "/filler")
	require.NoError(t, err)
	require.NoError(t, os.Truncate(m.disk+"/filler", filler.Size()/page*page-page)) // one page is free

	n, err := unix.Pwrite(int(f.Fd()), []byte(strings.Repeat("b", 4*page)), 2*page)
	require.NoError(t, err)
	require.Equal(t, 2*page, n, "the page that was there, and one more")
	_, err = f.WriteAt([]byte("b"), 4*page)
	require.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, os.Remove(m.disk+"/filler"))
	_, err = f.WriteAt([]byte("end"), 6*page)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	want := strings.Repeat("\x00", 2*page) + strings.Repeat("b", 2*page) + strings.Repeat("\x00", 2*page) + "end"
	require.True(t, want == m.get("a"))
}

// What was refused for lack of room and is written later counts.
func TestFullDiskThenRoom(t *testing.T) {
	m := newFullWorld(t)
	m.write("a", "the old version")
	f, err := os.OpenFile(m.path("a"), os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	require.NoError(t, m.fillDisk())
	body := []byte(strings.Repeat("new", 5000))
	_, err = f.WriteAt(body, 0)
	require.ErrorIs(t, err, unix.ENOSPC)
	require.NoError(t, os.Remove(m.disk+"/filler"))
	_, err = f.WriteAt(body, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, string(body), m.get("a"))
}
