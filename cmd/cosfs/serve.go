package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"cosfs/cosapi/cosserver"
)

// serveConfig is what the user asks of one server.
type serveConfig struct {
	root, listen, region string
	sync                 string
	latency              time.Duration
	admin                bool
	logLevel             string
}

func newServe(p *program) *cobra.Command {
	var c serveConfig
	cmd := &cobra.Command{
		Use:   "serve --root DIR [--listen ADDR]",
		Short: "Serve a directory as a COS endpoint",
		Long: `Serve a directory as a COS endpoint.

The key pair of clients is taken from COS_SECRET_ID and COS_SECRET_KEY. Buckets
are made only by requests for it (PUT Bucket). "listening on http://ADDR" is
printed when requests are answered; SIGINT and SIGTERM end the server.

With --admin, requests below /-/ count and steer the server, unsigned:

  GET  /-/counts           requests by operation, and bytes, as JSON
  POST /-/reset            sets them to zero
  POST /-/latency?d=20ms   changes --latency
  POST /-/lifecycle        applies the lifecycle rules now`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), c) },
	}
	f := cmd.Flags()
	f.StringVar(&c.root, "root", "", "`directory` of the objects, made if it is missing")
	f.StringVar(&c.listen, "listen", "127.0.0.1:9000", "`address` to listen on; port 0 chooses one")
	f.StringVar(&c.region, "region", "ap-guangzhou", "region the server says it is in")
	f.DurationVar(&c.latency, "latency", 0, "time to wait before each answer, as a far service would")
	f.BoolVar(&c.admin, "admin", false, "let whoever reaches the port count and steer the server, for tests and benchmarks")
	f.StringVar(&c.sync, "sync", "all", "what is on the disk before a write is answered: all, index (a power cut may cost new objects) or none (it may cost the store)")
	f.StringVar(&c.logLevel, "log-level", "warn", "debug, info, warn or error")
	return cmd
}

var syncModes = map[string]cosserver.Sync{
	"all": cosserver.SyncAll, "index": cosserver.SyncIndex, "none": cosserver.SyncNone,
}

func (p *program) serve(ctx context.Context, c serveConfig) error {
	level, err := parseLevel(c.logLevel)
	if err != nil {
		return err
	}
	sync, ok := syncModes[c.sync]
	if !ok {
		return fail(exitUsage, "--sync %q is not one of all, index, none", c.sync)
	}
	if c.root == "" {
		return fail(exitUsage, "serve needs --root DIR, the directory of its objects")
	}
	pair, ok, err := p.envCredentials()
	if err != nil {
		return err
	}
	if !ok {
		return fail(exitDenied, "serve needs a key pair for its clients: set COS_SECRET_ID and COS_SECRET_KEY")
	}
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level}))
	s, err := startServer(c.listen, cosserver.Config{
		Root: c.root, Region: c.region, Latency: c.latency, Log: log, Sync: sync, Admin: c.admin,
		Accounts: []cosserver.Account{{SecretID: pair.SecretID, SecretKey: pair.SecretKey, Token: pair.Token}},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "listening on %s\n", s.url)
	select {
	case <-ctx.Done():
	case <-s.stopped:
	}
	return s.close()
}
