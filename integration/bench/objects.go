package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"

	"cosfs/cosapi"
)

// randomBytes are the same in every run; compressible data would flatter
// nobody here, but zeros might.
func randomBytes(n int) []byte {
	p := make([]byte, n)
	src := rand.NewChaCha8([32]byte{5})
	_, _ = src.Read(p) // never fails
	return p
}

// once prepares something a single time, by name.
func (b *bed) once(name string, do func() error) error {
	if b.made[name] {
		return nil
	}
	if err := do(); err != nil {
		return fmt.Errorf("preparing %s: %w", name, err)
	}
	b.made[name] = true
	return nil
}

const (
	largeKey = "large/object"
	hugeKey  = "large/huge"
)

// uploadData is what large uploads are cut from.
func (b *bed) uploadData() []byte {
	if b.data == nil {
		b.data = randomBytes(64 << 20)
	}
	return b.data
}

func (b *bed) largeObject(ctx context.Context) error {
	return b.once(largeKey, func() error { return b.bare.upload(ctx, largeKey, b.scale.large, b.uploadData()) })
}

// hugeObject is made of copies of the large one, which cost the server no disk.
func (b *bed) hugeObject(ctx context.Context) error {
	if err := b.largeObject(ctx); err != nil {
		return err
	}
	return b.once(hugeKey, func() error {
		src, err := b.client.Head(ctx, largeKey)
		if err != nil {
			return err
		}
		id, err := b.client.StartUpload(ctx, hugeKey, cosapi.PutOptions{})
		if err != nil {
			return err
		}
		parts := make([]cosapi.Part, 0, b.scale.parts)
		for i := range b.scale.parts {
			part, err := b.client.CopyPart(ctx, hugeKey, id, i+1, src.Version, cosapi.Range{Len: src.Size})
			if err != nil {
				return err
			}
			parts = append(parts, part)
		}
		_, err = b.client.CompleteUpload(ctx, hugeKey, id, parts)
		return err
	})
}

// smallObjects makes n objects below a prefix, in a number of directories; 0
// means in the prefix itself.
func (b *bed) smallObjects(ctx context.Context, prefix string, n, dirs int) error {
	content := randomBytes(b.scale.smallLen)
	return each(ctx, 2*parallel, n, func(ctx context.Context, i int) error {
		_, err := b.client.Put(ctx, prefix+smallName(i, n, dirs), bytes.NewReader(content), cosapi.PutOptions{})
		return err
	})
}

func smallName(i, n, dirs int) string {
	if dirs == 0 {
		return fileName(i)
	}
	return fmt.Sprintf("dir-%04d/%s", i*dirs/n, fileName(i))
}

// localFile makes a file as large as the large object on the disk that is
// measured.
func (b *bed) localFile() error {
	b.local = filepath.Join(b.dir, "local")
	return b.once(b.local, func() error {
		if err := writeFile(b.local, b.scale.large, 1<<20, b.uploadData()); err != nil {
			return err
		}
		return dropPages(b.local)
	})
}

// writePieces writes size bytes of data in pieces of step.
func writePieces(w io.Writer, size, step int64, data []byte) error {
	for off := int64(0); off < size; off += step {
		at := off % (int64(len(data)) - step)
		if _, err := w.Write(data[at : at+min(step, size-off)]); err != nil {
			return err
		}
	}
	return nil
}
