package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// bare is the limit: net/http and nothing of cosfs but the signatures.
type bare struct {
	http *http.Client
	sign *cosapi.Client
	crc  *crc64.Table
}

const parallel = 8 // transfers at once, as in the mounts

func newBare(sign *cosapi.Client) *bare {
	return &bare{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, ReadBufferSize: 256 << 10, WriteBufferSize: 256 << 10}},
		sign: sign,
		crc:  crc64.MakeTable(crc64.ECMA),
	}
}

// do sends one request and hands the body of its answer to take.
func (b *bare) do(ctx context.Context, method, key string, query url.Values, header http.Header, body []byte, take func(*http.Response) error) error {
	link, err := b.sign.Presign(ctx, method, key, time.Hour, cosapi.SignOptions{Query: query})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, link, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		said, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s %s: %s %s", method, key, resp.Status, said)
	}
	return take(resp)
}

// get reads a range into w; n < 0 is the whole object.
func (b *bare) get(ctx context.Context, key string, off, n int64, w io.Writer) error {
	header := http.Header{}
	if n >= 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	}
	return b.do(ctx, http.MethodGet, key, nil, header, nil, func(r *http.Response) error {
		buf := make([]byte, 256<<10)
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, r.Body, buf)
		return err
	})
}

// download brings an object into a file in parallel ranges, and checks the
// CRC64 of each as it passes by.
func (b *bare) download(ctx context.Context, key string, size int64, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return b.ranges(ctx, size, func(ctx context.Context, off, n int64) error {
		return b.get(ctx, key, off, n, io.MultiWriter(crc64.New(b.crc), io.NewOffsetWriter(f, off)))
	})
}

// ranges calls do for the parallel ranges of an object, each 8 MiB, eight at
// once.
func (b *bare) ranges(ctx context.Context, size int64, do func(ctx context.Context, off, n int64) error) error {
	const step = 8 << 20
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for off := int64(0); off < size; off += step {
		group.Go(func() error { return do(ctx, off, min(step, size-off)) })
	}
	return group.Wait()
}

// put stores one object and compares the checksum of the answer.
func (b *bare) put(ctx context.Context, key string, query url.Values, body []byte) error {
	return b.do(ctx, http.MethodPut, key, query, nil, body, func(r *http.Response) error {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return err
		}
		stored, err := strconv.ParseUint(r.Header.Get("x-cos-hash-crc64ecma"), 10, 64)
		if err != nil || stored != crc64.Checksum(body, b.crc) {
			return errors.Join(fmt.Errorf("%s: stored with the checksum %d", key, stored), err)
		}
		return nil
	})
}

// upload stores size bytes in parallel parts.
func (b *bare) upload(ctx context.Context, key string, size int64, data []byte) error {
	id, err := b.sign.StartUpload(ctx, key, cosapi.PutOptions{})
	if err != nil {
		return err
	}
	parts := make([]cosapi.Part, (size+8<<20-1)/(8<<20))
	err = b.ranges(ctx, size, func(ctx context.Context, off, n int64) error {
		i := int(off / (8 << 20))
		at := off % int64(len(data)-8<<20)
		query := url.Values{"partNumber": {strconv.Itoa(i + 1)}, "uploadId": {id}}
		return b.do(ctx, http.MethodPut, key, query, nil, data[at:at+n], func(r *http.Response) error {
			stored, err := strconv.ParseUint(r.Header.Get("x-cos-hash-crc64ecma"), 10, 64)
			if err != nil || stored != crc64.Checksum(data[at:at+n], b.crc) {
				return errors.Join(fmt.Errorf("part %d arrived wrong", i+1), err)
			}
			parts[i] = cosapi.Part{Number: i + 1, ETag: r.Header.Get("ETag"), Size: n}
			_, err = io.Copy(io.Discard, r.Body)
			return err
		})
	})
	if err != nil {
		return err
	}
	_, err = b.sign.CompleteUpload(ctx, key, id, parts)
	return err
}

// each calls do for 0 to n-1 with a number of workers.
func each(ctx context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// list asks for all pages below a prefix, and throws them away but for the
// marker that the next one needs.
func (b *bare) list(ctx context.Context, prefix, delimiter string) error {
	query := url.Values{"prefix": {prefix}, "max-keys": {"1000"}, "encoding-type": {"url"}}
	if delimiter != "" {
		query.Set("delimiter", delimiter)
	}
	for {
		var page []byte
		err := b.do(ctx, http.MethodGet, "", query, nil, nil, func(r *http.Response) (err error) {
			page, err = io.ReadAll(r.Body)
			return err
		})
		if err != nil {
			return err
		}
		_, rest, more := bytes.Cut(page, []byte("<NextMarker>"))
		marker, _, _ := bytes.Cut(rest, []byte("</NextMarker>"))
		if !more || len(marker) == 0 {
			return nil
		}
		next, err := url.QueryUnescape(string(marker))
		if err != nil {
			return err
		}
		query.Set("marker", next)
	}
}
