package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"cosfs/writeback"
)

func newFsck(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fsck DIR",
		Short: "Show what a cache directory holds that COS does not have yet, and what is damaged",
		Long: `Show what a cache directory holds that COS does not have yet, and what is damaged.

DIR is a --cache-dir, the directory of one mount below it, or its stage.
Nothing is changed and nothing is sent; a mount may be using it meanwhile.

Exit code 0 says that there is nothing, or only what the next mount sends by
itself; 1 that something is damaged or is kept without being sent; 4 that DIR
is no such directory.`,
		Args: exactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return p.fsck(args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object per record")
	return cmd
}

func (p *program) fsck(dir string, asJSON bool) error {
	stages, err := stagesIn(dir)
	if err != nil {
		return err
	}
	stuck := 0
	for _, stage := range stages {
		in, err := writeback.Inspect(stage)
		if err != nil {
			return fail(exitFailed, "%s cannot be read: %w", stage, err)
		}
		show := p.showInspection
		if asJSON {
			show = p.encodeInspection
		}
		if err := show(in); err != nil {
			return err
		}
		for _, f := range in.Findings {
			if !f.Send {
				stuck++
			}
		}
	}
	if stuck > 0 {
		return fail(exitFailed, "%d records are damaged or not sent by themselves; the files named above hold their bytes: copy what is wanted of them, then delete them", stuck)
	}
	return nil
}

// stagesIn finds the stages that a directory is or holds.
func stagesIn(dir string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, "lock")); err == nil {
		return []string{dir}, nil
	}
	var stages []string
	for _, pattern := range []string{"stage", "*/stage"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern, "lock"))
		if err != nil {
			return nil, fail(exitUsage, "the path %s: %w", dir, err)
		}
		for _, lock := range found {
			stages = append(stages, filepath.Dir(lock))
		}
	}
	if len(stages) == 0 {
		return nil, fail(exitNotFound, "%s is neither a cache directory of cosfs nor a stage: give what --cache-dir was, or a directory below it", dir)
	}
	return stages, nil
}

func (p *program) showInspection(in writeback.Inspection) error {
	use := "not in use"
	if in.Locked {
		use = fmt.Sprintf("in use by process %d, so this may change", in.PID)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s: %d records, %s\n", in.Dir, len(in.Findings), use)
	for _, f := range in.Findings {
		state := "to be sent"
		switch {
		case f.Damaged:
			state = "damaged: " + f.Problem
		case !f.Send:
			state = "kept: " + f.Problem
		}
		name := fmt.Sprintf("%q", f.Key)
		if f.To != "" {
			name += fmt.Sprintf(" to %q", f.To)
		}
		fmt.Fprintf(w, "  %s\t%s\t%d bytes\t%s\t%s\n", f.What, name, f.Size, state, f.Path)
	}
	for _, name := range in.Others {
		fmt.Fprintf(w, "  left over\t%s\t\t\t\n", name)
	}
	return w.Flush()
}

func (p *program) encodeInspection(in writeback.Inspection) error {
	out := json.NewEncoder(p.stdout)
	for _, f := range in.Findings {
		err := out.Encode(struct {
			Stage   string `json:"stage"`
			What    string `json:"what"`
			Key     string `json:"key"`
			To      string `json:"to,omitempty"`
			Size    int64  `json:"size"`
			Path    string `json:"path"`
			Send    bool   `json:"send"`
			Damaged bool   `json:"damaged,omitempty"`
			Problem string `json:"problem,omitempty"`
		}{in.Dir, f.What, f.Key, f.To, f.Size, f.Path, f.Send, f.Damaged, f.Problem})
		if err != nil {
			return err
		}
	}
	return nil
}
