package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cosfs/cosapi"
)

// contender is a program that mounts the bucket.
type contender struct {
	name string
	// command mounts at dir with its cache in the directory cache, and stays in
	// the foreground.
	command func(dir, cache string, flags []string) *exec.Cmd
	flags   bool // takes the extra flags of rows
}

// contenders are cosfs and the peers that are installed.
func contenders(b *bed, keys cosapi.Credentials) (found []contender, missing []string, err error) {
	found = []contender{{name: "cosfs", flags: true, command: func(dir, cache string, flags []string) *exec.Cmd {
		cmd := exec.Command(b.o.cosfs, append([]string{"mount", bucket, dir, "--foreground", "--endpoint", b.server.url,
			"--cache-dir", cache, "--cache-size", "40GiB", "--log-level", "warn"}, flags...)...)
		cmd.Env = append(os.Environ(), "COS_SECRET_ID="+keys.SecretID, "COS_SECRET_KEY="+keys.SecretKey)
		return cmd
	}}}
	if !b.o.peers {
		return found, nil, nil
	}
	passwd := filepath.Join(b.dir, "passwd-s3fs")
	if err := os.WriteFile(passwd, []byte(keys.SecretID+":"+keys.SecretKey), 0o600); err != nil {
		return nil, nil, err
	}
	for _, c := range []contender{s3fs(b, passwd), rclone(b, keys)} {
		if _, err := exec.LookPath(c.name); err != nil {
			missing = append(missing, c.name)
			continue
		}
		found = append(found, c)
	}
	return found, missing, nil
}

// s3fs with a disk cache, as a user who reads twice would mount it.
func s3fs(b *bed, passwd string) contender {
	return contender{name: "s3fs", command: func(dir, cache string, _ []string) *exec.Cmd {
		return exec.Command("s3fs", bucket, dir, "-f", "-o", "passwd_file="+passwd+",url="+b.server.url+
			",use_path_request_style,sigv4,endpoint=ap-guangzhou,use_cache="+cache+",parallel_count=8,dbglevel=crit")
	}}
}

// rclone with its full cache, the mode in which files can be written anywhere.
func rclone(b *bed, keys cosapi.Credentials) contender {
	return contender{name: "rclone", command: func(dir, cache string, _ []string) *exec.Cmd {
		cmd := exec.Command("rclone", "mount", "t:"+bucket, dir, "--vfs-cache-mode", "full", "--cache-dir", cache, "--transfers", "8")
		config := filepath.Join(cache, "rclone.conf")
		cmd.Env = append(os.Environ(), "RCLONE_CONFIG="+config, "RCLONE_CONFIG_T_TYPE=s3", "RCLONE_CONFIG_T_PROVIDER=Other",
			"RCLONE_CONFIG_T_ENDPOINT="+b.server.url, "RCLONE_CONFIG_T_REGION=ap-guangzhou",
			"RCLONE_CONFIG_T_ACCESS_KEY_ID="+keys.SecretID, "RCLONE_CONFIG_T_SECRET_ACCESS_KEY="+keys.SecretKey)
		return cmd
	}}
}

// mounted is a mount at work.
type mounted struct {
	c          contender
	dir, cache string
	flags      []string
	cmd        *exec.Cmd
	log        *os.File
}

// mount makes a new mount with an empty cache.
func (b *bed) mount(ctx context.Context, c contender, flags []string) (*mounted, error) {
	m := &mounted{c: c}
	if c.flags {
		m.flags = flags
	}
	var err error
	if m.dir, err = b.fresh("mnt"); err != nil {
		return nil, err
	}
	if m.cache, err = b.fresh("cache"); err != nil {
		return nil, err
	}
	return m, m.up(ctx)
}

// up starts the program and waits until its mount is there.
func (m *mounted) up(ctx context.Context) (err error) {
	if m.log, err = os.Create(m.dir + ".log"); err != nil {
		return err
	}
	m.cmd = m.c.command(m.dir, m.cache, m.flags)
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := m.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !isMounted(m.dir) {
		var status syscall.WaitStatus
		if pid, _ := syscall.Wait4(m.cmd.Process.Pid, &status, syscall.WNOHANG, nil); pid != 0 {
			said, _ := os.ReadFile(m.log.Name())
			return fmt.Errorf("%s: %w: %s", m.c.name, errNoMount, strings.TrimSpace(string(said)))
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s does not mount: %w", m.c.name, ctx.Err()), m.cmd.Process.Kill())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

var errNoMount = errors.New("ended without a mount")

func isMounted(dir string) bool {
	mounts, err := os.ReadFile("/proc/self/mounts")
	return err == nil && strings.Contains(string(mounts), " "+dir+" fuse")
}

// down unmounts, and waits for the program to have stored everything.
func (m *mounted) down() error {
	defer m.log.Close()
	for range 100 { // a handle may still be closing
		if err := syscall.Unmount(m.dir, 0); !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	ended := time.AfterFunc(time.Minute, func() { m.cmd.Process.Kill() })
	defer ended.Stop()
	if err := m.cmd.Wait(); err != nil {
		said, _ := os.ReadFile(m.log.Name())
		return fmt.Errorf("%s ended with %w: %s", m.c.name, err, strings.TrimSpace(string(said)))
	}
	return nil
}

// remount keeps the cache and lets the kernel forget everything, the pages of
// the cache's files included.
func (m *mounted) remount(ctx context.Context) error {
	if err := m.down(); err != nil {
		return err
	}
	if err := dropPages(m.cache); err != nil {
		return err
	}
	return m.up(ctx)
}

// remove forgets what takes room of a mount that is down. The small files of
// its cache stay until the end (bed.close): ext4 without a journal makes inodes
// slowly while many have just been freed, and the next run would pay for it.
func (m *mounted) remove() error {
	return errors.Join(removeLarge(m.cache), os.Remove(m.dir), os.Remove(m.log.Name()))
}

func removeLarge(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Size() < 1<<20 {
			return err
		}
		return os.Remove(path)
	})
}

// resetPeak starts the measuring of the process's highest memory anew.
func (m *mounted) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", m.cmd.Process.Pid), []byte("5"), 0)
}

// peak is the highest resident memory in bytes since resetPeak, 0 if unknown.
func (m *mounted) peak() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
