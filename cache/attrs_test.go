package cache

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func TestAttrMemoryHoldsOneVersion(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	known := cosapi.Object{
		Version:  cosapi.Version{Key: "k", ETag: "e", Size: 5},
		Attrs:    cosapi.Attrs{ContentType: "text/plain", StorageClass: "STANDARD"},
		Modified: at, CRC64: 7, HasCRC64: true,
	}
	for _, tc := range []struct {
		name     string
		asked    time.Duration // after Modified
		written  bool
		later    time.Duration // after asked
		row      func(*cosapi.Object)
		complete bool
	}{
		{"the same version", time.Hour, false, 24 * time.Hour, func(*cosapi.Object) {}, true},
		{"milliseconds of the listing", time.Hour, false, 0, func(o *cosapi.Object) { o.Modified = at.Add(999 * time.Millisecond) }, true},
		{"another second", time.Hour, false, 0, func(o *cosapi.Object) { o.Modified = at.Add(time.Second) }, false},
		{"another ETag", time.Hour, false, 0, func(o *cosapi.Object) { o.ETag = "f" }, false},
		{"another size", time.Hour, false, 0, func(o *cosapi.Object) { o.Size++ }, false},
		{"another key", time.Hour, false, 0, func(o *cosapi.Object) { o.Key = "l" }, false},
		{"asked at three seconds", 3 * time.Second, false, time.Hour, func(*cosapi.Object) {}, true},
		{"asked too young", 2999 * time.Millisecond, false, 10 * time.Second, func(*cosapi.Object) {}, false},
		{"asked too young, within the TTL", 0, false, 9 * time.Second, func(*cosapi.Object) {}, true},
		{"written by us", 0, true, time.Hour, func(o *cosapi.Object) { o.Modified = at.Add(2 * time.Second) }, true},
		{"written by us, listed as older", 0, true, time.Hour, func(o *cosapi.Object) { o.Modified = at.Add(-2 * time.Second) }, true},
		{"written again by another", 0, true, 0, func(o *cosapi.Object) { o.Modified = at.Add(2001 * time.Millisecond) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newAttrMemory(10*time.Second, nil)
			asked := at.Add(tc.asked)
			m.put(known, asked, tc.written)
			row := cosapi.Object{Version: known.Version, Modified: at, Listed: true}
			row.StorageClass = "ARCHIVE"
			tc.row(&row)
			listed := row
			require.Equal(t, tc.complete, m.fill(&row, asked.Add(tc.later)))
			if !tc.complete {
				require.Equal(t, listed, row)
				return
			}
			require.False(t, row.Listed)
			require.Equal(t, "text/plain", row.ContentType)
			require.Equal(t, "ARCHIVE", row.StorageClass, "the listing knows the class better")
			require.Equal(t, uint64(7), row.CRC64)
			require.Equal(t, listed.Modified, row.Modified)
		})
	}
}

func TestTheFirstListingBindsAWrite(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	m := newAttrMemory(10*time.Second, nil)
	o := cosapi.Object{Version: cosapi.Version{Key: "k", ETag: "e", Size: 5}, Modified: at}
	m.put(o, at, true)
	row := cosapi.Object{Version: o.Version, Modified: at.Add(time.Second), Listed: true}
	other := row
	other.ETag = "f"
	m.bind([]cosapi.Entry{{Object: other}, {Object: row}})
	now := at.Add(time.Hour)
	found := row
	require.True(t, m.fill(&found, now), "for good")
	next := row
	next.Modified = at.Add(2 * time.Second)
	require.False(t, m.fill(&next, now), "a later row is another version")
	found = row
	m.forget("k")
	require.False(t, m.fill(&found, now))
}
