package writeback

import (
	"context"

	"cosfs/cosapi"
)

type spot struct{}
type attempt struct{ exposed bool }
type upload struct{}
type print struct{}
type waiter struct{}
type queue struct{}

func (q *queue) init(n int) {}

func (s *Stage) dispatch()               {}
func (s *Stage) abortLeft([]Record)      {}
func (s *Stage) scan() ([]Record, error) { return nil, nil }
func (f *File) shut() error              { return nil }
func (f *File) recordOpen() error        { return nil }

type baseRef struct{}

// State is what a record promises.
type State string

// Record describes a staged file on the disk.
type Record struct{}

// Check verifies the invariants of the directory and of the files in memory.
func (s *Stage) Check() error { panic("soon") }

// Drain waits until nothing is owed, or until ctx ends: then the error names what is left.
func (s *Stage) Drain(ctx context.Context) error { panic("soon") }

// Stats are sums over the stage's files.
type Stats struct {
	Files, Dirty, Owed, Uploading int
	DirtyBytes                    int64
}

// Stats counts.
func (s *Stage) Stats() Stats { panic("soon") }

// Pending is a file that waits to be stored.
type Pending struct {
	Key      string
	Size     int64
	Attempts int
	Err      error
}

// Pending lists what is to be stored and is not yet.
func (s *Stage) Pending() []Pending { panic("soon") }

func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error)  { panic("soon") }
func (f *File) WriteAt(ctx context.Context, p []byte, off int64) (int, error) { panic("soon") }
func (f *File) Truncate(ctx context.Context, size int64) error                { panic("soon") }

// Allocate: mode as fallocate(2): 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE|FALLOC_FL_KEEP_SIZE; else EOPNOTSUPP.
func (f *File) Allocate(ctx context.Context, off, n int64, mode uint32) error { panic("soon") }
func (f *File) SeekHole(off int64) (int64, error)                             { panic("soon") }
func (f *File) SeekData(off int64) (int64, error)                             { panic("soon") }

// Hold calls back the upload in flight (a put or a complete already sent is waited for) and keeps
// uploads from starting until release is called. Rename and Rebase of a file that may be uploading go inside.
func (f *File) Hold(ctx context.Context) (release func(), err error) { panic("soon") }

// Rename: ErrBusy if a put or complete is in flight: Hold first.
func (f *File) Rename(key string) error                          { panic("soon") }
func (f *File) Rebase(obj cosapi.Object) error                   { panic("soon") }
func (f *File) Sync(ctx context.Context) error                   { panic("soon") }
func (f *File) Store(ctx context.Context) (cosapi.Object, error) { panic("soon") }

// StoreLater: the owed record is durable when it returns nil.
func (f *File) StoreLater(done func(cosapi.Object, error)) error              { panic("soon") }
func (f *File) Finish(adopt func(obj cosapi.Object, path string) error) error { panic("soon") }
func (f *File) Discard() error                                                { panic("soon") }
