package integration

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool finds a program that the test is about. Without it the test fails: a
// promise nobody checks is none.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "%s is not installed: apt-get install %s, or let scripts/test do it", name, name)
	return path
}

// call runs a tool with a home of its own, and gives what it says.
func (b *box) call(home string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(b.t.Context(), tool(b.t, name), args...)
	cmd.Env = append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}, env...)
	cmd.Dir = home
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// toolFiles are what the tools carry: names that are hard to sign, and one
// that goes by parts.
func toolFiles(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "tree")
	for name, content := range map[string][]byte{
		"small.txt":         []byte("small"),
		"empty":             {},
		"sub dir/a b+c.txt": []byte("spaces and plus"),
		"sub dir/中文=&.txt":  []byte("not ASCII"),
		"large.bin":         bytes.Repeat([]byte("0123456789abcdef"), 12<<20/16),
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
	return dir
}

// TestRclone lists, uploads, downloads and deletes with rclone, by SigV4.
func TestRclone(t *testing.T) {
	b := newBox(t)
	home := t.TempDir()
	config := filepath.Join(home, "rclone.conf")
	require.NoError(t, os.WriteFile(config, nil, 0o600)) // or rclone would say that there is none
	rclone := func(args ...string) string {
		t.Helper()
		out, err := b.call(home, []string{
			"RCLONE_CONFIG=" + config, "RCLONE_CONFIG_T_TYPE=s3", "RCLONE_CONFIG_T_PROVIDER=Other",
			"RCLONE_CONFIG_T_ENDPOINT=" + b.url, "RCLONE_CONFIG_T_REGION=ap-guangzhou",
			"RCLONE_CONFIG_T_ACCESS_KEY_ID=" + b.id, "RCLONE_CONFIG_T_SECRET_ACCESS_KEY=" + b.key,
			"RCLONE_CONFIG_T_UPLOAD_CUTOFF=5Mi", "RCLONE_CONFIG_T_CHUNK_SIZE=5Mi",
		}, "rclone", args...)
		require.NoError(t, err, "rclone %v: %s", args, out)
		return out
	}
	src := toolFiles(t)
	require.Contains(t, rclone("lsd", "t:"), bucket)
	rclone("copy", src, "t:"+bucket+"/p")
	rclone("check", "--one-way", src, "t:"+bucket+"/p")
	rclone("check", "--download", src, "t:"+bucket+"/p")
	require.Equal(t, fileSum(t, filepath.Join(src, "large.bin")), b.objectSum("p/large.bin"), "as the official SDK reads it")
	listing := rclone("lsf", "-R", "t:"+bucket+"/p")
	for _, name := range []string{"small.txt", "empty", "sub dir/a b+c.txt", "sub dir/中文=&.txt", "large.bin"} {
		require.Contains(t, listing, name+"\n")
	}
	down := t.TempDir()
	rclone("sync", "t:"+bucket+"/p", down)
	sameTrees(t, src, down)
	rclone("copyto", "t:"+bucket+"/p/small.txt", "t:"+bucket+"/copy.txt")
	require.Equal(t, "small", rclone("cat", "t:"+bucket+"/copy.txt"))
	rclone("moveto", "t:"+bucket+"/copy.txt", "t:"+bucket+"/moved.txt")
	rclone("deletefile", "t:"+bucket+"/moved.txt")
	rclone("purge", "t:"+bucket+"/p")
	require.Empty(t, rclone("lsf", "-R", "t:"+bucket))
	rclone("mkdir", "t:second-1250000000")
	rclone("rmdir", "t:second-1250000000")
}

// TestS3cmd does the same with s3cmd.
func TestS3cmd(t *testing.T) {
	b := newBox(t)
	home := t.TempDir()
	server, err := url.Parse(b.url)
	require.NoError(t, err)
	config := filepath.Join(home, "s3cfg")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\n"+
		"use_https = False\nsignature_v2 = False\nbucket_location = ap-guangzhou\nmultipart_chunk_size_mb = 5\n", b.id, b.key, server.Host, server.Host), 0o600))
	s3cmd := func(args ...string) string {
		t.Helper()
		out, err := b.call(home, nil, "s3cmd", append([]string{"--config", config, "--no-progress"}, args...)...)
		require.NoError(t, err, "s3cmd %v: %s", args, out)
		return out
	}
	src := toolFiles(t)
	require.Contains(t, s3cmd("ls"), "s3://"+bucket)
	s3cmd("sync", src+"/", "s3://"+bucket+"/p/")
	listing := s3cmd("ls", "-r", "s3://"+bucket+"/p/")
	for _, name := range []string{"small.txt", "empty", "sub dir/a b+c.txt", "sub dir/中文=&.txt", "large.bin"} {
		require.Contains(t, listing, "s3://"+bucket+"/p/"+name+"\n")
	}
	require.Equal(t, fileSum(t, filepath.Join(src, "large.bin")), b.objectSum("p/large.bin"), "as the official SDK reads it")
	down := t.TempDir()
	s3cmd("sync", "s3://"+bucket+"/p/", down+"/")
	sameTrees(t, src, down)
	require.Contains(t, s3cmd("info", "s3://"+bucket+"/p/small.txt"), "File size: 5")
	s3cmd("put", filepath.Join(src, "small.txt"), "s3://"+bucket+"/one.txt", "--acl-public", "--add-header=Cache-Control:no-cache")
	s3cmd("cp", "s3://"+bucket+"/one.txt", "s3://"+bucket+"/two.txt")
	s3cmd("get", "s3://"+bucket+"/two.txt", filepath.Join(home, "two.txt"))
	require.Equal(t, fileSum(t, filepath.Join(src, "small.txt")), fileSum(t, filepath.Join(home, "two.txt")))
	s3cmd("del", "s3://"+bucket+"/one.txt")
	s3cmd("del", "-r", "-f", "s3://"+bucket)
	require.Empty(t, strings.TrimSpace(s3cmd("ls", "-r", "s3://"+bucket)))
	s3cmd("mb", "s3://second-1250000000")
	s3cmd("rb", "s3://second-1250000000")
}

// sameTrees compares with diff, which names what differs.
func sameTrees(t *testing.T, want, got string) {
	t.Helper()
	out, err := exec.Command("diff", "-r", want, got).CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestKeysFromTheEnvironment: the program takes its keys from COS_SECRET_ID
// and COS_SECRET_KEY, and from nowhere when they are not there.
//
//rows:client C6
func TestKeysFromTheEnvironment(t *testing.T) {
	b := newBox(t)
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	args := []string{"object", "put", path, bucket + ":/k", "--endpoint", b.url}
	run := func(id, key string) (string, error) {
		cmd := exec.Command(b.bin, args...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
		if id != "" {
			cmd.Env = append(cmd.Env, "COS_SECRET_ID="+id, "COS_SECRET_KEY="+key)
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("", "")
	require.Error(t, err)
	require.Contains(t, out, "COS_SECRET_ID", "it says what is missing")
	out, err = run(b.id, "wrong")
	require.Error(t, err)
	require.NotContains(t, out, "wrong\"")
	require.NotContains(t, out, b.key)
	out, err = run(b.id, b.key)
	require.NoError(t, err, out)
	require.Equal(t, fileSum(t, path), b.objectSum("k"))
}
