package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"cosfs/cosapi"
)

// nameRows list, walk, remove, rename and unpack.
func nameRows(s scale) []row {
	return []row{
		listRow(fmt.Sprintf("ls -l of %d", s.listed), "flat/", s.listed, 0, "/", "ls", "-l"),
		listRow(fmt.Sprintf("find over %d in %d directories", s.listed, s.dirs), "tree/", s.listed, s.dirs, "", "find"),
		removeRow(s),
		renameRow(s),
		untarRow(s),
	}
}

// listRow compares a program that lists with a client that gets the same pages
// and throws them away.
func listRow(name, prefix string, n, dirs int, delimiter string, command ...string) row {
	return row{
		name: name, unit: fileUnit, limitName: "bare client",
		prepare: func(ctx context.Context, b *bed) error {
			return b.once(prefix, func() error { return b.smallObjects(ctx, prefix, n, dirs) })
		},
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			return int64(n), 0, b.bare.list(ctx, prefix, delimiter)
		},
		job: func(ctx context.Context, _ *bed, m *mounted) (int64, time.Duration, error) {
			args := append(command[1:len(command):len(command)], filepath.Join(m.dir, prefix))
			out, err := exec.CommandContext(ctx, command[0], args...).Output()
			if lines := bytes.Count(out, []byte("\n")); err == nil && lines < n {
				err = fmt.Errorf("%s printed %d lines", command[0], lines)
			}
			return int64(n), 0, err
		},
	}
}

// ownFiles makes a directory of small files for one run, beside the mount.
func ownFiles(n int) func(ctx context.Context, b *bed, m *mounted) error {
	return func(ctx context.Context, b *bed, m *mounted) error {
		return b.smallObjects(ctx, filepath.Base(m.dir)+"/", n, 0)
	}
}

func ownDir(m *mounted) string { return filepath.Join(m.dir, filepath.Base(m.dir)) }

func removeRow(s scale) row {
	return row{
		name: fmt.Sprintf("rm -rf of %d", s.small), unit: fileUnit, limitName: "bare client",
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			if err := errors.Join(b.smallObjects(ctx, "gone/", s.small, 0), b.server.reset()); err != nil {
				return 0, 0, err
			}
			keys := make([]string, s.small)
			for i := range keys {
				keys[i] = "gone/" + fileName(i)
			}
			return timed(func() (int64, error) {
				_, err := b.client.DeleteMulti(ctx, keys)
				return int64(s.small), err
			})
		},
		before: ownFiles(s.small),
		job: func(ctx context.Context, _ *bed, m *mounted) (int64, time.Duration, error) {
			return int64(s.small), 0, exec.CommandContext(ctx, "rm", "-rf", ownDir(m)).Run()
		},
	}
}

func renameRow(s scale) row {
	return row{
		name: fmt.Sprintf("rename of a directory of %d", s.small), unit: fileUnit, limitName: "bare client",
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			if err := errors.Join(b.smallObjects(ctx, "here/", s.small, 0), b.server.reset()); err != nil {
				return 0, 0, err
			}
			return timed(func() (int64, error) { return int64(s.small), b.move(ctx, "here/", "there/", s.small) })
		},
		before: func(ctx context.Context, b *bed, m *mounted) error {
			err := ownFiles(s.small)(ctx, b, m)
			_, e := os.Stat(ownDir(m))
			return errors.Join(err, e)
		},
		job: func(_ context.Context, _ *bed, m *mounted) (int64, time.Duration, error) {
			return int64(s.small), 0, os.Rename(ownDir(m), ownDir(m)+"-moved")
		},
	}
}

// move copies objects in parallel and deletes the old ones at once.
func (b *bed) move(ctx context.Context, from, to string, n int) error {
	keys := make([]string, n)
	err := each(ctx, parallel, n, func(ctx context.Context, i int) error {
		keys[i] = from + fileName(i)
		_, err := b.client.Copy(ctx, cosapi.Version{Key: keys[i]}, to+fileName(i), cosapi.CopyOptions{})
		return err
	})
	if err != nil {
		return err
	}
	_, err = b.client.DeleteMulti(ctx, keys)
	return err
}

// untarRow unpacks small files in directories of 20 by one process.
func untarRow(s scale) row {
	return row{
		name: fmt.Sprintf("untar of %d", s.small), unit: fileUnit, limitName: "bare client",
		limit: func(ctx context.Context, b *bed, _ *mounted) (int64, time.Duration, error) {
			content := bytes.Repeat([]byte{7}, b.scale.smallLen)
			return int64(s.small), 0, each(ctx, 1, s.small, func(ctx context.Context, i int) error {
				return b.bare.put(ctx, "untar/"+smallName(i, s.small, s.small/20), nil, content)
			})
		},
		before: func(ctx context.Context, b *bed, m *mounted) error {
			return errors.Join(b.archive(ctx, s), os.Mkdir(ownDir(m), 0o755))
		},
		job: func(ctx context.Context, b *bed, m *mounted) (int64, time.Duration, error) {
			cmd := exec.CommandContext(ctx, "tar", "xf", b.tar(), "-C", ownDir(m))
			if out, err := cmd.CombinedOutput(); err != nil {
				return 0, 0, fmt.Errorf("tar: %w: %s", err, out)
			}
			return int64(s.small), 0, nil
		},
	}
}

func (b *bed) tar() string { return filepath.Join(b.dir, "tree.tar") }

// archive packs what untarRow unpacks.
func (b *bed) archive(ctx context.Context, s scale) error {
	return b.once("archive", func() error {
		dir, err := b.fresh("tree")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		for i := range s.small {
			path := filepath.Join(dir, smallName(i, s.small, s.small/20))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, bytes.Repeat([]byte{7}, s.smallLen), 0o644); err != nil {
				return err
			}
		}
		return exec.CommandContext(ctx, "tar", "cf", b.tar(), "-C", dir, ".").Run()
	})
}
