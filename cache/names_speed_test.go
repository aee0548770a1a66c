package cache_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cosfs/cache"
	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// BenchmarkListing10000 lists 10,000 objects cold, in one directory and in 200,
// as `ls -l` and `find` do, and reports how fast that is against a bare client
// that reads the same pages and throws them away ("of-bare": 1 is as fast),
// at once and with 20 ms of latency per request.
func BenchmarkListing10000(b *testing.B) {
	for name, format := range map[string]func(i int) string{
		"ls -l": func(i int) string { return fmt.Sprintf("t/file-%05d.txt", i) },
		"find":  func(i int) string { return fmt.Sprintf("t/dir-%03d/file-%05d.txt", i/50, i) },
	} {
		s := costest.NewServer(b)
		client := filled(b, s, 10_000, format)
		for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
			b.Run(fmt.Sprintf("%s %v", name, latency), func(b *testing.B) {
				s.Faults.Clear()
				s.Faults.Add(costest.Fault{Delay: latency})
				compareListing(b, client)
			})
		}
	}
}

func compareListing(b *testing.B, client *cosapi.Client) {
	var bare, ours time.Duration
	for b.Loop() {
		began := time.Now()
		for _, err := range client.Pages(b.Context(), cosapi.ListOptions{Prefix: "t/"}) {
			require.NoError(b, err)
		}
		bare += time.Since(began)
		began = time.Now()
		names := cache.NewNames(cache.NamesConfig{Bucket: client, Attrs: cache.AttrsList})
		require.GreaterOrEqual(b, lookAll(b, names, "t"), 10_000)
		names.Close()
		ours += time.Since(began)
	}
	b.ReportMetric(float64(bare)/float64(ours), "of-bare")
	b.ReportMetric(float64(bare.Milliseconds())/float64(b.N), "bare-ms")
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "ours-ms")
}

// filled puts n objects into the server's bucket.
func filled(b *testing.B, s *costest.Server, n int, key func(i int) string) *cosapi.Client {
	client := s.Client(b)
	g, ctx := errgroup.WithContext(context.Background())
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error {
			_, err := client.Put(ctx, key(i), bytes.NewReader(nil), cosapi.PutOptions{})
			return err
		})
	}
	require.NoError(b, g.Wait())
	return client
}

// lookAll reads dir and everything below it, looks each name up, and counts
// them.
func lookAll(b *testing.B, n *cache.Names, dir string) (count int) {
	var below []string
	for after, more := "", true; more; {
		rows, m, err := n.Rows(b.Context(), dir, after)
		require.NoError(b, err)
		for i := range rows {
			key := dir + "/" + rows[i].Base
			if _, err := n.Lookup(b.Context(), key); err != nil {
				b.Fatal(err)
			}
			if rows[i].Dir {
				below = append(below, key)
			}
			after = rows[i].Base
		}
		more, count = m, count+len(rows)
	}
	for _, dir := range below {
		count += lookAll(b, n, dir)
	}
	return count
}
