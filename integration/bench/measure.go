package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// row is one job and what it is compared with.
type row struct {
	name      string
	unit      unit
	latencies []time.Duration // nil: those of the command line
	limitName string
	only      bool     // only cosfs: the peers would not end in a tolerable time
	flags     []string // for cosfs

	prepare func(ctx context.Context, b *bed) error             // objects; called for each latency
	limit   job                                                 // without a mount; nil: nothing to compare with
	serve   job                                                 // the server itself, instead of mounts
	before  func(ctx context.Context, b *bed, m *mounted) error // on the new mount, not measured
	job     job                                                 // on the mount
	after   func(ctx context.Context, b *bed, m *mounted) error // not measured
}

// job gives how much it did: bytes, files or reads; and how long that took, 0
// for the time of the whole call.
type job func(ctx context.Context, b *bed, m *mounted) (int64, time.Duration, error)

func (r row) latenciesOr(all []time.Duration) []time.Duration {
	if r.latencies != nil {
		return r.latencies
	}
	return all
}

// sample is one run.
type sample struct {
	amount  int64 // bytes, files or reads
	elapsed time.Duration
	counted counted
	peak    int64
}

func (s sample) rate() float64 { return float64(s.amount) / s.elapsed.Seconds() }

// result is what one contender did in all runs of a row.
type result struct {
	name    string
	samples []sample
	err     error // why it did not finish
}

// median is the run of median speed.
func (r result) median() sample {
	if len(r.samples) == 0 {
		return sample{}
	}
	sorted := slices.SortedFunc(slices.Values(r.samples), func(a, b sample) int {
		return int(b.elapsed - a.elapsed)
	})
	return sorted[len(sorted)/2]
}

// measure runs a row with one latency; the limit comes first in each round.
func (b *bed) measure(ctx context.Context, r row, latency time.Duration) ([]result, error) {
	if err := b.server.setLatency(0); err != nil {
		return nil, err
	}
	if r.prepare != nil {
		if err := r.prepare(ctx, b); err != nil {
			return nil, err
		}
	}
	if err := b.server.setLatency(latency); err != nil {
		return nil, err
	}
	runs := b.runners(r)
	results := make([]result, len(runs))
	for range b.o.runs {
		for i, run := range runs {
			results[i].name = run.name
			if results[i].err != nil {
				continue
			}
			s, err := run.once(ctx)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if results[i].err = err; err == nil {
				results[i].samples = append(results[i].samples, s)
			}
		}
	}
	return results, nil
}

// runner is one contender in one row.
type runner struct {
	name string
	once func(ctx context.Context) (sample, error)
}

func (b *bed) runners(r row) (runs []runner) {
	if r.limit != nil {
		runs = append(runs, runner{r.limitName, func(ctx context.Context) (sample, error) { return b.off(ctx, r.limit) }})
	}
	if r.serve != nil {
		return append(runs, runner{"cosfs serve", func(ctx context.Context) (sample, error) { return b.off(ctx, r.serve) }})
	}
	for _, c := range b.mounts {
		if r.only && c.name != "cosfs" {
			continue
		}
		runs = append(runs, runner{c.name, func(ctx context.Context) (sample, error) { return b.onMount(ctx, r, c) }})
	}
	return runs
}

// off runs a job without a mount.
func (b *bed) off(ctx context.Context, do job) (s sample, err error) {
	if err := b.server.reset(); err != nil {
		return s, err
	}
	if s, err = do.time(ctx, b, nil); err != nil {
		return s, err
	}
	s.counted, err = b.server.counts()
	return s, err
}

// onMount runs a job on a new mount with an empty cache.
func (b *bed) onMount(ctx context.Context, r row, c contender) (s sample, err error) {
	m, err := b.mount(ctx, c, r.flags)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, m.down(), m.remove()) }()
	if r.before != nil {
		if err := r.before(ctx, b, m); err != nil {
			return s, err
		}
	}
	if err := errors.Join(b.server.reset(), m.resetPeak()); err != nil {
		return s, err
	}
	if s, err = r.job.time(ctx, b, m); err != nil {
		return s, err
	}
	s.peak = m.peak()
	if s.counted, err = b.server.counts(); err != nil || r.after == nil {
		return s, err
	}
	return s, r.after(ctx, b, m)
}

func (do job) time(ctx context.Context, b *bed, m *mounted) (s sample, err error) {
	start := time.Now()
	s.amount, s.elapsed, err = do(ctx, b, m)
	if s.elapsed == 0 {
		s.elapsed = time.Since(start)
	}
	return s, err
}

// dropPages lets the kernel forget the pages of all files below a directory.
func dropPages(dir string) error {
	return filepath.WalkDir(dir, func(path string, d iofs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil { // dirty pages stay
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

// sequentialRead reads a file in pieces of 1 MiB.
func sequentialRead(path string) (n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		m, err := f.Read(buf)
		n += int64(m)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("at %d: %w", n, err)
		}
	}
}
