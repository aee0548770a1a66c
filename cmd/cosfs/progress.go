package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sys/unix"
)

// progress is the bar of one transfer on stderr. The nil one shows nothing,
// which is what stderr gets when it is not a terminal.
//
// It is drawn by mpb's own goroutine: callbacks of a transfer hold the
// transfer up and must not wait for a terminal, and the rate must be seen to
// sink when nothing moves. finish waits for that goroutine.
type progress struct {
	all   *mpb.Progress
	bar   *mpb.Bar
	begun time.Time

	mu   sync.Mutex // guards pace; held neither while drawing nor in mpb
	pace pace
}

// progress begins the bar of a transfer, which must be ended by finish.
func (r *remote) progress(name string, total int64) *progress {
	if r.flags.quiet || !isTerminal(r.p.stderr) {
		return nil
	}
	return newProgress(r.p.stderr, name, total)
}

// isTerminal says whether somebody watches.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func newProgress(w io.Writer, name string, total int64, options ...mpb.ContainerOption) *progress {
	all := mpb.New(append([]mpb.ContainerOption{mpb.WithOutput(w), mpb.WithWidth(48)}, options...)...)
	p := &progress{all: all, begun: time.Now()}
	p.pace.report(p.begun, 0, total)
	// A bar made with a total would be complete, for good, when the bytes reach
	// it: the total of a directory may still grow then. finish completes it.
	p.bar = all.New(0, mpb.BarStyle().Lbound("[").Rbound("]"),
		mpb.PrependDecorators(decor.Name(showKey(name)+" "), decor.CountersKibiByte("% .1f / % .1f ")),
		mpb.AppendDecorators(decor.Any(p.text)),
	)
	p.bar.SetTotal(total, false)
	return p
}

// text is what stands behind the bar; mpb asks for it whenever it draws.
func (p *progress) text(s decor.Statistics) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Completed {
		mean := float64(s.Current) / max(time.Since(p.begun).Seconds(), 1e-3)
		return " " + byteCount(mean).String() + "/s done"
	}
	return " " + p.pace.text(time.Now())
}

// report is the callback of a transfer: bytes done, of so many. It may be
// called from any goroutine.
func (p *progress) report(done, total int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	grown := total > 0 && total != p.pace.total
	p.pace.report(time.Now(), done, max(total, p.pace.total))
	p.mu.Unlock()
	if grown {
		p.bar.SetTotal(total, false)
	}
	p.bar.SetCurrent(done)
}

// callback is report for options that know nil as "nobody".
func (p *progress) callback() func(done, total int64) {
	if p == nil {
		return nil
	}
	return p.report
}

// finish draws the last state and waits for the bar's goroutines. An error
// leaves the bar where it stood.
func (p *progress) finish(err error) {
	if p == nil {
		return
	}
	if err == nil {
		p.bar.SetTotal(-1, true)
	} else {
		p.bar.Abort(false)
	}
	p.all.Wait()
}

// meteredSeeker reports how far a body was read. A body that is sent again
// begins at its beginning, and so does its bar.
type meteredSeeker struct {
	io.ReadSeeker
	p         *progress
	off, size int64
}

// metered is body with its progress told to p.
func metered(body io.ReadSeeker, size int64, p *progress) io.ReadSeeker {
	if p == nil {
		return body
	}
	return &meteredSeeker{ReadSeeker: body, p: p, size: size}
}

func (m *meteredSeeker) Read(b []byte) (int, error) {
	n, err := m.ReadSeeker.Read(b)
	m.off += int64(n)
	m.p.report(m.off, m.size)
	return n, err
}

func (m *meteredSeeker) Seek(offset int64, whence int) (int64, error) {
	off, err := m.ReadSeeker.Seek(offset, whence)
	m.off = off
	return off, err
}

// meteredWriter reports how much was written.
type meteredWriter struct {
	io.Writer
	p         *progress
	off, size int64
}

func (m *meteredWriter) Write(b []byte) (int, error) {
	n, err := m.Writer.Write(b)
	m.off += int64(n)
	m.p.report(m.off, m.size)
	return n, err
}
