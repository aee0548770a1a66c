package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// contentArg makes this program the standard library's server of one file, in a
// process of its own like cosfs serve.
const contentArg = "content"

// serveContent answers with the file until its standard input ends.
func serveContent(path string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		defer f.Close()
		http.ServeContent(w, r, "file", time.Time{}, f)
	})}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
		server.Close()
	}()
	fmt.Printf("http://%s/\n", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// content is such a process.
type content struct {
	url   string
	cmd   *exec.Cmd
	stdin io.Closer
}

func startContent(path string) (*content, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &content{cmd: exec.Command(self, contentArg, path)}
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	c.url = strings.TrimSpace(line)
	return c, err
}

func (c *content) close() error { return errors.Join(c.stdin.Close(), c.cmd.Wait()) }

// get reads a range and throws it away.
func (c *content) get(ctx context.Context, client *http.Client, off, n int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		return errors.New(resp.Status)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 256<<10))
	return err
}
