package cache

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"cosfs/cosapi"
)

// kept is exact mode with a file of attributes.
func kept(path string) func(*NamesConfig) {
	return func(c *NamesConfig) { c.Attrs, c.AttrFile = AttrsExact, path }
}

func attrFile(t *testing.T) string { return filepath.Join(t.TempDir(), "made", "attrs.db") }

func TestAttributesSurviveARemount(t *testing.T) {
	b, path := newFakeBucket(append(numbered("d/%05d", 2500), "d/sub/", "d/implied/x")...), attrFile(t)
	n := newTestNames(t, b, kept(path))
	readAll(t, n, "d")
	readAll(t, n, "d/sub")
	readAll(t, n, "d/implied")
	written := b.put("d/99999", "new")
	n.Learn(written)
	n.Close()
	n.Close()
	b.advance(time.Second)
	b.counts()
	for range 2 {
		n = newTestNames(t, b, kept(path))
		rows := readAll(t, n, "d")
		require.Len(t, rows, 2503)
		for _, r := range rows {
			if r.Base != "implied" {
				require.Equal(t, r.Object.Key, r.Object.Meta["of"])
			}
		}
		heads, lists := b.counts()
		require.Equal(t, [2]int{1, 4}, [2]int{heads, lists}, "three pages; no row shows markers: the stored one is proved by a LIST, the implied directory asks a HEAD")
		n.Close()
	}
	b.advance(time.Minute)
	b.put("d/00007", "changed")
	b.advance(time.Minute)
	n = newTestNames(t, b, kept(path))
	require.Equal(t, "changed", readAll(t, n, "d")[7].Object.ETag)
	heads, _ := b.counts()
	require.Equal(t, 2, heads, "a new version is another entry")
}

func TestWhatWasForgottenStaysForgotten(t *testing.T) {
	for name, forget := range map[string]func(n *Names){
		"Removed":    func(n *Names) { n.Removed("d/a") },
		"Forget":     func(n *Names) { n.Forget("d/a") },
		"ForgetTree": func(n *Names) { n.ForgetTree("d") },
		"everything": func(n *Names) { n.ForgetTree("") },
		"one by one, too many": func(n *Names) {
			for i := range 2*maxPending + 2 {
				n.memory.forget(fmt.Sprint("d/a", i))
			}
			n.memory.forget("d/a")
		},
		"trees, too many": func(n *Names) {
			for i := range 110 {
				n.ForgetTree(fmt.Sprint("d/a", i))
			}
			n.memory.forget("d/a")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, path := newFakeBucket("d/a", "d/b"), attrFile(t)
			n := newTestNames(t, b, kept(path))
			readAll(t, n, "d")
			n.memory.store.flush()
			forget(n)
			row := cosapi.Object{Version: b.objects["d/a"].Version, Modified: b.objects["d/a"].Modified, Listed: true}
			require.False(t, n.memory.fill(&row, b.now()), "at once")
			n.Close()
			n = newTestNames(t, b, kept(path))
			require.False(t, n.memory.fill(&row, b.now()), "and after a remount")
		})
	}
}

func TestUnsettledVersionsAreNotStored(t *testing.T) {
	b, path := newFakeBucket("d/old"), attrFile(t)
	b.put("d/young", "v")
	restored := b.put("d/restored", "v")
	restored.Modified, restored.Restore = restored.Modified.Add(-time.Hour), `ongoing-request="true"`
	b.objects["d/restored"] = restored
	n := newTestNames(t, b, kept(path))
	readAll(t, n, "d")
	n.Close()
	b.counts()
	n = newTestNames(t, b, kept(path))
	readAll(t, n, "d")
	require.ElementsMatch(t, []string{"d/young", "d/restored"}, b.heads)
}

func TestOneMountHasTheFile(t *testing.T) {
	b, path, log := newFakeBucket("d/a"), attrFile(t), &bytes.Buffer{}
	first := newTestNames(t, b, kept(path))
	second := newTestNames(t, b, kept(path), func(c *NamesConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	require.Contains(t, log.String(), "not kept across mounts")
	require.Equal(t, "d/a", readAll(t, second, "d")[0].Object.Meta["of"], "it works without")
	second.Close()
	readAll(t, first, "d")
	first.Close()
	b.counts()
	readAll(t, newTestNames(t, b, kept(path)), "d")
	require.Empty(t, b.heads)
}

func TestAUselessFileIsMadeAnew(t *testing.T) {
	foreign := func(path string) error {
		db, err := bbolt.Open(path, 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("attrs"))
			return err
		}))
		return db.Close()
	}
	for name, spoil := range map[string]func(path string) error{
		"garbage":   func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("garbage "), 4096), 0o600) },
		"short":     func(path string) error { return os.Truncate(path, 100) },
		"truncated": func(path string) error { return os.Truncate(path, int64(2*os.Getpagesize())) },
		"foreign":   func(path string) error { return errors.Join(os.Remove(path), foreign(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			b, path, log := newFakeBucket("d/a"), attrFile(t), &bytes.Buffer{}
			n := newTestNames(t, b, kept(path))
			n.Close()
			require.NoError(t, spoil(path))
			logged := func(c *NamesConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) }
			for range 2 {
				n = newTestNames(t, b, kept(path), logged)
				require.Equal(t, "d/a", readAll(t, n, "d")[0].Object.Meta["of"])
				n.Close()
			}
			require.Equal(t, 1, strings.Count(log.String(), "made anew"))
			require.Len(t, b.heads, 1, "the second mount finds what the first stored")
		})
	}
}

func TestAFileThatFailsInUse(t *testing.T) {
	b, path, log := newFakeBucket(numbered("d/%04d", 5000)...), attrFile(t), &bytes.Buffer{}
	n := newTestNames(t, b, kept(path))
	readAll(t, n, "d")
	n.Close()
	n = newTestNames(t, b, kept(path), func(c *NamesConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	require.NoError(t, os.Truncate(path, int64(4*os.Getpagesize())))
	for _, r := range readAll(t, n, "d") {
		require.Equal(t, r.Object.Key, r.Object.Meta["of"])
	}
	n.Close()
	require.Equal(t, 1, strings.Count(log.String(), "no longer kept"), log.String())
	require.NoFileExists(t, path, "what it holds may be out of date")
}

func TestTheFileIsBounded(t *testing.T) {
	path := attrFile(t)
	s := openAttrStore(path, slog.New(slog.DiscardHandler))
	s.limit = 100
	entry := func(i int) *attrEntry {
		return &attrEntry{object: cosapi.Object{Version: cosapi.Version{Key: fmt.Sprintf("k%04d", i), ETag: "e"}}, settled: true}
	}
	for i := range 1000 {
		s.put(entry(i))
		if i%50 == 49 {
			s.flush()
			require.Len(t, s.load([]string{"k0007"}), 1, "what is asked for is kept, though it is the oldest")
		}
	}
	s.flush()
	keys := numbered("k%04d", 1000)
	found := s.load(keys)
	require.Less(t, len(found), generations*100+50)
	require.Greater(t, len(found), (generations-1)*100)
	require.Contains(t, found, "k0999")
	require.NotContains(t, found, "k0008")
	s.close()
}

func TestTheStoreUnderLoad(t *testing.T) {
	s := openAttrStore(attrFile(t), slog.New(slog.DiscardHandler))
	defer s.close()
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range 500 {
				key := fmt.Sprint(worker, "/", i)
				s.put(&attrEntry{object: cosapi.Object{Version: cosapi.Version{Key: key, Size: int64(i)}}, settled: true})
				if e := s.load([]string{key})[key]; e == nil || e.object.Size != int64(i) {
					t.Errorf("%s: %v", key, e)
				}
				if s.forget(key); i%2 == 0 {
					s.forgetTree(fmt.Sprint(worker))
				}
				if len(s.load([]string{key})) > 0 {
					t.Errorf("%s is still there", key)
				}
				if i%100 == worker {
					signal(s.full)
				}
			}
		})
	}
	all.Wait()
}

func TestStoredEntriesReadBack(t *testing.T) {
	full := &attrEntry{
		settled: true, written: true, acl: &ACL{Canned: "public-read", Grants: cosapi.Grants{Read: `id="1"`, WriteACP: `id="2"`}},
		object: cosapi.Object{
			Version: cosapi.Version{Key: "a/b", ETag: "etag", Size: 1 << 40},
			Attrs: cosapi.Attrs{
				ContentType: "1", CacheControl: "2", ContentDisposition: "3", ContentEncoding: "4", ContentLanguage: "5",
				Expires: "6", Meta: map[string]string{"mode": "33188", "empty": ""}, StorageClass: "7",
				Encryption: cosapi.Encryption{Algorithm: "8", KMSKeyID: "9", Context: "10"},
			},
			Modified: time.Date(2026, 5, 1, 12, 0, 0, 999, time.UTC), CRC64: 1<<64 - 1, HasCRC64: true,
			VersionID: "11", Type: "appendable", Expiration: "12",
		},
	}
	bare := &attrEntry{settled: true, object: cosapi.Object{Version: cosapi.Version{Key: "k"}, Modified: time.Unix(0, 0).UTC(), Listed: true}}
	for _, e := range []*attrEntry{full, bare} {
		b := e.encode()
		back, err := decodeAttrs(e.object.Key, b)
		require.NoError(t, err)
		require.Equal(t, e, back)
		for cut := range len(b) {
			_, err := decodeAttrs(e.object.Key, b[:cut])
			require.Error(t, err, "cut at %d", cut)
		}
		_, err = decodeAttrs(e.object.Key, append(b, 0))
		require.Error(t, err)
	}
}

func FuzzDecodeAttrs(f *testing.F) {
	f.Add([]byte{attrFormat, flagACL})
	f.Add((&attrEntry{object: cosapi.Object{Attrs: cosapi.Attrs{Meta: map[string]string{"a": "b"}}}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := decodeAttrs("k", b); err == nil {
			again, err := decodeAttrs("k", e.encode())
			require.NoError(t, err)
			require.Equal(t, e, again)
		}
	})
}
