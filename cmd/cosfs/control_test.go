package main

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func noStatus() status { return status{} }

func TestControlTellsWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	nobody, err := findDaemon(dir, askWait)
	require.NoError(t, err)
	require.Nil(t, nobody)

	for _, left := range [][]string{nil, {"3 files", "dir/a b: access denied"}} {
		c, err := listenControl(dir, noStatus)
		require.NoError(t, err)
		first, err := findDaemon(dir, askWait)
		require.NoError(t, err)
		second, err := findDaemon(dir, askWait)
		require.NoError(t, err)
		c.finish(left)
		for _, d := range []*daemon{first, second} {
			got, err := d.wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, left, got)
		}
	}
}

func TestControlOfOneMountpointIsOneProcess(t *testing.T) {
	dir := t.TempDir()
	c, err := listenControl(dir, noStatus)
	require.NoError(t, err)
	_, err = listenControl(dir, noStatus)
	require.ErrorContains(t, err, "address already in use")
	c.finish(nil)
	again, err := listenControl(dir, noStatus)
	require.NoError(t, err)
	again.finish(nil)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	c, err := listenControl(dir, noStatus)
	require.NoError(t, err)
	defer c.finish(nil)
	d, err := findDaemon(dir, askWait)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.wait(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestControlKeepsABoundedNumber(t *testing.T) {
	dir := t.TempDir()
	c, err := listenControl(dir, noStatus)
	require.NoError(t, err)
	for range maxWaiting {
		d, err := findDaemon(dir, askWait)
		require.NoError(t, err)
		require.NotNil(t, d)
		defer d.conn.Close()
	}
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.waiting) == maxWaiting
	}, eventually, tick)
	conn, err := net.Dial("unix", controlName(dir))
	require.NoError(t, err)
	b := make([]byte, 100)
	n, err := conn.Read(b)
	require.NoError(t, err)
	require.Equal(t, greeting+"\n", string(b[:n]))
	_, err = conn.Write([]byte(askWait + "\n"))
	require.NoError(t, err)
	_, err = conn.Read(b)
	require.Error(t, err, "hung up on")
	conn.Close()
	c.finish(nil)
}

func TestControlNameFitsASocketAddress(t *testing.T) {
	require.Len(t, controlName("/"), 40)
	require.NotEqual(t, controlName("/mnt/a"), controlName("/mnt/b"))
}
