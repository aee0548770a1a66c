package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// A reader of our log that goes away (| head) must not take the mount along.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal has its usual effect
	os.Exit(run(ctx, os.Args, os.Environ(), os.Stdout, os.Stderr))
}

// program is what a command gets from its surroundings.
type program struct {
	args           []string // without the program's name, beginning with the command
	env            []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// getenv is os.Getenv over the program's own environment.
func (p *program) getenv(name string) string {
	for _, kv := range p.env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// run is the whole program. args[0] is its name, as in os.Args; the result is
// its exit code. ctx ends when the user wants the program to end.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	p := &program{args: oldLine(args[1:]), env: env, stdin: os.Stdin, stdout: stdout, stderr: stderr}
	root := newRoot(p)
	root.SetArgs(p.args)
	return report(stderr, root.ExecuteContext(ctx))
}

func newRoot(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:           "cosfs",
		Short:         "A file system over Tencent Cloud Object Storage (COS)",
		Long:          "A file system over Tencent Cloud Object Storage (COS): one file is one object, one directory is one prefix.\n\n" + callExitCodesHelp,
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fail(exitUsage, "%q is not a command; cosfs --help lists them", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.Version = version() // makes the flag --version
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fail(exitUsage, "%v; %s --help lists the flags", err, cmd.CommandPath())
	})
	root.AddCommand(newMount(p), newUmount(p), newStatus(p), newFsck(p), newServe(p), newVersion(p))
	root.AddCommand(newBucket(p), newObject(p))
	return root
}

// oldLine accepts the command line of the older tool of this name, which is
// also how mount(8) runs a fuse.cosfs line of /etc/fstab: no command, a bucket
// and a mountpoint first (field.md 2.1). Its mounts have always shown the stored
// modes and owners, so they do here, unless an option says otherwise.
func oldLine(args []string) []string {
	if len(args) < 2 || strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[1], "-") {
		return args
	}
	if _, err := parseSource(args[0]); err != nil {
		return args
	}
	return append([]string{"mount", "--attrs=exact"}, args...)
}

// exactArgs is cobra.ExactArgs with a sentence of ours.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return fail(exitUsage, "%d arguments given, %d expected: %s", len(args), n, cmd.UseLine())
		}
		return nil
	}
}
