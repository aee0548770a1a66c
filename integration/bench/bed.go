package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cosfs/cosapi"
)

const bucket = "bench-1250000000"

// bed is what all rows share: a server, a bucket, clients, a scratch directory.
type bed struct {
	o       options
	scale   scale
	dir     string // scratch
	server  *server
	client  *cosapi.Client // for preparing
	bare    *bare
	mounts  []contender
	missing []string // peers that are not installed
	made    map[string]bool
	local   string // a file of the size of the large object
	serial  int
	data    []byte // of large uploads
}

// scale says how large the jobs are.
type scale struct {
	large    int64 // bytes of the large object
	small    int   // small files in a directory
	few      int   // small files of the read-ahead row
	listed   int   // objects of the listing rows
	dirs     int   // directories of the walk
	parts    int   // copies of the large object that make the huge one
	smallLen int   // bytes of a small file
	random   int   // random reads
}

func scaleOf(quick bool) scale {
	if quick {
		return scale{large: 64 << 20, small: 100, few: 50, listed: 1000, dirs: 20, parts: 2, smallLen: 4 << 10, random: 128}
	}
	return scale{large: 1 << 30, small: 1000, few: 200, listed: 10_000, dirs: 200, parts: 10, smallLen: 4 << 10, random: 1024}
}

func newBed(ctx context.Context, o options) (b *bed, err error) {
	b = &bed{o: o, scale: scaleOf(o.quick), made: map[string]bool{}}
	if b.dir, err = os.MkdirTemp(o.dir, "cosfs-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	keys := cosapi.Credentials{SecretID: "AKID" + rand.Text(), SecretKey: rand.Text()}
	if b.server, err = startServer(ctx, o.cosfs, filepath.Join(b.dir, "objects"), keys); err != nil {
		return b, err
	}
	b.client, err = cosapi.New(cosapi.Config{Endpoint: b.server.url, Bucket: bucket, Credentials: cosapi.Static(keys)})
	if err != nil {
		return b, err
	}
	b.bare = newBare(b.client)
	if err := b.client.CreateBucket(ctx, cosapi.CreateBucketOptions{}); err != nil {
		return b, err
	}
	b.mounts, b.missing, err = contenders(b, keys)
	return b, err
}

// close ends the server and takes the scratch directory away.
func (b *bed) close() error {
	var err error
	if b.server != nil {
		err = b.server.close()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// fresh makes an empty directory below the scratch directory.
func (b *bed) fresh(name string) (string, error) {
	b.serial++
	dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, b.serial))
	return dir, os.Mkdir(dir, 0o700)
}
