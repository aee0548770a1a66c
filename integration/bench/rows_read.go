package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// serverRows compare the server with the standard library's on the same disk:
// if it were slow, every other ratio would flatter.
func serverRows(s scale) []row {
	return []row{{
		name: "server: GET in 8 ranges", latencies: near(), limitName: "http.ServeContent",
		prepare: func(ctx context.Context, b *bed) error { return errors.Join(b.largeObject(ctx), b.localFile()) },
		limit:   contentRanges,
		serve: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			return s.large, 0, inEight(ctx, s.large, func(ctx context.Context, off, n int64) error {
				return b.bare.get(ctx, largeKey, off, n, io.Discard)
			})
		},
	}}
}

// contentRanges gets the local file from a new server of the standard library.
func contentRanges(ctx context.Context, b *bed, _ *mounted) (size int64, took time.Duration, err error) {
	c, err := startContent(b.local)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	defer b.bare.http.CloseIdleConnections()
	start := time.Now()
	err = inEight(ctx, b.scale.large, func(ctx context.Context, off, n int64) error {
		return c.get(ctx, b.bare.http, off, n)
	})
	return b.scale.large, time.Since(start), err
}

// inEight calls get for eight pieces of an object at once.
func inEight(ctx context.Context, size int64, get func(ctx context.Context, off, n int64) error) error {
	return each(ctx, parallel, parallel, func(ctx context.Context, i int) error {
		return get(ctx, int64(i)*size/parallel, size/parallel)
	})
}

func sequentialRows(s scale) []row {
	prepare := func(ctx context.Context, b *bed) error { return errors.Join(b.largeObject(ctx), b.localFile()) }
	cached := func(ctx context.Context, b *bed, m *mounted) error {
		_, _, err := readLarge(ctx, b, m)
		return err
	}
	return []row{
		{name: "sequential read, cold", limitName: "bare client", prepare: prepare, job: readLarge, limit: download},
		{
			name: "sequential read, cached, pages dropped", latencies: near(), limitName: "local disk", prepare: prepare, job: readLarge,
			limit: func(_ context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
				if err := dropPages(b.local); err != nil {
					return 0, 0, err
				}
				return timed(func() (int64, error) { return sequentialRead(b.local) })
			},
			before: func(ctx context.Context, b *bed, m *mounted) error {
				return errors.Join(cached(ctx, b, m), m.remount(ctx))
			},
		},
		{
			name: "sequential read, cached, pages warm", latencies: near(), limitName: "local disk", prepare: prepare, job: readLarge, before: cached,
			limit: func(_ context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
				if _, err := sequentialRead(b.local); err != nil {
					return 0, 0, err
				}
				return timed(func() (int64, error) { return sequentialRead(b.local) })
			},
		},
		eightFilesRow(s),
		firstByteRow(),
	}
}

func readLarge(_ context.Context, _ *bed, m *mounted) (int64, time.Duration, error) {
	return timed(func() (int64, error) { return sequentialRead(filepath.Join(m.dir, largeKey)) })
}

// timed measures a job without what stands around it.
func timed(do func() (int64, error)) (int64, time.Duration, error) {
	start := time.Now()
	n, err := do()
	return n, time.Since(start), err
}

// download is the limit of a cold read: parallel ranges, CRC64, a file.
func download(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
	dir, err := b.fresh("download")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	return timed(func() (int64, error) {
		return b.scale.large, b.bare.download(ctx, largeKey, b.scale.large, dir+"/file")
	})
}

const eight = 8 // files read at once

func eightKey(i int) string { return fmt.Sprintf("large/eight-%d", i) }

// eightFilesRow is there for its peak of memory.
func eightFilesRow(s scale) row {
	return row{
		name: "8 large files at once, --memory 256MiB", latencies: near(), only: true, flags: []string{"--memory", "256MiB"},
		limitName: "bare client",
		prepare: func(ctx context.Context, b *bed) error {
			return b.once("eight", func() error {
				return each(ctx, 1, eight, func(ctx context.Context, i int) error {
					return b.bare.upload(ctx, eightKey(i), s.large, b.uploadData())
				})
			})
		},
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			dir, err := b.fresh("download")
			if err != nil {
				return 0, 0, err
			}
			defer os.RemoveAll(dir)
			return timed(func() (int64, error) {
				return eight * s.large, each(ctx, eight, eight, func(ctx context.Context, i int) error {
					return b.bare.download(ctx, eightKey(i), s.large, filepath.Join(dir, fileName(i)))
				})
			})
		},
		job: func(ctx context.Context, _ *bed, m *mounted) (int64, time.Duration, error) {
			return eight * s.large, 0, each(ctx, eight, eight, func(_ context.Context, i int) error {
				_, err := sequentialRead(filepath.Join(m.dir, eightKey(i)))
				return err
			})
		},
	}
}

// firstByteRow opens a huge object whose path is known and reads one byte.
func firstByteRow() row {
	return row{
		name: "first byte of a huge object", unit: timeUnit, latencies: far(), limitName: "bare client",
		prepare: func(ctx context.Context, b *bed) error { return b.hugeObject(ctx) },
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			return timed(func() (int64, error) { return 1, b.bare.get(ctx, hugeKey, 0, 1, io.Discard) })
		},
		before: func(_ context.Context, _ *bed, m *mounted) error {
			_, err := os.Stat(filepath.Join(m.dir, hugeKey))
			return err
		},
		job: func(_ context.Context, _ *bed, m *mounted) (int64, time.Duration, error) {
			return timed(func() (int64, error) {
				f, err := os.Open(filepath.Join(m.dir, hugeKey))
				if err != nil {
					return 0, err
				}
				defer f.Close()
				_, err = f.ReadAt(make([]byte, 1), 0)
				return 1, err
			})
		},
	}
}
