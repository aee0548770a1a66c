package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// control is the daemon's end of a socket by which other cosfs processes find
// it. Its name is abstract, derived from the mountpoint: nothing is left on
// disk however the daemon ends. A greeting says that the caller is heard; then
// the caller says in one line what it wants:
//
//	wait    to be told, when the daemon is done, what is left: lines, or none
//	status  what it is doing, as JSON
//
// The end of the stream is the end of the answer.
type control struct {
	listener *net.UnixListener
	status   func() status
	serving  sync.WaitGroup // the accept loop and the calls it has begun

	mu      sync.Mutex // guards what follows
	callers int        // being asked what they want
	waiting []net.Conn
}

const (
	greeting   = "cosfs" // the first line of a daemon
	askWait    = "wait"
	askStatus  = "status"
	maxRequest = 16 // bytes
)

// maxWaiting bounds the callers that are kept, and those that are asked; one
// is usual.
const maxWaiting = 64

func controlName(mountpoint string) string {
	return fmt.Sprintf("@cosfs-%x", sha256.Sum256([]byte(mountpoint)))[:40]
}

// listenControl makes this process findable by its mountpoint; it answers for
// its status from then on.
func listenControl(mountpoint string, now func() status) (*control, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: controlName(mountpoint), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket of %s: %w", mountpoint, err)
	}
	c := &control{listener: l, status: now}
	c.serving.Go(c.serve)
	return c, nil
}

func (c *control) serve() {
	for {
		conn, err := c.listener.AcceptUnix()
		if err != nil {
			return // closed
		}
		if !c.begin() {
			conn.Close()
			continue
		}
		c.serving.Go(func() {
			defer c.end()
			if !c.answer(conn) {
				conn.Close()
			}
		})
	}
}

func (c *control) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.callers >= maxWaiting {
		return false
	}
	c.callers++
	return true
}

func (c *control) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.callers--
}

// answer greets a caller of our own user or root and does what it asks; kept
// says that the connection stays open.
func (c *control) answer(conn *net.UnixConn) (kept bool) {
	peer, err := peerOf(conn)
	if err != nil || (peer.Uid != 0 && int(peer.Uid) != os.Geteuid()) {
		return false
	}
	conn.SetDeadline(time.Now().Add(answerLimit))
	if _, err := io.WriteString(conn, greeting+"\n"); err != nil {
		return false
	}
	request, err := bufio.NewReader(io.LimitReader(conn, maxRequest)).ReadString('\n')
	if err != nil {
		return false
	}
	switch strings.TrimSuffix(request, "\n") {
	case askWait:
		return c.keep(conn)
	case askStatus:
		json.NewEncoder(conn).Encode(c.status()) // one who hung up does not want to know
	}
	return false
}

// keep remembers a caller until the end.
func (c *control) keep(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= maxWaiting {
		return false
	}
	c.waiting = append(c.waiting, conn)
	return true
}

// finish tells everybody who waits what is left and stops listening.
func (c *control) finish(left []string) {
	c.listener.Close()
	c.serving.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.waiting {
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		io.WriteString(conn, strings.Join(append(left, ""), "\n")) // one who hung up does not want to know
		conn.Close()
	}
	c.waiting = nil
}

// daemon is the caller's end: the process behind a mountpoint.
type daemon struct {
	conn net.Conn
	read *bufio.Reader
	pid  int
}

// findDaemon connects to the process that has mounted mountpoint and asks it
// for something; nil if there is none, or none that this user may ask.
func findDaemon(mountpoint, request string) (*daemon, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: controlName(mountpoint), Net: "unix"})
	if err != nil {
		return nil, nil // nobody listens
	}
	d := &daemon{conn: conn, read: bufio.NewReader(conn)}
	peer, err := peerOf(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	d.pid = int(peer.Pid)
	if peer.Uid != 0 && int(peer.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		return nil, conn.Close() // anybody may take the name
	}
	conn.SetReadDeadline(time.Now().Add(answerLimit))
	line, err := d.read.ReadString('\n')
	if errors.Is(err, os.ErrDeadlineExceeded) {
		conn.Close()
		return nil, fmt.Errorf("pid %d does not answer", d.pid)
	}
	if err != nil || line != greeting+"\n" {
		return nil, conn.Close() // it is ending
	}
	if _, err := io.WriteString(conn, request+"\n"); err != nil {
		return nil, conn.Close()
	}
	conn.SetReadDeadline(time.Time{})
	return d, nil
}

// wait returns when the process has gone, with the lines about what is left.
func (d *daemon) wait(ctx context.Context) (left []string, err error) {
	defer d.conn.Close()
	stop := context.AfterFunc(ctx, func() { d.conn.SetReadDeadline(time.Now()) })
	defer stop()
	text, err := io.ReadAll(d.read)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && !errors.Is(err, unix.ECONNRESET) { // reset: it was killed
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		left = append(left, strings.TrimSuffix(line, "\n"))
	}
	return left, waitExit(ctx, d.pid)
}

// waitExit waits for the end of a process that is no child of ours.
func waitExit(ctx context.Context, pid int) error {
	if pid <= 0 || pid == os.Getpid() {
		return nil // of another pid namespace, or ourselves
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil // gone already
	}
	defer unix.Close(fd)
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for pid %d: %w", pid, err)
		}
	}
	return ctx.Err()
}

// peerOf says who is at the other end.
func peerOf(conn *net.UnixConn) (cred *unix.Ucred, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	if ctlErr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); ctlErr != nil {
		return nil, ctlErr
	}
	return cred, err
}
