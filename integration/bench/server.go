package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"cosfs/cosapi"
)

// server is `cosfs serve` in a process of its own.
type server struct {
	url string
	cmd *exec.Cmd
}

// startServer returns when the server answers. Its store is not synced: what is
// measured are clients, and nothing of it is to survive.
func startServer(ctx context.Context, bin, root string, keys cosapi.Credentials) (*server, error) {
	cmd := exec.CommandContext(ctx, bin, "serve", "--root", root, "--listen", "127.0.0.1:0", "--sync", "none", "--admin")
	cmd.Env = append(os.Environ(), "COS_SECRET_ID="+keys.SecretID, "COS_SECRET_KEY="+keys.SecretKey)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		return nil, fmt.Errorf("cosfs serve said %q: %w", line, err)
	}
	return &server{url: url, cmd: cmd}, nil
}

// counted is what the server saw since the last reset.
type counted struct {
	Counts            map[string]int64
	BytesIn, BytesOut int64
}

func (c counted) requests() (n int64) {
	for _, v := range c.Counts {
		n += v
	}
	return n
}

func (c counted) moved() int64 { return c.BytesIn + c.BytesOut }

func (s *server) counts() (c counted, err error) {
	var raw struct {
		Counts   map[string]int64 `json:"counts"`
		BytesIn  int64            `json:"bytes_in"`
		BytesOut int64            `json:"bytes_out"`
	}
	err = s.admin(http.MethodGet, "counts", &raw)
	return counted{raw.Counts, raw.BytesIn, raw.BytesOut}, err
}

func (s *server) reset() error { return s.admin(http.MethodPost, "reset", nil) }

func (s *server) setLatency(d time.Duration) error {
	return s.admin(http.MethodPost, "latency?d="+d.String(), nil)
}

func (s *server) admin(method, what string, into any) error {
	req, err := http.NewRequest(method, s.url+"/-/"+what, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("server: %s: %s %s: %w", what, resp.Status, body, err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// pause stops the server's process: every request hangs, as behind a network
// that is gone.
func (s *server) pause() error  { return s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) resume() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

func (s *server) close() error {
	if err := s.resume(); err != nil {
		return err
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}
