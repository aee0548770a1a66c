package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

func parseLevel(s string) (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(s))); err != nil {
		return 0, fail(exitUsage, "--log-level %q is not one of debug, info, warn, error", s)
	}
	return level, nil
}

// maxLog is the size at which a log file is set aside; one older is kept, so
// a mount that logs for years fills no disk.
const maxLog = 16 << 20

// logFile is a log that sets itself aside as path.1 when it is full. As the
// log of a daemon it is also its stdout and stderr, so that the trace of a
// crash is found where everything else is.
type logFile struct {
	path     string
	capture  bool // stdout and stderr follow
	capacity int64

	mu   sync.Mutex // guards the fields below
	file *os.File
	size int64
}

// openLog opens the log of a daemon.
func openLog(path string, capture bool) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fail(exitFailed, "the directory of the log cannot be made: %w; choose another with --log-file", err)
	}
	l := &logFile{path: path, capture: capture, capacity: maxLog}
	if err := l.openLocked(); err != nil {
		return nil, fail(exitFailed, "the log cannot be written: %w; choose another file with --log-file", err)
	}
	return l, nil
}

// openLocked opens path and lets stdout and stderr follow it.
func (l *logFile) openLocked() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	if l.capture {
		for _, fd := range []int{1, 2} {
			if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
				f.Close()
				return fmt.Errorf("redirect descriptor %d: %w", fd, err)
			}
		}
	}
	if l.file != nil {
		l.file.Close()
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write appends one record. A log that cannot be set aside grows on.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(b)) > l.capacity {
		if os.Rename(l.path, l.path+".1") == nil {
			if err := l.openLocked(); err != nil {
				return 0, err
			}
		}
	}
	n, err := l.file.Write(b)
	l.size += int64(n)
	return n, err
}

// Close flushes nothing: every record was written whole.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
