package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"cosfs/cosapi/cosserver"
)

// server is a cosserver that listens.
type server struct {
	*cosserver.Server
	url     string
	http    *http.Server
	stopped chan struct{} // closed when the listener has ended
	err     error         // why; valid after stopped

	mu sync.Mutex // guards silent
	// silent are the connections on which nothing was asked yet. A client opens
	// some in advance; http.Server.Shutdown would wait five seconds for each.
	silent map[net.Conn]struct{}
}

// startServer opens the store and answers requests when it returns.
func startServer(address string, cfg cosserver.Config) (*server, error) {
	if cfg.Root != "" {
		if err := os.MkdirAll(cfg.Root, 0o700); err != nil {
			return nil, fail(exitFailed, "the directory of the objects cannot be made: %w", err)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fail(exitFailed, "cannot listen on %s: %w; choose another address", address, err)
	}
	store, err := cosserver.New(cfg)
	if err != nil {
		l.Close()
		return nil, fail(exitFailed, "the objects below %s cannot be served: %w", cfg.Root, err)
	}
	s := &server{
		Server: store, url: "http://" + l.Addr().String(),
		stopped: make(chan struct{}), silent: map[net.Conn]struct{}{},
	}
	s.http = &http.Server{
		Handler:           store,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn),
		ConnState:         s.track,
	}
	go func() {
		defer close(s.stopped)
		s.err = s.http.Serve(l)
	}()
	return s, nil
}

// track is http.Server.ConnState.
func (s *server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		s.silent[c] = struct{}{}
	} else {
		delete(s.silent, c)
	}
}

func (s *server) closeSilent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.silent {
		c.Close()
	}
}

// shutdownLimit is how long answers in progress may go on at the end.
const shutdownLimit = 10 * time.Second

// close lets answers in progress end and closes the store.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	s.http.RegisterOnShutdown(s.closeSilent)
	if err := s.http.Shutdown(ctx); err != nil {
		s.http.Close()
	}
	<-s.stopped
	err := s.Server.Close()
	if !errors.Is(s.err, http.ErrServerClosed) {
		err = errors.Join(s.err, err)
	}
	return err
}
