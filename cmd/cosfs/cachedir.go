package main

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// cacheRoot is the default of --cache-dir.
func (p *program) cacheRoot() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/cosfs", nil
	}
	if dir := p.getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "cosfs"), nil
	}
	if home := p.getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "cosfs"), nil
	}
	return "", fail(exitUsage, "HOME is not set, so there is no place for cached data: give --cache-dir")
}

// mountCacheDir is the directory of one mount: cached blocks, the stage and
// the log. It depends on what is mounted and not on where, so that the next
// mount finds what this one could not store.
func (p *program) mountCacheDir(c *mountConfig) (string, error) {
	root := c.cacheDir
	if root == "" {
		var err error
		if root, err = p.cacheRoot(); err != nil {
			return "", err
		}
	}
	identity := "local:" + c.local
	if c.local == "" {
		identity = endpointIdentity(c)
	}
	hash := sha256.Sum256([]byte(strings.Join([]string{identity, c.source.bucket, c.source.prefix}, "\x00")))
	return filepath.Join(root, fmt.Sprintf("%s-%x", c.source.bucket, hash[:4])), nil
}

// logPath is where a daemon logs.
func (p *program) logPath(c *mountConfig) string {
	if c.logFile != "" {
		return c.logFile
	}
	return filepath.Join(c.cacheDir, "cosfs.log")
}

// openMountLog is the log of a mount: stderr in the foreground, else a file.
func (p *program) openMountLog(c *mountConfig, daemon bool) (*slog.Logger, func() error, error) {
	level, err := parseLevel(c.logLevel)
	if err != nil {
		return nil, nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	if !daemon && c.logFile == "" {
		return slog.New(slog.NewTextHandler(p.stderr, options)), func() error { return nil }, nil
	}
	file, err := openLog(p.logPath(c), daemon)
	if err != nil {
		return nil, nil, err
	}
	return slog.New(slog.NewTextHandler(file, options)), file.Close, nil
}
