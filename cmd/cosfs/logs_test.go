package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogSetsItselfAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "cosfs.log")
	l, err := openLog(path, false)
	require.NoError(t, err)
	l.capacity = 10
	for _, record := range []string{"aaaa\n", "bbbb\n", "cccc\n", "a record longer than the log\n", "d\n"} {
		n, err := l.Write([]byte(record))
		require.NoError(t, err)
		require.Equal(t, len(record), n)
	}
	require.NoError(t, l.Close())
	require.Equal(t, "d\n", read(t, path))
	require.Equal(t, "a record longer than the log\n", read(t, path+".1"))

	l, err = openLog(path, false) // goes on where it was
	require.NoError(t, err)
	_, err = l.Write([]byte("e\n"))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.Equal(t, "d\ne\n", read(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestLogThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	_, err := openLog(dir, false)
	require.ErrorContains(t, err, "--log-file")
	_, err = openLog(filepath.Join(write(t, dir, "file", ""), "log"), false)
	require.ErrorContains(t, err, "--log-file")
}

// The level is obeyed, and no way of logging a key pair shows the key.
func TestLogHidesSecrets(t *testing.T) {
	var b strings.Builder
	level, err := parseLevel("warn")
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level}))
	p := &program{env: []string{"COS_SECRET_ID=AKIDme", "COS_SECRET_KEY=s3cret", "COS_SESSION_TOKEN=t0ken"}}
	pair, err := p.findCredentials("", "b-1250000000")
	require.NoError(t, err)
	log.Info("quiet", "pair", pair.Credentials)
	require.Empty(t, b.String())
	log.Warn("loud", "pair", pair.Credentials, "all", pair, "pointer", &pair)
	require.Contains(t, b.String(), "AKIDme")
	require.NotContains(t, b.String(), "s3cret")
	require.NotContains(t, b.String(), "t0ken")
}
