package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// randomRows are random reads of a cold file by fio.
func randomRows(s scale) (rows []row) {
	for _, size := range []int64{4 << 10, 128 << 10} {
		for _, jobs := range []int{1, 8} {
			rows = append(rows, randomRow(s, size, jobs, s.random/jobs))
		}
	}
	return rows
}

func randomRow(s scale, size int64, jobs, reads int) row {
	return row{
		name: fmt.Sprintf("random read of %d KiB, cold, %d jobs", size>>10, jobs), unit: readUnit, limitName: "bare client",
		prepare: func(ctx context.Context, b *bed) error { return b.largeObject(ctx) },
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			return int64(jobs * reads), 0, each(ctx, jobs, jobs*reads, func(ctx context.Context, _ int) error {
				return b.bare.get(ctx, largeKey, rand.Int64N(s.large/size)*size, size, io.Discard)
			})
		},
		job: func(ctx context.Context, _ *bed, m *mounted) (int64, time.Duration, error) {
			return fio(ctx, filepath.Join(m.dir, largeKey), s.large, size, jobs, reads)
		},
	}
}

// fio reads blocks of a file at random places, each place once per job, and
// gives the number of reads and the time they took.
func fio(ctx context.Context, path string, fileSize, size int64, jobs, reads int) (int64, time.Duration, error) {
	cmd := exec.CommandContext(ctx, "fio", "--name=random", "--filename="+path, "--readonly", "--rw=randread",
		"--bs="+strconv.FormatInt(size, 10), "--size="+strconv.FormatInt(fileSize, 10),
		"--io_size="+strconv.FormatInt(size*int64(reads), 10), "--numjobs="+strconv.Itoa(jobs),
		"--thread", "--group_reporting", "--output-format=json")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("fio: %w: %s%s", err, exit.Stderr, out)
		}
		return 0, 0, err
	}
	var said struct {
		Jobs []struct {
			Read struct {
				Total   int64 `json:"total_ios"`
				Runtime int64 `json:"runtime"` // ms
			} `json:"read"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal(out, &said); err != nil || len(said.Jobs) != 1 {
		return 0, 0, fmt.Errorf("fio: %d jobs: %w", len(said.Jobs), err)
	}
	read := said.Jobs[0].Read
	return read.Total, time.Duration(max(read.Runtime, 1)) * time.Millisecond, nil
}
