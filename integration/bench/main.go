// Bench measures cosfs at a mount of its own, the peers it finds (s3fs,
// rclone) and the limit of the machine, all against the same `cosfs serve`, and
// prints one table. ./scripts/bench builds the program and calls it.
//
//	bench --cosfs FILE [--quick] [--rows REGEXP] [--runs N] [--dir DIR] [--peers=false] [--latency D,D]
//
// A row is one job. Its limit is a bare client in this process, which does the
// requests of the job and nothing else, or the local disk. The contenders take
// turns, so that a noisy machine disturbs them alike, and the median of the
// runs counts. Where a row says cold, every run has a new mount with an empty
// cache; the objects of the server are in its page cache for everybody.
//
// "requests" and "moved" are what the server counted during the job; "peak" is
// the resident memory of the mounting process at its highest meanwhile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	cosfs     string
	dir       string // scratch, on the disk that is measured; empty: a temporary one
	rows      *regexp.Regexp
	runs      int
	quick     bool
	peers     bool
	latencies []time.Duration
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	if err := dispatch(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

// dispatch also plays the parts for which run starts this program again.
func dispatch(args []string) error {
	switch {
	case len(args) > 0 && args[0] == workerArg:
		return work(args[1:])
	case len(args) == 2 && args[0] == contentArg:
		return serveContent(args[1])
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, o)
}

func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.cosfs, "cosfs", "", "the built `program`")
	f.StringVar(&o.dir, "dir", "", "scratch `directory` on the disk to measure (default a temporary one)")
	f.IntVar(&o.runs, "runs", 3, "runs of each job; the median counts")
	f.BoolVar(&o.quick, "quick", false, "one run of small jobs without peers: about a minute, and rough")
	f.BoolVar(&o.peers, "peers", true, "measure s3fs and rclone where they are installed")
	rows := f.String("rows", "", "only rows whose name matches this `regexp`")
	latencies := f.String("latency", "0,20ms", "latencies of the server, where a row has no choice of its own")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.cosfs == "" {
		return o, errors.New("--cosfs is missing: ./scripts/bench builds the program and gives it")
	}
	if o.rows, err = regexp.Compile(*rows); err != nil {
		return o, fmt.Errorf("--rows: %w", err)
	}
	for word := range strings.SplitSeq(*latencies, ",") {
		d, err := time.ParseDuration(word)
		if err != nil {
			return o, fmt.Errorf("--latency: %w", err)
		}
		o.latencies = append(o.latencies, d)
	}
	if o.quick {
		o.runs, o.peers = 1, false
	}
	return o, nil
}

// run measures all rows that were asked for and prints the table after each.
func run(ctx context.Context, o options) (err error) {
	b, err := newBed(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	t := newTable(os.Stdout)
	t.head(b)
	for _, r := range rows(b.scale) {
		if !o.rows.MatchString(r.name) {
			continue
		}
		for _, latency := range r.latenciesOr(o.latencies) {
			results, err := b.measure(ctx, r, latency)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			t.rows(r, latency, results)
		}
	}
	return nil
}
