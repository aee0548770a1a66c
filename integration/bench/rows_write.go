package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cosfs/cosapi"
)

// largeWriteRows write one large file, whole, changed a little, or into the
// stage alone.
func largeWriteRows(s scale) []row {
	return []row{
		{
			name: "sequential write, with close", limitName: "bare client",
			limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
				data := b.uploadData()
				return timed(func() (int64, error) { return s.large, b.bare.upload(ctx, "written-bare", s.large, data) })
			},
			job: func(_ context.Context, b *bed, m *mounted) (int64, time.Duration, error) {
				data := b.uploadData()
				return timed(func() (int64, error) {
					return s.large, writeFile(filepath.Join(m.dir, "written"), s.large, 1<<20, data)
				})
			},
		},
		stagedRow("1 MiB writes before close, endpoint gone", s.large, 1<<20),
		stagedRow("4 KiB writes before close, endpoint gone", s.large/8, 4<<10),
		changeRow("4 KiB changed in a large object", s, s.large/2),
		changeRow("4 KiB appended to a large object", s, s.large),
	}
}

func writeFile(path string, size, step int64, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(writePieces(f, size, step, data), f.Close())
}

// stagedRow writes while the server's process is stopped: what is measured is
// the way into the local file.
func stagedRow(name string, size, step int64) row {
	return row{
		name: name, latencies: near(), limitName: "local disk", only: true,
		limit: func(_ context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			dir, err := b.fresh("local")
			if err != nil {
				return 0, 0, err
			}
			defer os.RemoveAll(dir)
			return b.writeOpen(filepath.Join(dir, "file"), size, step, func() error { return nil }, func() error { return nil })
		},
		job: func(_ context.Context, b *bed, m *mounted) (int64, time.Duration, error) {
			return b.writeOpen(filepath.Join(m.dir, "staged"), size, step, b.server.pause, b.server.resume)
		},
	}
}

// writeOpen times the writes into a new file; before comes between its creation
// and them, after before the close.
func (b *bed) writeOpen(path string, size, step int64, before, after func() error) (n int64, took time.Duration, err error) {
	data := b.uploadData()
	f, err := os.Create(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := before(); err != nil {
		return 0, 0, err
	}
	n, took, err = timed(func() (int64, error) { return size, writePieces(f, size, step, data) })
	return n, took, errors.Join(err, after())
}

// changeRow writes 4 KiB into an object that is there: its requests and bytes
// are what counts.
func changeRow(name string, s scale, off int64) row {
	const key = "changed"
	return row{
		name: name, unit: timeUnit, only: true,
		before: func(ctx context.Context, b *bed, m *mounted) error {
			err := errors.Join(b.largeObject(ctx), b.copyLarge(ctx, key))
			if _, e := os.Stat(filepath.Join(m.dir, key)); e != nil {
				return errors.Join(err, e)
			}
			return err
		},
		job: func(_ context.Context, b *bed, m *mounted) (int64, time.Duration, error) {
			return timed(func() (int64, error) {
				f, err := os.OpenFile(filepath.Join(m.dir, key), os.O_WRONLY, 0)
				if err != nil {
					return 0, err
				}
				_, err = f.WriteAt(b.uploadData()[:4<<10], off)
				return 1, errors.Join(err, f.Close())
			})
		},
	}
}

func (b *bed) copyLarge(ctx context.Context, key string) error {
	src, err := b.client.Head(ctx, largeKey)
	if err != nil {
		return err
	}
	_, err = b.client.CopyLarge(ctx, src.Version, key, cosapi.CopyLargeOptions{})
	return err
}

// smallWriteRows create small files in one directory.
func smallWriteRows(s scale) []row {
	rows := []row{}
	for _, procs := range []int{1, 8} {
		rows = append(rows, smallWriteRow(fmt.Sprintf("%d small files created, %d processes", s.small, procs), s.small, procs))
	}
	async := smallWriteRow(fmt.Sprintf("%d small files created, 1 process, async", s.small), s.small, 1)
	async.flags, async.only, async.latencies = []string{"--writeback", "async"}, true, far()
	return append(rows, async)
}

func smallWriteRow(name string, files, procs int) row {
	return row{
		name: name, unit: fileUnit, limitName: "bare client",
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			content := bytes.Repeat([]byte{7}, b.scale.smallLen)
			b.serial++ // new keys: what is replaced would free inodes, see remove
			prefix := fmt.Sprintf("put-%d/", b.serial)
			return int64(files), 0, each(ctx, procs, files, func(ctx context.Context, i int) error {
				return b.bare.put(ctx, prefix+fileName(i), nil, content)
			})
		},
		before: func(_ context.Context, b *bed, m *mounted) error { return os.Mkdir(b.created(m), 0o755) },
		job: func(ctx context.Context, b *bed, m *mounted) (int64, time.Duration, error) {
			return int64(files), 0, workers(ctx, procs, "create", b.created(m), files, b.scale.smallLen)
		},
	}
}

// created is a new directory of this mount, the same whenever it is asked for.
func (b *bed) created(m *mounted) string { return filepath.Join(m.dir, "new-"+filepath.Base(m.dir)) }
