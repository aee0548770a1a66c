package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

const smallPrefix = "small/"

// smallReadRows read small files in listing order, the directory listed first
// by each process, as tar, grep -r or a training loader does.
func smallReadRows(s scale) []row {
	rows := []row{}
	for _, procs := range []int{1, 8} {
		rows = append(rows, smallReadRow(fmt.Sprintf("%d small files read, cold, %d processes", s.small, procs), smallPrefix, s.small, procs))
	}
	few := smallReadRow(fmt.Sprintf("%d small files in listing order, 1 process", s.few), "few/", s.few, 1)
	few.latencies = far()
	return append(rows, few)
}

func smallReadRow(name, prefix string, files, procs int) row {
	return row{
		name: name, unit: fileUnit, limitName: "bare client",
		prepare: func(ctx context.Context, b *bed) error {
			return b.once(prefix, func() error { return b.smallObjects(ctx, prefix, files, 0) })
		},
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			return int64(files), 0, each(ctx, procs, files, func(ctx context.Context, i int) error {
				return b.bare.get(ctx, prefix+fileName(i), 0, -1, io.Discard)
			})
		},
		job: func(ctx context.Context, b *bed, m *mounted) (int64, time.Duration, error) {
			return int64(files), 0, workers(ctx, procs, "read", filepath.Join(m.dir, prefix), files, b.scale.smallLen)
		},
	}
}
