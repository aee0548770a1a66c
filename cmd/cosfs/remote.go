package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cosfs/cosapi"
)

// remoteFlags are what all commands on buckets and objects have in common.
type remoteFlags struct {
	endpoint, region string
	pathStyle        bool
	passwdFile       string
	anonymous        bool
	json, quiet      bool
	logLevel         string
}

func (f *remoteFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.endpoint, "endpoint", "", "`URL` of the endpoint, without the bucket (default $COS_ENDPOINT)")
	fs.StringVar(&f.region, "region", "", "`region` of the bucket, such as ap-guangzhou (default $COS_REGION)")
	fs.BoolVar(&f.pathStyle, "path-style", false, "address the bucket in the path instead of the host (by itself when the host is an IP address or localhost)")
	fs.StringVar(&f.passwdFile, "passwd-file", "", "`file` with lines of [bucket:]SecretId:SecretKey")
	fs.BoolVar(&f.anonymous, "anonymous", false, "send unsigned requests, which only public buckets answer")
	fs.BoolVar(&f.json, "json", false, "print JSON: one document, or for lists one object per line")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on stderr")
	fs.StringVar(&f.logLevel, "log-level", "warn", "debug, info, warn or error; goes to stderr")
}

// fromEnv fills in the endpoint that no flag names. Either flag sets both
// variables aside: half a flag and half a variable would name a place that
// nobody asked for.
func (f *remoteFlags) fromEnv(p *program) {
	if f.endpoint == "" && f.region == "" {
		f.endpoint, f.region = p.getenv("COS_ENDPOINT"), p.getenv("COS_REGION")
	}
}

// remote is one bucket as a command talks to it.
type remote struct {
	*printer
	client *cosapi.Client
	place  place
	flags  remoteFlags
	p      *program
}

// dial makes the client of a bucket; nothing is sent.
func (p *program) dial(f remoteFlags, bucket string) (*remote, error) {
	f.fromEnv(p)
	level, err := parseLevel(f.logLevel)
	if err != nil {
		return nil, err
	}
	switch {
	case f.endpoint == "" && f.region == "":
		return nil, fail(exitUsage, "the bucket %s needs its region: --region ap-guangzhou or COS_REGION, or --endpoint URL or COS_ENDPOINT", bucket)
	case f.anonymous && f.passwdFile != "":
		return nil, fail(exitUsage, "--anonymous sends unsigned requests: leave --passwd-file out")
	}
	c := &mountConfig{
		source: source{bucket: bucket}, endpoint: f.endpoint, region: f.region, pathStyle: f.pathStyle,
		passwdFile: f.passwdFile, public: f.anonymous,
	}
	t, err := p.remoteTarget(c)
	if err != nil {
		return nil, err
	}
	client, err := t.client(c, slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return nil, err
	}
	return &remote{
		printer: &printer{out: p.stdout, json: f.json},
		client:  client, place: t.place(bucket), flags: f, p: p,
	}, nil
}

func (r *remote) close() { r.client.CloseIdleConnections() }

// call is a command: what it does with the bucket, the key behind ":/" (as it
// stands, empty if there is none) and the other arguments.
type call func(ctx context.Context, r *remote, key string, args []string) error

// at makes the body of a command out of a call. The argument number i names
// the bucket, or the object as BUCKET:/KEY if needKey.
func (p *program) at(f *remoteFlags, i int, needKey bool, do call) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		bucket, key, err := parseName(args[i], needKey)
		if err != nil {
			return err
		}
		r, err := p.dial(*f, bucket)
		if err != nil {
			return err
		}
		defer r.close()
		rest := append(append([]string{}, args[:i]...), args[i+1:]...)
		return r.explain(do(cmd.Context(), r, key, rest))
	}
}

// onBucket is a command whose first argument is BUCKET[:/PREFIX].
func (p *program) onBucket(f *remoteFlags, do call) func(*cobra.Command, []string) error {
	return p.at(f, 0, false, do)
}

// onObject is a command whose first argument is BUCKET:/KEY.
func (p *program) onObject(f *remoteFlags, do call) func(*cobra.Command, []string) error {
	return p.at(f, 0, true, do)
}

// explain makes the sentence of what a call failed with.
func (r *remote) explain(err error) error {
	if err == nil {
		return nil
	}
	return explainCall(err, r.place)
}

// group is a command that only has others below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fail(exitUsage, "%q is not a command of %s; %[2]s --help lists them", args[0], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(below...)
	return cmd
}

// leaf is a command with exactly n arguments.
func leaf(use, short string, n int, run func(*cobra.Command, []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: exactArgs(n), RunE: run, ValidArgsFunction: completeFiles(use)}
}

// rangeArgs is cobra.RangeArgs with a sentence of ours; most < 0 is any
// number.
func rangeArgs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return fail(exitUsage, "%d arguments given: %s", len(args), cmd.UseLine())
		}
		return nil
	}
}

// discardClose closes what was only read.
func discardClose(c io.Closer) { _ = c.Close() }
