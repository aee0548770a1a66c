package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

const mib = 1 << 20

func TestReadSequential(t *testing.T) {
	for name, size := range map[string]int64{
		"one byte": 1, "a unit": unitSize, "a bit more": unitSize + 1, "a block": BlockSize,
		"odd": 3*mib + 12345, "one GET": 8 * mib, "more than one": 8*mib + 1, "many": 25*mib + 77,
	} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			obj, p := e.put("f", size)
			o := e.get(obj.Version)
			require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
			budget := int64(1)
			if size > 8*mib {
				budget = ceilDiv(size, 8*mib) + 2
			}
			require.LessOrEqual(t, e.gets(), budget)
			e.fill(o)
			require.True(t, o.Complete())
			require.LessOrEqual(t, e.gets(), budget, "nothing is fetched twice")
			require.EqualValues(t, size, e.cache.Stats().Fetched)
			e.settle()
			require.Equal(t, 1, e.count(Completed))
		})
	}
}

func TestReadSeveralStreams(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 50*mib)
	o := e.get(obj.Version)
	const step = 128 << 10
	for i := range int64(10 * mib / step) {
		for base := range int64(3) {
			e.requireRead(o, p, base*18*mib+i*step, step)
		}
	}
	require.LessOrEqual(t, e.gets(), int64(3*(2+3)), "three sequential readers, not 240 random reads")
}

func TestReadRandomMovesLittle(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 64*mib)
	o := e.get(obj.Version)
	const reads = 50
	for i := range int64(reads) {
		// Never in order, never near the one before.
		e.requireRead(o, p, (i*37%64)*mib+300_000, 4096)
	}
	require.LessOrEqual(t, e.cache.Stats().Fetched, int64(reads*160<<10))
}

func TestReadEdges(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 100_000)
	o := e.get(obj.Version)
	e.requireRead(o, p, 99_990, 100)
	_, err := o.ReadAt(context.Background(), make([]byte, 1), 100_000)
	require.ErrorIs(t, err, io.EOF)
	_, err = o.ReadAt(context.Background(), make([]byte, 1), -1)
	require.ErrorIs(t, err, os.ErrInvalid)
	n, err := o.ReadAt(context.Background(), nil, 5)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = e.cache.Get(cosapi.Version{Key: "f", Size: 5})
	require.ErrorIs(t, err, cosapi.Invalid)

	require.NoError(t, o.Close())
	require.ErrorIs(t, o.Close(), os.ErrClosed)
	_, err = o.ReadAt(context.Background(), make([]byte, 1), 0)
	require.ErrorIs(t, err, os.ErrClosed)
	require.ErrorIs(t, o.Fill(context.Background()), os.ErrClosed)
}

func TestReadEmptyObject(t *testing.T) {
	e := newBed(t, nil)
	obj, _ := e.put("empty", 0)
	o := e.get(obj.Version)
	_, err := o.ReadAt(context.Background(), make([]byte, 1), 0)
	require.ErrorIs(t, err, io.EOF)
	e.fill(o)
	require.True(t, o.Complete())
	require.Zero(t, e.gets())
}

func TestReadersShareOneGet(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 6*mib)
	hold := make(chan struct{})
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Hold: hold})
	o := e.get(obj.Version)
	var wg sync.WaitGroup
	for i := range int64(24) {
		wg.Go(func() {
			other := e.get(obj.Version)
			if i == 0 {
				other = o
			}
			e.requireRead(other, p, i%3*4096, 4096)
		})
	}
	close(hold)
	wg.Wait()
	require.EqualValues(t, 1, e.gets())
}

// TestBytesAreHandedOutAsTheyArrive breaks the body off and holds its
// continuation: who waits for what has come must not wait for the GET.
func TestBytesAreHandedOutAsTheyArrive(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 8*mib)
	hold := make(chan struct{})
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Times: 1, CutAfter: 3*mib + 5})
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Hold: hold})
	o := e.get(obj.Version)
	e.requireRead(o, p, 0, 4096)
	e.requireRead(o, p, 2*mib, mib)
	e.requireRead(o, p, 3*mib, 5)

	late := make(chan []byte)
	go func() { late <- e.readAll(o, mib) }()
	close(hold)
	require.True(t, bytes.Equal(p, <-late))
}

func TestWaiterWhoGivesUpGoesAlone(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", mib)
	hold, hit := make(chan struct{}), make(chan struct{})
	var once sync.Once
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Hold: hold,
		OnHit: func(*cosserver.Request) { once.Do(func() { close(hit) }) }})
	o := e.get(obj.Version)
	ctx, cancel := context.WithCancel(context.Background())
	gaveUp := make(chan error)
	go func() {
		_, err := o.ReadAt(ctx, make([]byte, 10), 0)
		gaveUp <- err
	}()
	<-hit
	cancel()
	require.ErrorIs(t, <-gaveUp, context.Canceled)
	patient := make(chan struct{})
	go func() {
		defer close(patient)
		e.requireRead(o, p, 0, mib)
	}()
	close(hold)
	<-patient
	require.EqualValues(t, 1, e.gets(), "the fetch went on for the other")
}

func TestChangedIsReturnedAsItIs(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 12*mib)
	o := e.get(obj.Version)
	e.requireRead(o, p, 0, 4096)
	e.put("f", 12*mib+1)
	e.requireRead(o, p, mib-4096, 4096) // what is here is still right
	_, err := o.ReadAt(context.Background(), make([]byte, 4096), 11*mib)
	require.ErrorIs(t, err, cosapi.Changed)
	require.ErrorIs(t, o.Fill(context.Background()), cosapi.Changed)
}

func TestErrorReachesAllWaitersAndIsNotKept(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", mib)
	hold := make(chan struct{})
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Times: 1, Status: 403, Code: "AccessDenied", Hold: hold})
	o := e.get(obj.Version)
	errs := make(chan error)
	for range 5 {
		go func() {
			_, err := o.ReadAt(context.Background(), make([]byte, 4096), 0)
			errs <- err
		}()
	}
	require.Eventually(t, func() bool { return o.waiting() == 5 }, waitLimit, waitStep)
	close(hold)
	for range 5 {
		require.ErrorIs(t, <-errs, cosapi.Denied)
	}
	e.requireRead(o, p, 0, mib)
}

func TestBrokenBodiesAreContinued(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 20*mib)
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Times: 3, CutAfter: 700_001})
	o := e.get(obj.Version)
	require.True(t, bytes.Equal(p, e.readAll(o, 100_000)))
	e.fill(o)
	require.True(t, o.Complete())
}

func TestCloseEndsReaders(t *testing.T) {
	e := newBed(t, nil)
	obj, _ := e.put("f", mib)
	hold := make(chan struct{})
	defer close(hold)
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Hold: hold})
	o := e.get(obj.Version)
	failed := make(chan error)
	go func() {
		_, err := o.ReadAt(context.Background(), make([]byte, 10), 0)
		failed <- err
	}()
	require.Eventually(t, func() bool { return o.waiting() == 1 }, waitLimit, waitStep)
	require.NoError(t, e.cache.Close())
	require.ErrorIs(t, <-failed, os.ErrClosed)
	_, err := e.cache.Get(obj.Version)
	require.ErrorIs(t, err, os.ErrClosed)
	require.NoError(t, o.Close())
	e.open()
}

func TestLastCloseEndsFetches(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 8*mib)
	hold := make(chan struct{})
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Times: 1, CutAfter: 300_000})
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Times: 1, Hold: hold})
	o := e.get(obj.Version)
	e.requireRead(o, p, 0, 4096)
	require.NoError(t, o.Close())
	e.settle() // returns although the server still holds its answer
	close(hold)
	o = e.get(obj.Version)
	require.True(t, bytes.Equal(p, e.readAll(o, mib)))
}

// TestManyReaders is the model test of reading: random reads, closes and
// versions on a cache that is far too small.
func TestManyReaders(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Size = 12 * mib; c.Parallel = 4 })
	const objects = 4
	var vs [objects]cosapi.Version
	var ps [objects][]byte
	for i := range vs {
		obj, p := e.put(string(rune('a'+i)), int64(i+1)*3*mib-int64(i)*333)
		vs[i], ps[i] = obj.Version, p
	}
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Skip: 5, Times: 20, CutAfter: 400_000})
	var wg sync.WaitGroup
	for worker := range uint64(6) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, worker))
			for range 12 {
				i := r.IntN(objects)
				if err := readSome(e.cache, r, vs[i], ps[i]); err != nil {
					t.Errorf("worker %d: %v", worker, err)
					return
				}
			}
		})
	}
	wg.Wait()
	e.settle()
	require.LessOrEqual(t, e.cache.Stats().Bytes, int64(12*mib))
}

// readSome reads one stretch in sequence and some pieces anywhere.
func readSome(c *Cache, r *rand.Rand, v cosapi.Version, p []byte) error {
	o, err := c.Get(v)
	if err != nil {
		return err
	}
	defer o.Close()
	buf := make([]byte, 128<<10)
	off := r.Int64N(v.Size)
	for range 10 + r.IntN(30) {
		n, err := o.ReadAt(context.Background(), buf, off)
		if err != nil && err != io.EOF {
			return err
		}
		if !bytes.Equal(buf[:n], p[off:off+int64(n)]) {
			return errors.New("wrong bytes")
		}
		off += int64(n)
		if err == io.EOF || r.IntN(8) == 0 {
			off = r.Int64N(v.Size)
		}
	}
	return nil
}
