package main

import (
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A temporary key in a file is read again when it has ten minutes left, and
// kept in use while the file has nothing better.
func TestTemporaryKeysAreReadAgain(t *testing.T) {
	dir, start := t.TempDir(), time.Now().UTC().Truncate(time.Second)
	file := func(id string, expires time.Time) string {
		return write(t, dir, "passwd", fmt.Sprintf("COSAccessKeyId=%s\nCOSSecretKey=k\nCOSAccessToken=t-%[1]s\nCOSAccessTokenExpire=%s\n",
			id, expires.Format("2006-01-02T15:04:05")))
	}
	path := file("first", start.Add(time.Hour))
	pair, err := readPasswd(path, "b-1250000000")
	require.NoError(t, err)
	source := pair.source("b-1250000000", slog.New(slog.DiscardHandler)).(*rereading)
	now := start
	source.now = func() time.Time { return now }
	token := func() string {
		c, err := source.Credentials(t.Context())
		require.NoError(t, err)
		return c.Token
	}
	file("second", start.Add(2*time.Hour))
	require.Equal(t, "t-first", token(), "it is good for an hour")
	now = start.Add(50*time.Minute + time.Second)
	require.Equal(t, "t-second", token())

	now = start.Add(111 * time.Minute)
	require.Equal(t, "t-second", token(), "nobody has written a new one")
	require.NoError(t, os.WriteFile(path, []byte("COSAccessKeyId=half\n"), 0o600))
	now = now.Add(renewPause)
	require.Equal(t, "t-second", token(), "somebody is writing")
	file("third", start.Add(3*time.Hour))
	require.Equal(t, "t-second", token(), "not every request looks")
	now = now.Add(renewPause)
	require.Equal(t, "t-third", token())
}
