package cosserver

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dirBlobs keeps each blob in a file. New ones are under tmp until they are
// settled, so that opening the store after a crash looks at those only, and
// then in one of 256 directories under objects, chosen by the id's random end.
type dirBlobs struct {
	root string
	sync bool // a blob reaches the disk before it is committed
	ids  idSource
}

var _ blobs = (*dirBlobs)(nil)

const (
	tmpDir     = "tmp"
	objectsDir = "objects"
)

func openDirBlobs(root string, sync bool) (*dirBlobs, error) {
	for _, dir := range []string{tmpDir, objectsDir} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			return nil, err
		}
	}
	return &dirBlobs{root: root, sync: sync}, nil
}

func (d *dirBlobs) tmpPath(id string) string { return filepath.Join(d.root, tmpDir, id) }

func (d *dirBlobs) path(id string) string {
	return filepath.Join(d.root, objectsDir, id[max(0, len(id)-2):], id)
}

func (d *dirBlobs) create(int64) (blobWriter, error) {
	id := d.ids.next()
	f, err := os.OpenFile(d.tmpPath(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &fileWriter{File: f, d: d, id: id}, nil
}

// settle gives the file its final name. The directory is made when the first
// file goes into it. A file that is not there was removed already, by the
// write that replaced it a moment after it was committed.
func (d *dirBlobs) settle(id string) error {
	err := os.Rename(d.tmpPath(id), d.path(id))
	if !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if err := os.Mkdir(filepath.Dir(d.path(id)), 0o700); err != nil && !errors.Is(err, iofs.ErrExist) {
		return err
	}
	if err := os.Rename(d.tmpPath(id), d.path(id)); !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *dirBlobs) unsettled() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(d.root, tmpDir))
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids, nil
}

// places are where a blob may be, in the order to look: a file that is settled
// between the first look and the second is found by the third.
func (d *dirBlobs) places(id string) [3]string {
	return [3]string{d.path(id), d.tmpPath(id), d.path(id)}
}

func (d *dirBlobs) open(id string) (blob, error) {
	var f *os.File
	var err error
	for _, path := range d.places(id) {
		if f, err = os.Open(path); err == nil {
			return fileBlob{f}, nil
		}
		if !errors.Is(err, iofs.ErrNotExist) {
			break
		}
	}
	return nil, err
}

func (d *dirBlobs) remove(id string) error {
	for _, path := range d.places(id) {
		if err := os.Remove(path); !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
	}
	return nil
}

type fileWriter struct {
	*os.File
	d  *dirBlobs
	id string
}

func (w *fileWriter) finish() (string, error) {
	if w.d.sync {
		if err := unix.Fdatasync(int(w.Fd())); err != nil {
			w.abort()
			return "", fmt.Errorf("sync %s: %w", w.Name(), err)
		}
	}
	return w.id, w.Close()
}

func (w *fileWriter) abort() {
	w.Close()
	os.Remove(w.Name()) // what stays behind is swept at the next open
}

// fileBlob hands its file to the writer, which for a TCP connection means
// sendfile: the bytes never enter this process.
type fileBlob struct{ f *os.File }

func (b fileBlob) writeTo(w io.Writer, off, n int64) (int64, error) {
	if _, err := b.f.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	written, err := io.CopyN(w, b.f, n)
	if err == io.EOF {
		err = fmt.Errorf("%s is %d bytes short: %w", b.f.Name(), n-written, io.ErrUnexpectedEOF)
	}
	return written, err
}

func (b fileBlob) Close() error { return b.f.Close() }
