package writeback

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Finding is one record of a stage, as Inspect has found it.
type Finding struct {
	ID      string
	What    string // content, rename, or the kind of an intent
	Key     string
	To      string // the other name of a rename
	Size    int64  // bytes of content
	Path    string // the file with the bytes, else the record
	Send    bool   // the next mount brings it to COS by itself
	Problem string // why it does not, or what is wrong with the record
	Damaged bool   // it cannot be used as it is
}

// Inspection is what Inspect has found.
type Inspection struct {
	Dir      string
	Locked   bool // a process has the stage open: what is found may change any moment
	PID      int  // which; 0 if it is not known
	Findings []Finding
	Others   []string // files that belong to no record; the next mount removes or moves them aside
}

// Inspect reads the directory of a stage, in use or not, and changes nothing.
func Inspect(dir string) (Inspection, error) {
	in := Inspection{Dir: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return in, fmt.Errorf("stage: %w", err)
	}
	in.Locked, in.PID = lockedBy(filepath.Join(dir, lockName))
	s := &Stage{cfg: Config{Dir: dir}} // which is not open: it reads records
	known := map[string]bool{lockName: true, asideDir: true}
	for _, e := range entries {
		f, ok := s.inspect(e.Name())
		if !ok {
			continue
		}
		known[e.Name()], known[f.ID+dataSuffix] = true, true
		in.Findings = append(in.Findings, f)
	}
	for _, e := range entries {
		if !known[e.Name()] && !strings.HasSuffix(e.Name(), spareSuffix) {
			in.Others = append(in.Others, e.Name())
		}
	}
	aside, err := inspectAside(filepath.Join(dir, asideDir))
	in.Findings = append(in.Findings, aside...)
	return in, err
}

// inspect reads one record; ok is false of what is none.
func (s *Stage) inspect(name string) (f Finding, ok bool) {
	base, ok := strings.CutSuffix(name, recordSuffix)
	if !ok {
		return f, false
	}
	id, kind, _ := strings.Cut(base, ".")
	f = Finding{ID: id, Path: s.path(name)}
	var err error
	switch kind {
	case "":
		err = s.inspectContent(&f)
	case "todo":
		err = s.inspectIntent(&f)
	case "rename":
		err = s.inspectRename(&f)
	default:
		return f, false
	}
	if errors.Is(err, errRecycled) || errors.Is(err, os.ErrNotExist) { // it has just gone
		return f, false
	}
	if err != nil {
		f.Damaged, f.Send, f.Problem = true, false, err.Error()
	}
	return f, true
}

func (s *Stage) inspectContent(f *Finding) error {
	f.What = "content"
	r, err := s.readRecord(f.ID)
	if err != nil {
		return err
	}
	f.Key, f.Size, f.Path, f.Send, f.Problem = r.Key, r.Size, r.Path, r.State == StateOwed, r.Reason
	if !f.Send && f.Problem == "" {
		f.Problem = "its close was never answered"
	}
	return nil
}

func (s *Stage) inspectIntent(f *Finding) error {
	f.What = "change of a name"
	p, err := os.ReadFile(f.Path)
	if err != nil {
		return err
	}
	in, err := decodeIntent(f.ID, p)
	if err != nil {
		return err
	}
	f.What, f.Key, f.Size, f.Send = string(in.Kind), in.Key, int64(len(in.Body)), true
	return nil
}

func (s *Stage) inspectRename(f *Finding) error {
	f.What = "rename"
	r, err := s.readRename(f.ID)
	f.Key, f.To, f.Send = string(r.From), string(r.To), true
	return err
}

// inspectAside lists what was moved aside: damaged, all of it.
func inspectAside(dir string) (list []Finding, err error) {
	entries, err := os.ReadDir(dir)
	if ignoreMissing(err) != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	for _, e := range entries {
		id, _, _ := strings.Cut(e.Name(), ".")
		f := Finding{ID: id, What: "moved aside", Path: filepath.Join(dir, e.Name()), Damaged: true,
			Problem: "an earlier mount could not use it"}
		if info, err := e.Info(); err == nil {
			f.Size = info.Size()
		}
		if p, err := os.ReadFile(f.Path); err == nil && strings.HasSuffix(e.Name(), recordSuffix) {
			if r, err := decodeRecord(id, p); err == nil {
				f.Key = r.Key
			}
		}
		list = append(list, f)
	}
	return list, nil
}

// lockedBy asks the kernel's list of locks (proc_locks(5)), since trying the
// lock could keep a mount from getting it.
func lockedBy(path string) (locked bool, pid int) {
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Stat(path, &st) != nil {
		return false, 0
	}
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	for line := range bytes.Lines(locks) {
		// 1: FLOCK  ADVISORY  WRITE 4711 fe:00:123456 0 EOF
		if fields := strings.Fields(string(line)); len(fields) >= 6 && fields[1] == "FLOCK" && fields[5] == file {
			pid, _ = strconv.Atoi(fields[4])
			return true, max(pid, 0) // -1: of another pid namespace
		}
	}
	return false, 0
}
