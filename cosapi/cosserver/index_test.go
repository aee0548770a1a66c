package cosserver

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// indexes runs a test on both kinds of index.
func indexes(t *testing.T, run func(t *testing.T, ix index)) {
	t.Run("memory", func(t *testing.T) { run(t, newMemoryIndex()) })
	t.Run("bolt", func(t *testing.T) {
		ix, err := openBoltIndex(filepath.Join(t.TempDir(), indexFile), true)
		require.NoError(t, err)
		defer ix.close()
		run(t, ix)
	})
}

// contents reads a table from a key on.
func contents(t *testing.T, ix index, from string) (keys, values []string) {
	require.NoError(t, ix.view(func(tx txn) error {
		for c := tx.seek(tableObjects, []byte(from)); c.key() != nil; c.next() {
			keys, values = append(keys, string(c.key())), append(values, string(c.value()))
		}
		return nil
	}))
	return keys, values
}

var errRefused = errors.New("refused")

func TestIndexEqualsAMap(t *testing.T) {
	indexes(t, func(t *testing.T, ix index) {
		model := map[string]string{}
		for round := range 150 {
			next := maps.Clone(model)
			fail := rand.IntN(3) == 0
			err := ix.update(func(tx txn) error {
				for range rand.IntN(20) {
					key := fmt.Sprint(rand.IntN(200))
					if rand.IntN(3) == 0 {
						require.NoError(t, tx.del(tableObjects, []byte(key)))
						delete(next, key)
					} else {
						value := fmt.Sprint(round)
						require.NoError(t, tx.put(tableObjects, []byte(key), []byte(value)))
						next[key] = value
					}
					require.Equal(t, next[key], string(tx.get(tableObjects, []byte(key))))
				}
				if fail {
					return errRefused
				}
				return nil
			})
			if fail {
				require.ErrorIs(t, err, errRefused)
			} else {
				require.NoError(t, err)
				model = next
			}
			want := slices.Sorted(maps.Keys(model))
			from := fmt.Sprint(rand.IntN(200))
			want = slices.DeleteFunc(want, func(k string) bool { return k < from })
			keys, values := contents(t, ix, from)
			require.Equal(t, append([]string{}, want...), append([]string{}, keys...))
			for i, k := range keys {
				require.Equal(t, model[k], values[i])
			}
		}
	})
}

func TestCursorSeeksOn(t *testing.T) {
	indexes(t, func(t *testing.T, ix index) {
		require.NoError(t, ix.update(func(tx txn) error {
			for _, k := range []string{"a", "b", "c"} {
				if err := tx.put(tableObjects, []byte(k), []byte{}); err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, ix.view(func(tx txn) error {
			c := tx.seek(tableObjects, nil)
			require.Equal(t, "a", string(c.key()))
			c.seek([]byte("bb"))
			require.Equal(t, "c", string(c.key()))
			c.next()
			require.Nil(t, c.key())
			require.NotNil(t, tx.get(tableObjects, []byte("a")), "an empty value is not absent")
			require.Nil(t, tx.get(tableObjects, []byte("d")))
			return nil
		}))
	})
}

// TestFailuresDoNotSpoilOthers: updates share commits, not fates.
func TestFailuresDoNotSpoilOthers(t *testing.T) {
	indexes(t, func(t *testing.T, ix index) {
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				key := []byte(fmt.Sprintf("%03d", i))
				err := ix.update(func(tx txn) error {
					if i%3 == 0 {
						return errRefused // before it wrote
					}
					if err := tx.put(tableObjects, key, key); err != nil {
						return err
					}
					if i%3 == 1 {
						return errRefused // after it wrote
					}
					return nil
				})
				if i%3 == 2 {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, errRefused)
				}
			})
		}
		wg.Wait()
		keys, _ := contents(t, ix, "")
		require.Len(t, keys, 100)
	})
}

func TestClosedIndexRefuses(t *testing.T) {
	indexes(t, func(t *testing.T, ix index) {
		require.NoError(t, ix.close())
		require.ErrorIs(t, ix.update(func(txn) error { return nil }), errClosed)
		require.NoError(t, ix.close())
	})
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), indexFile)
	ix, err := openBoltIndex(path, true)
	require.NoError(t, err)
	defer ix.close()
	_, err = openBoltIndex(path, true)
	require.ErrorContains(t, err, "in use by another process")
}

func TestKeysKeepTheirOrder(t *testing.T) {
	keys := []string{"", "\x00", "\x00\x00", "\x00\xff", "a", "a\x00", "a\x00b", "a\x01", "ab", "\xff", "\xff\xff"}
	for i, k := range keys {
		got, suffix := splitEnded(append(endedKey("b", k), "tail"...), "b")
		require.Equal(t, k, got)
		require.Equal(t, "tail", string(suffix))
		for _, greater := range keys[i+1:] {
			require.Negative(t, bytes.Compare(versionKey("b", k, 0), versionKey("b", greater, ^uint64(0))), "%q %q", k, greater)
		}
	}
	require.Negative(t, bytes.Compare(versionKey("b", "k", 2), versionKey("b", "k", 1)), "newest first")
	require.Nil(t, after([]byte("\xff\xff")))
	require.Equal(t, "b", string(after([]byte("a\xff"))))
}

func TestRecordsSurviveEncoding(t *testing.T) {
	o := &objectRecord{objectHead: objectHead{
		Modified: clockTime(), Size: 1 << 40, ETag: "e", StorageClass: "ARCHIVE", VersionID: "v", Seq: 1 << 63, DeleteMarker: true,
	}, objectDetail: objectDetail{Segments: []segment{{"b", 1, 2}}, CRC64: 1<<64 - 1, Headers: map[string]string{"a": "b"}}}
	b, err := o.encode()
	require.NoError(t, err)
	back, err := decodeObject(b)
	require.NoError(t, err)
	require.Equal(t, o, back)
	for i := range b {
		_, err := decodeObject(b[:i])
		require.ErrorIs(t, err, errBadRecord, "cut after %d bytes", i)
	}
}
