package cosserver

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// raw sends bytes as they are, ends its side, and gives the whole answer.
func (s *site) raw(request string) string {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s, err)
	defer conn.Close()
	_, err = io.WriteString(conn, request)
	require.NoError(s, err)
	require.NoError(s, conn.(*net.TCPConn).CloseWrite())
	b, err := io.ReadAll(bufio.NewReader(conn))
	require.NoError(s, err)
	return string(b)
}

func md5Base64(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// settled checks that the store holds exactly what it refers to: reference
// counts are those of the records, each blob exists, and there is no other.
func (s *site) settled() {
	s.Helper()
	s.unpinned()
	counts := map[string]uint64{}
	add := func(segs []segment) {
		for _, seg := range segs {
			counts[seg.Blob]++
		}
	}
	stored := map[string]uint64{}
	require.NoError(s, s.store.index.view(func(tx txn) error {
		for _, t := range []table{tableObjects, tableVersions} {
			for c := tx.seek(t, nil); c.key() != nil; c.next() {
				o, err := decodeObject(c.value())
				require.NoError(s, err)
				add(o.Segments)
			}
		}
		for c := tx.seek(tableParts, nil); c.key() != nil; c.next() {
			p, err := partOf(c.value())
			require.NoError(s, err)
			add(p.Segments)
		}
		for c := tx.seek(tableBlobs, nil); c.key() != nil; c.next() {
			stored[string(c.key())], _ = (&change{txn: tx}).references(string(c.key()))
		}
		return nil
	}))
	require.Equal(s, counts, stored, "reference counts")
	var want []string
	for id := range counts {
		want = append(want, id)
	}
	require.ElementsMatch(s, want, s.blobIDs(), "blobs")
}

// unpinned waits until no request reads any more: a client has the last byte
// a moment before the handler returns.
func (s *site) unpinned() {
	s.Helper()
	require.Eventually(s, func() bool {
		s.store.mu.Lock()
		defer s.store.mu.Unlock()
		return len(s.store.pinned) == 0 && len(s.store.doomed) == 0
	}, 10*time.Second, time.Millisecond)
}

// blobIDs are the blobs that exist.
func (s *site) blobIDs() []string {
	s.Helper()
	var ids []string
	switch b := s.store.blobs.(type) {
	case *memoryBlobs:
		b.mu.RLock()
		defer b.mu.RUnlock()
		for id := range b.m {
			ids = append(ids, id)
		}
	case *dirBlobs:
		for _, dir := range []string{tmpDir, objectsDir} {
			require.NoError(s, filepath.WalkDir(filepath.Join(b.root, dir), func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					ids = append(ids, filepath.Base(path))
				}
				return err
			}))
		}
	}
	return ids
}
