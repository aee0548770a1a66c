package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// workerArg makes this program one of the processes that a job consists of.
const workerArg = "worker"

// share is what one of several processes does of a job: number of of.
type share struct{ number, of, files, bytes int }

// work is a worker's main: read|create DIR NUMBER OF FILES BYTES.
func work(args []string) error {
	if len(args) != 6 {
		return fmt.Errorf("worker: %d arguments", len(args))
	}
	var s share
	var err error
	for i, into := range []*int{&s.number, &s.of, &s.files, &s.bytes} {
		n, e := strconv.Atoi(args[2+i])
		*into, err = n, errors.Join(err, e)
	}
	if err != nil {
		return err
	}
	if args[0] == "create" {
		return createFiles(args[1], s)
	}
	return readFiles(args[1], s)
}

// workers runs a job in n processes and waits for them.
func workers(ctx context.Context, n int, job, dir string, files, size int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			cmd := exec.CommandContext(ctx, self, workerArg, job, dir,
				strconv.Itoa(i), strconv.Itoa(n), strconv.Itoa(files), strconv.Itoa(size))
			out, err := cmd.CombinedOutput()
			if err != nil {
				return fmt.Errorf("%s in %s: %w: %s", job, dir, err, bytes.TrimSpace(out))
			}
			return nil
		})
	}
	return group.Wait()
}

// readFiles lists a directory and reads its share of the files in that order.
func readFiles(dir string, s share) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) != s.files {
		return fmt.Errorf("%s has %d entries instead of %d", dir, len(entries), s.files)
	}
	buf := make([]byte, 128<<10)
	for _, e := range entries[s.number*s.files/s.of : (s.number+1)*s.files/s.of] {
		if err := readFile(filepath.Join(dir, e.Name()), buf, int64(s.bytes)); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads a file to its end in pieces of len(buf).
func readFile(path string, buf []byte, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var got int64
	for {
		n, err := f.Read(buf)
		got += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if got != size {
		return fmt.Errorf("%s has %d bytes instead of %d", path, got, size)
	}
	return nil
}

func createFiles(dir string, s share) error {
	content := bytes.Repeat([]byte{byte(s.number), 7}, s.bytes/2)
	for i := s.number; i < s.files; i += s.of {
		if err := os.WriteFile(filepath.Join(dir, fileName(i)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func fileName(i int) string { return fmt.Sprintf("file-%06d", i) }
