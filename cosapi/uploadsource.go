package cosapi

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// source is what an upload reads.
type source struct {
	io.ReaderAt
	size int64
	file *os.File    // nil when the caller gave a reader
	info fs.FileInfo // of file, when it was opened
}

// openSource opens a regular file. The caller closes it.
func openSource(op, key, path string) (*source, error) {
	refused := func(err error) error {
		return &Error{Op: op, Key: key, Kind: Other, Message: "the local file cannot be read", Err: err}
	}
	// Opening a pipe would wait for its writer, so it is looked at first.
	if info, err := os.Stat(path); err != nil {
		return nil, refused(err)
	} else if !info.Mode().IsRegular() {
		return nil, invalid(op, key, "%s is not a regular file; pipes and devices have no size to split", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, refused(err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, refused(err)
	}
	return &source{ReaderAt: file, size: info.Size(), file: file, info: info}, nil
}

func (s *source) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// changed tells how the file differs from what it was when it was opened, as
// far as its size and its time of modification show; empty if it does not.
func (s *source) changed() string {
	if s.file == nil {
		return ""
	}
	now, err := s.file.Stat()
	switch {
	case err != nil:
		return fmt.Sprintf("%s cannot be asked whether it changed: %v", s.file.Name(), err)
	case now.Size() != s.size:
		return fmt.Sprintf("%s changed while it was uploaded: it had %d bytes and has %d", s.file.Name(), s.size, now.Size())
	case !now.ModTime().Equal(s.info.ModTime()):
		return fmt.Sprintf("%s changed while it was uploaded: it was written at %s", s.file.Name(), now.ModTime().Format("15:04:05.000"))
	}
	return ""
}

// body is a piece of the source to be sent; what is read of it for the first
// time counts as consumed. A retry reads again and does not count.
func (s *source) body(off, length int64, m *meter) *sourceBody {
	return &sourceBody{section: io.NewSectionReader(s, off, length), meter: m}
}

type sourceBody struct {
	section  *io.SectionReader
	pos, top int64 // where the next read begins, and the end of what was counted
	meter    *meter
}

func (b *sourceBody) Read(p []byte) (int, error) {
	n, err := b.section.Read(p)
	b.pos += int64(n)
	if b.pos > b.top {
		b.meter.add(b.pos-b.top, 0)
		b.top = b.pos
	}
	return n, err
}

func (b *sourceBody) Seek(offset int64, whence int) (int64, error) {
	pos, err := b.section.Seek(offset, whence)
	if err == nil {
		b.pos = pos
	}
	return pos, err
}
