package cache

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// generations is how many buckets the entries of the file are in. New ones go
// to the newest; when it is full the next is begun and the oldest dropped, so
// that the file is bounded and loses what nobody asked for in the longest time.
const generations = 4

// formatBucket is in every file of ours, and in no other.
var formatBucket = []byte("cosfs attributes 1")

// openAttrFile opens the file, which one mount may have at a time.
func openAttrFile(path string, log *slog.Logger) (*bbolt.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	db, err := tryAttrFile(path)
	if err == nil || errors.Is(err, berrors.ErrTimeout) || errors.Is(err, fs.ErrPermission) {
		return db, err
	}
	log.Warn("the file of attributes is damaged and made anew", "file", path, "err", err)
	if err := removeAttrFile(path); err != nil {
		return nil, err
	}
	return tryAttrFile(path)
}

func removeAttrFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func tryAttrFile(path string) (db *bbolt.DB, err error) {
	err = guard(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 100 * time.Millisecond, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			return err
		}
		return db.Update(prepareAttrFile)
	})
	if err != nil && db != nil {
		err = errors.Join(err, guard(db.Close))
	}
	return db, err
}

// prepareAttrFile makes an empty file ours, or checks that it is.
func prepareAttrFile(tx *bbolt.Tx) error {
	if tx.Bucket(formatBucket) != nil {
		return nil
	}
	if first, _ := tx.Cursor().First(); first != nil {
		return fmt.Errorf("it is a database of something else: it holds %q", first)
	}
	if _, err := tx.CreateBucket(formatBucket); err != nil {
		return err
	}
	_, err := tx.CreateBucket(generationName(1))
	return err
}

// generationName sorts behind formatBucket, and by number.
func generationName(number uint64) []byte { return fmt.Appendf(nil, "generation %020d", number) }

// generationsOf are the buckets of entries, newest first, and the newest's number.
func generationsOf(tx *bbolt.Tx) (all []*bbolt.Bucket, newest uint64, err error) {
	c := tx.Cursor()
	for name, _ := c.Last(); name != nil && !bytes.Equal(name, formatBucket); name, _ = c.Prev() {
		if len(all) == 0 {
			if _, err := fmt.Sscanf(string(name), "generation %d", &newest); err != nil {
				return nil, 0, fmt.Errorf("bucket %q: %w", name, err)
			}
		}
		all = append(all, tx.Bucket(name))
	}
	if len(all) == 0 {
		return nil, 0, errors.New("it holds no entries' bucket")
	}
	return all, newest, nil
}

// read adds the stored entries of keys to found. What would be dropped next is
// stored again, because it is of use.
func (s *attrStore) read(tx *bbolt.Tx, keys []string, found map[string]*attrEntry) error {
	all, _, err := generationsOf(tx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		for age, bucket := range all {
			value := bucket.Get([]byte(key))
			if value == nil {
				continue
			}
			e, err := decodeAttrs(key, value)
			if err != nil {
				return fmt.Errorf("entry of %q: %w", key, err)
			}
			found[key] = e
			if age == generations-1 {
				s.put(e)
			}
			break
		}
	}
	return nil
}

// write carries out a batch.
func (s *attrStore) write(tx *bbolt.Tx, batch changeSet) error {
	all, newest, err := generationsOf(tx)
	if err != nil {
		return err
	}
	for _, dir := range batch.trees {
		for _, bucket := range all {
			if err := deleteTree(bucket, dir); err != nil {
				return err
			}
		}
	}
	added := uint64(0)
	for _, key := range slices.Sorted(maps.Keys(batch.entries)) {
		e := batch.entries[key]
		if e != nil {
			added++
			err = all[0].Put([]byte(key), e.encode())
		} else {
			err = deleteKey(all, key)
		}
		if err != nil {
			return err
		}
	}
	count := all[0].Sequence() + added
	if count < uint64(s.limit) {
		return all[0].SetSequence(count)
	}
	return nextGeneration(tx, newest, len(all))
}

func nextGeneration(tx *bbolt.Tx, newest uint64, count int) error {
	if _, err := tx.CreateBucket(generationName(newest + 1)); err != nil {
		return err
	}
	if count < generations {
		return nil
	}
	return tx.DeleteBucket(generationName(newest + 1 - generations))
}

func deleteKey(all []*bbolt.Bucket, key string) error {
	for _, bucket := range all {
		if err := bucket.Delete([]byte(key)); err != nil {
			return err
		}
	}
	return nil
}

// deleteTree deletes dir itself and what is below it, collecting first because
// a cursor may not be moved over a bucket that is changed.
func deleteTree(bucket *bbolt.Bucket, dir string) error {
	prefix := []byte(prefixOf(dir))
	keys := [][]byte{[]byte(dir)}
	c := bucket.Cursor()
	for key, _ := c.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, _ = c.Next() {
		keys = append(keys, bytes.Clone(key))
	}
	for _, key := range keys {
		if err := bucket.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
