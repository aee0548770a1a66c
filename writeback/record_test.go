package writeback

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func sampleRecord() Record {
	return Record{
		ID: "000000000000002a", State: StateOwed, Key: "目录/文件 +%~#?.txt", Size: 30, BaseLen: 10,
		Modified: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Base: &cosapi.Object{Version: cosapi.Version{Key: "old\xff", ETag: "e", Size: 20}, CRC64: 1<<64 - 1, HasCRC64: true,
			Modified: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)},
		Local: Extents{{2, 4}, {10, 30}}, Fresh: Extents{{0, 1 << 20}},
		Options: cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "text/plain", Meta: map[string]string{"mode": "33188"},
			Encryption: cosapi.Encryption{CustomerKey: []byte(strings.Repeat("k", 32))}}},
		Upload: &UploadRecord{ID: "up", Key: "k\xfe", Stale: true},
	}
}

func TestRecordComesBack(t *testing.T) {
	for _, key := range []string{"a", "目录/文件 +%~#?<&>.txt", "not\xffutf8", `q"uo\te`, "\u2028"} {
		r := sampleRecord()
		r.Key = key
		p, err := r.encode()
		require.NoError(t, err)
		got, err := decodeRecord(r.ID, p)
		require.NoError(t, err)
		require.Equal(t, r, got)
	}
}

func TestRecordRefusals(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"no key":                func(r *Record) { r.Key = "" },
		"no state":              func(r *Record) { r.State = "" },
		"another id":            func(r *Record) { r.ID = "b" },
		"negative size":         func(r *Record) { r.Size = -1 },
		"more base than file":   func(r *Record) { r.BaseLen = 31 },
		"more base than object": func(r *Record) { r.BaseLen, r.Base.Size = 10, 9 },
		"base without object":   func(r *Record) { r.Base = nil },
		"ranges out of order":   func(r *Record) { r.Local = Extents{{10, 30}, {2, 4}} },
		"ranges beyond the end": func(r *Record) { r.Local = Extents{{10, 31}} },
		"bytes nowhere":         func(r *Record) { r.Local = Extents{{11, 30}} },
	} {
		t.Run(name, func(t *testing.T) {
			r := sampleRecord()
			change(&r)
			p, err := r.encode()
			require.NoError(t, err)
			_, err = decodeRecord(sampleRecord().ID, p)
			require.Error(t, err)
		})
	}
	r := sampleRecord()
	p, err := r.encode()
	require.NoError(t, err)
	_, err = decodeRecord(r.ID, []byte(strings.Replace(string(p), `"format": 1`, `"format": 2`, 1)))
	require.ErrorContains(t, err, "format 2")
}

// A record cut anywhere is refused: half-written ones are recognised.
func TestRecordCut(t *testing.T) {
	r := sampleRecord()
	p, err := r.encode()
	require.NoError(t, err)
	for n := range len(p) {
		_, err := decodeRecord(r.ID, p[:n])
		require.Error(t, err, "%d bytes of %d", n, len(p))
	}
}

func FuzzDecodeRecord(f *testing.F) {
	p, err := sampleRecord().encode()
	require.NoError(f, err)
	f.Add(p)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		var id struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(p, &id) != nil {
			return
		}
		r, err := decodeRecord(id.ID, p)
		if err != nil {
			return
		}
		require.NoError(t, r.valid())
		again, err := r.encode()
		require.NoError(t, err)
		back, err := decodeRecord(r.ID, again)
		require.NoError(t, err)
		require.Equal(t, r.Key, back.Key)
		require.Equal(t, r.Size, back.Size)
	})
}
