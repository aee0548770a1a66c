package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// inProcess hands requests to a server in this process, without a network.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context()) // not ours to change
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Content-Length", strconv.FormatInt(max(r.ContentLength, 0), 10))
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

// A directory of a million files is listed, by name and with all attributes, by
// a program that stays under 600 MiB. It takes minutes, most of them to make the
// files, so it runs only when it is asked for:
//
//	COSFS_TEST_MILLION=1 go test ./integration -run TestAMillionFiles -v
func TestAMillionFiles(t *testing.T) {
	if os.Getenv("COSFS_TEST_MILLION") == "" {
		t.Skip("makes a million files, for minutes: set COSFS_TEST_MILLION=1 to run it")
	}
	const files, most = 1_000_000, 600 << 10 // KiB
	s := costest.NewServer(t)
	makeFiles(t, s, files)
	bin, err := program()
	require.NoError(t, err)
	b := &box{t: t, bin: bin, url: s.URL, id: s.Credentials.SecretID, key: s.Credentials.SecretKey}
	for _, lister := range []string{"ls -f big | grep -c file", "find big -type f -printf '%s\\n' | wc -l"} {
		m := b.mount()
		cmd := "cd " + m.dir + " && " + lister
		require.Equal(t, strconv.Itoa(files), strings.TrimSpace(m.run("sh", "-c", cmd)), lister)
		peak := m.peakKiB()
		t.Logf("%s: VmHWM %d MiB", lister, peak>>10)
		require.Less(t, peak, most, lister)
		m.down()
	}
}

// makeFiles makes empty objects big/file-NNNNNNN.dat.
func makeFiles(t *testing.T, s *costest.Server, n int) {
	c := s.Config()
	c.HTTP = &http.Client{Transport: inProcess{s.Server}}
	client, err := cosapi.New(c)
	require.NoError(t, err)
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error {
			_, err := client.Put(ctx, fmt.Sprintf("big/file-%07d.dat", i), strings.NewReader(""), cosapi.PutOptions{})
			return err
		})
	}
	require.NoError(t, g.Wait())
}

// peakKiB is the most memory that the mount's daemon has held so far.
func (m *mounted) peakKiB() int {
	m.t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(m.daemon()), "status"))
	require.NoError(m.t, err)
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.Len(m.t, found, 2)
	peak, err := strconv.Atoi(string(found[1]))
	require.NoError(m.t, err)
	return peak
}
