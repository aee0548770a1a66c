package main

import (
	"bufio"
	"os"
	"slices"
	"strings"
)

// fsType is the type of our mounts in /proc/mounts.
const fsType = "fuse.cosfs"

// mountEntry is a row of the kernel's table of mounts.
type mountEntry struct{ dir, fsType, source string }

// mountAt gives the topmost mount whose root is dir.
func mountAt(dir string) (entry mountEntry, found bool, err error) {
	err = eachMount(func(e mountEntry) {
		if e.dir == dir {
			entry, found = e, true // later rows lie over earlier ones
		}
	})
	return entry, found, err
}

// ourMounts lists the mountpoints of cosfs.
func ourMounts() (dirs []string, err error) {
	err = eachMount(func(e mountEntry) {
		if e.fsType == fsType && !slices.Contains(dirs, e.dir) {
			dirs = append(dirs, e.dir)
		}
	})
	if err != nil {
		return nil, fail(exitFailed, "the table of mounts cannot be read: %w", err)
	}
	return dirs, nil
}

// eachMount calls seen with every row of the kernel's table, in its order.
func eachMount(seen func(mountEntry)) error {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if e, ok := parseMountinfo(lines.Text()); ok {
			seen(e)
		}
	}
	return lines.Err()
}

// parseMountinfo reads one row (proc_pid_mountinfo(5)): the mountpoint is the
// fifth field; type and source follow a lone hyphen.
func parseMountinfo(line string) (mountEntry, bool) {
	before, after, ok := strings.Cut(line, " - ")
	head, tail := strings.Fields(before), strings.Fields(after)
	if !ok || len(head) < 5 || len(tail) < 2 {
		return mountEntry{}, false
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\043`, "#", `\134`, `\`)
	return mountEntry{dir: unescape.Replace(head[4]), fsType: tail[0], source: unescape.Replace(tail[1])}, true
}
