package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// status is what one mount is doing. Its JSON names stay as they are.
type status struct {
	Mountpoint string    `json:"mountpoint"`
	Source     string    `json:"source"`
	Version    string    `json:"version"`
	PID        int       `json:"pid"`
	Since      time.Time `json:"since"`
	CacheDir   string    `json:"cache_dir"`

	Stage stageStatus `json:"stage"`
	Cache cacheStatus `json:"cache"`
	// HiddenKeys are keys met so far that cannot be names; it stops at 1000.
	HiddenKeys int `json:"hidden_keys"`
}

// stageStatus is about what COS does not have yet. Bytes are of the local disk.
type stageStatus struct {
	Files      int           `json:"files"`
	Dirty      int           `json:"dirty"`
	DirtyBytes int64         `json:"dirty_bytes"`
	Uploading  int           `json:"uploading"`
	Names      int           `json:"names"`   // changes of names on their way
	Refused    int           `json:"refused"` // of those since the mount, what COS refused
	Pending    []pendingItem `json:"pending"` // at most maxPendingItems of them
	Kept       []keptItem    `json:"kept"`
}

// pendingItem is a file or name that is to be stored.
type pendingItem struct {
	Key      string `json:"key"`
	What     string `json:"what"` // content, or the change of a name
	Size     int64  `json:"size"`
	Attempts int    `json:"attempts"`
	Error    string `json:"error,omitempty"`
}

// keptItem is a file that is not uploaded by itself (writeback.Stage.Kept).
type keptItem struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	Reason string `json:"reason"`
}

// cacheStatus is about bytes that COS has, too.
type cacheStatus struct {
	Files        int   `json:"files"`
	Bytes        int64 `json:"bytes"`
	Limit        int64 `json:"limit"`
	Fetched      int64 `json:"fetched_bytes"`
	Evicted      int64 `json:"evicted_bytes"`
	Corrupted    int64 `json:"corrupted"`
	DiskFailures int64 `json:"disk_failures"`
}

// maxPendingItems bounds what an answer lists.
const maxPendingItems = 1000

// status is what control answers.
func (s *session) status() status {
	cached, staged := s.blocks.Stats(), s.stage.Stats()
	st := status{
		Mountpoint: s.config.mountpoint, Source: s.config.describe(), Version: version(), PID: os.Getpid(),
		Since: s.since.UTC(), CacheDir: s.config.cacheDir, HiddenKeys: s.names.Hidden(),
		Stage: stageStatus{
			Files: staged.Files, Dirty: staged.Dirty, DirtyBytes: staged.DirtyBytes, Uploading: staged.Uploading,
			Names: staged.Intents, Refused: staged.Refused, Pending: []pendingItem{}, Kept: []keptItem{},
		},
		Cache: cacheStatus{
			Files: cached.Files, Bytes: cached.Bytes, Limit: cached.Limit, Fetched: cached.Fetched,
			Evicted: cached.Evicted, Corrupted: cached.Corrupted, DiskFailures: cached.DiskFailures,
		},
	}
	for _, p := range s.stage.Pending() {
		if len(st.Stage.Pending) == maxPendingItems {
			break
		}
		item := pendingItem{Key: p.Key, What: "content", Size: p.Size, Attempts: p.Attempts}
		if p.Intent != "" {
			item.What = string(p.Intent)
		}
		if p.Err != nil {
			item.Error = p.Err.Error()
		}
		st.Stage.Pending = append(st.Stage.Pending, item)
	}
	for _, k := range s.stage.Kept() {
		st.Stage.Kept = append(st.Stage.Kept, keptItem{Key: k.Key, Size: k.Size, Reason: keptReason(k.Reason)})
	}
	return st
}

// keptReason says why a file is kept and not uploaded.
func keptReason(reason string) string {
	if reason == "" {
		return "it was never closed, so nothing was promised for it"
	}
	return reason
}

func newStatus(p *program) *cobra.Command {
	var pr printer
	cmd := &cobra.Command{
		Use:   "status [MOUNTPOINT]",
		Short: "Show what mounts are doing, and what they have not stored yet",
		Long: `Show what mounts are doing, and what they have not stored yet: one mount, or
all of this machine that this user may ask.

Exit code 3 says that no cosfs is mounted there, 1 that its process does not
answer.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fail(exitUsage, "%d arguments given, 1 at most: %s", len(args), cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			pr.out = p.stdout
			return p.showStatus(cmd.Context(), &pr, args)
		},
	}
	cmd.Flags().BoolVar(&pr.json, "json", false, "print one JSON object per mount")
	return cmd
}

func (p *program) showStatus(ctx context.Context, pr *printer, args []string) error {
	dirs, err := statusOf(args)
	if err != nil {
		return err
	}
	var failed []error
	for i, dir := range dirs {
		st, err := askDaemon(ctx, dir)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if err := pr.status(st, i > 0); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// statusOf are the mountpoints to ask.
func statusOf(args []string) ([]string, error) {
	if len(args) == 0 {
		return ourMounts()
	}
	abs, err := filepath.Abs(args[0])
	if err != nil {
		return nil, fail(exitMountpoint, "the path %s cannot be made absolute: %w", args[0], err)
	}
	dir, err := resolveMountpoint(abs)
	return []string{dir}, err
}

// askDaemon asks the process of one mountpoint.
func askDaemon(ctx context.Context, dir string) (st status, err error) {
	d, err := findDaemon(dir, askStatus)
	switch {
	case err != nil:
		return st, fail(exitFailed, "the daemon of %s cannot be asked: %w", dir, err)
	case d == nil:
		return st, fail(exitMountpoint, "no cosfs of this user answers for %s: mount it, or ask as root; /proc/mounts lists what is mounted", dir)
	}
	defer d.conn.Close()
	stop := context.AfterFunc(ctx, func() { d.conn.SetReadDeadline(time.Now()) })
	defer stop()
	d.conn.SetReadDeadline(time.Now().Add(answerLimit))
	if err := json.NewDecoder(bufio.NewReader(d.read)).Decode(&st); err != nil {
		return st, fail(exitFailed, "the daemon of %s (pid %d) does not say how it is: %w", dir, d.pid, err)
	}
	return st, nil
}

// status prints one mount; more says that another came before.
func (p *printer) status(st status, more bool) error {
	if p.json {
		enc := json.NewEncoder(p.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(st)
	}
	if more {
		fmt.Fprintln(p.out)
	}
	err := p.show(nil,
		row{"mountpoint", st.Mountpoint},
		row{"mounted", st.Source},
		row{"since", st.Since},
		row{"process", fmt.Sprintf("%d, version %s", st.PID, st.Version)},
		row{"to be stored", st.Stage.sentence()},
		row{"refused by COS", st.Stage.Refused},
		row{"cache", fmt.Sprintf("%s of %s in %d files, below %s", byteCount(st.Cache.Bytes), byteCount(st.Cache.Limit), st.Cache.Files, st.CacheDir)},
		row{"fetched", byteCount(st.Cache.Fetched)},
		row{"damaged blocks found", st.Cache.Corrupted},
		row{"keys that cannot be shown", st.HiddenKeys},
	)
	if err != nil {
		return err
	}
	return p.staged(st.Stage)
}

func (s stageStatus) sentence() string {
	if s.Dirty == 0 && s.Names == 0 {
		return "nothing"
	}
	var parts []string
	if s.Dirty > 0 {
		parts = append(parts, fmt.Sprintf("files: %d with %s, %d being sent", s.Dirty, byteCount(s.DirtyBytes), s.Uploading))
	}
	if s.Names > 0 {
		parts = append(parts, fmt.Sprintf("changes of names: %d", s.Names))
	}
	return strings.Join(parts, "; ")
}

// staged lists what is not stored, with what went wrong.
func (p *printer) staged(s stageStatus) error {
	if len(s.Pending)+len(s.Kept) == 0 {
		return nil
	}
	t := p.table("NOT STORED", "SIZE", "WHAT", "ATTEMPTS", "ERROR")
	for _, i := range s.Pending {
		t.add(i.Key, byteCount(i.Size), i.What, i.Attempts, i.Error)
	}
	for _, k := range s.Kept {
		t.add(k.Key, byteCount(k.Size), "kept", 0, k.Reason)
	}
	return t.flush()
}
