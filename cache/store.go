package cache

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// store keeps the bytes of one version, with holes. Its methods may run side
// by side; what overlaps is ordered by the blob's flights.
type store interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// punch gives the room of s back; it reads as zeros or fails afterwards.
	punch(s span) error
	sync() error
	// seal leaves checksums beside the bytes, if there is a place for them.
	seal(raw []byte)
}

// diskStore is a sparse file.
type diskStore struct{ *os.File }

func createDisk(path string, size int64) (store, error) {
	f, err := openInFanOut(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	return diskStore{f}, nil
}

// openDisk opens a finished file: no descriptor of ours can write to it, as
// the lease of decision 5 demands.
func openDisk(path string, size int64) (diskStore, error) {
	f, err := os.Open(path)
	if err != nil {
		return diskStore{}, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("%s has %d bytes instead of %d: %w", path, info.Size(), size, errDamaged)
	}
	if err != nil {
		f.Close()
		return diskStore{}, err
	}
	return diskStore{f}, nil
}

// control holds the descriptor: were the file closed meanwhile, its number
// might already be another file's.
func (d diskStore) control(do func(fd int) error) error {
	conn, err := d.SyscallConn()
	if err != nil {
		return err
	}
	cause := conn.Control(func(fd uintptr) { err = do(int(fd)) })
	return cmp.Or(cause, err)
}

func (d diskStore) punch(s span) error {
	return d.control(func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, s.off, s.len())
	})
}

func (d diskStore) sync() error { return d.Sync() }

// memoryStore keeps units in memory: the cache without a directory, and the
// way on when the disk fails.
type memoryStore struct {
	size int64
	free *sync.Pool // of *[unitSize]byte

	mu    sync.RWMutex
	units map[int64][]byte // by number; guarded by mu
}

func newMemoryStore(size int64, free *sync.Pool) *memoryStore {
	return &memoryStore{size: size, free: free, units: make(map[int64][]byte)}
}

const errHole = errorText("cache: read of bytes that are not in memory")

func (m *memoryStore) ReadAt(p []byte, off int64) (int, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= m.size {
			return n, io.EOF
		}
		unit := m.units[at/unitSize]
		if unit == nil {
			return n, errHole
		}
		n += copy(p[n:], unit[at%unitSize:])
	}
	return n, nil
}

func (m *memoryStore) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.units == nil {
		return 0, os.ErrClosed
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		i := at / unitSize
		if m.units[i] == nil {
			m.units[i] = m.alloc(min(unitSize, m.size-i*unitSize))
		}
		n += copy(m.units[i][at%unitSize:], p[n:])
	}
	return n, nil
}

// alloc takes whole units from the pool; the last unit of a file is as small
// as the file demands, lest small files cost a whole unit each.
func (m *memoryStore) alloc(n int64) []byte {
	if n < unitSize {
		return make([]byte, n)
	}
	return m.free.Get().(*[unitSize]byte)[:]
}

func (m *memoryStore) punch(s span) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := s.off / unitSize; i*unitSize < s.end; i++ {
		m.release(i)
	}
	return nil
}

// release needs mu.
func (m *memoryStore) release(i int64) {
	if unit := m.units[i]; len(unit) == unitSize {
		m.free.Put((*[unitSize]byte)(unit))
	}
	delete(m.units, i)
}

func (m *memoryStore) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.units {
		m.release(i)
	}
	m.units = nil
	return nil
}

func (m *memoryStore) sync() error { return nil }

func (m *memoryStore) seal([]byte) {}
