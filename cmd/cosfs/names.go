package main

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// parseName reads BUCKET-APPID[:/KEY], the form of mount's source. Here a key
// or prefix stays as it is, without a slash added at its end.
func parseName(s string, needKey bool) (bucket, key string, err error) {
	bucket, key, _ = strings.Cut(s, ":/")
	src, err := parseSource(bucket)
	if err != nil {
		return "", "", err
	}
	if needKey && key == "" {
		return "", "", fail(exitUsage, "%q names no object: write BUCKET-APPID:/KEY, as in %s:/photos/1.jpg", s, src.bucket)
	}
	if needKey {
		if err := cosapi.CheckKey(key); err != nil {
			return "", "", fail(exitUsage, "%q cannot be a key: %w", key, keyProblem(err))
		}
	}
	return src.bucket, key, nil
}

// keyProblem is what CheckKey has against a key, without its own prefix.
func keyProblem(err error) error {
	if e, ok := err.(*cosapi.Error); ok && e.Message != "" {
		return fmt.Errorf("%s", e.Message)
	}
	return err
}

// under completes a destination that names a directory (a bucket, or a key
// that ends with a slash) with the last part of where it comes from.
func under(dst, src string) string {
	if dst == "" || strings.HasSuffix(dst, "/") {
		return dst + path.Base(src)
	}
	return dst
}

// showKey is a key for people: control characters, which a terminal would
// carry out, are escaped and the whole quoted.
func showKey(key string) string {
	for _, c := range key {
		if !unicode.IsPrint(c) {
			return strconv.Quote(key)
		}
	}
	return key
}

// completeFiles completes file names for arguments that are files, and offers
// nothing for buckets and keys: those would cost a request per key pressed.
func completeFiles(use string) cobra.CompletionFunc {
	words := strings.Fields(use)[1:]
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) < len(words) && (strings.Contains(words[len(args)], "FILE") || strings.Contains(words[len(args)], "DIR")) {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeWords offers the values of a flag.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined by the caller
	}
}

// isDir says whether a path of this machine is a directory, for commands that
// treat the two differently; a path that is not there is none.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
