package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// A rename of a directory is killed at random points, and the next mount shows
// one of the two trees, and every object is there exactly once.
// COSFS_TEST_RENAME_CRASH=5000 makes it ten kills over 5000 objects.
func TestRenameKilled(t *testing.T) {
	objects, kills := 300, 5
	if n, err := strconv.Atoi(os.Getenv("COSFS_TEST_RENAME_CRASH")); err == nil {
		objects, kills = n, 10
	}
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("COSFS_TEST_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("COSFS_TEST_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	k := newKilled(t, objects)
	from, to := "old", "new"
	for range kills {
		fault := costest.Fault{Skip: random.IntN(k.requests(objects)), ResetBefore: random.IntN(2) == 0}
		if random.IntN(2) == 0 { // deletes are few, and the most dangerous
			fault.Op, fault.Skip = "DeleteMultipleObjects", random.IntN(objects/1000+1)
		}
		k.kill(from, to, fault)
		for range random.IntN(3) { // and while the next mount puts it right; the first request comes before there is a daemon
			k.killRecovery(costest.Fault{Skip: 1 + random.IntN(4), ResetBefore: random.IntN(2) == 0})
		}
		if k.check() == to {
			from, to = to, from
		}
	}
}

// killed is a mount of a bucket in this process by the program.
type killed struct {
	*mounted
	server *costest.Server
	client *cosapi.Client
	want   map[string]string // contents by name
}

func newKilled(t *testing.T, objects int) *killed {
	t.Helper()
	bin, err := program()
	require.NoError(t, err)
	server := costest.NewServer(t)
	b := &box{t: t, bin: bin, url: server.URL, id: server.Credentials.SecretID, key: server.Credentials.SecretKey}
	k := &killed{mounted: &mounted{box: b, dir: t.TempDir(), cache: t.TempDir()}, server: server, client: server.Client(t), want: map[string]string{}}
	t.Cleanup(k.forceUmount)
	for i := range objects {
		k.want[fmt.Sprintf("d%d/f%d", i%7, i)] = fmt.Sprint(i)
	}
	for name, body := range k.want {
		_, err := k.client.Put(t.Context(), "old/"+name, strings.NewReader(body), cosapi.PutOptions{})
		require.NoError(t, err)
	}
	return k
}

// requests are those of one rename when nothing is known of the objects.
func (k *killed) requests(objects int) int { return 3*objects + 3*(objects/1000+1) }

// kill renames, and kills the program when the request comes that the fault
// names, before or after it is carried out.
func (k *killed) kill(from, to string, at costest.Fault) {
	k.t.Helper()
	k.clearAttrs()
	k.up()
	pid := k.daemon()
	_, err := os.Stat(filepath.Join(k.dir, from))
	require.NoError(k.t, err)
	var once sync.Once
	at.OnHit = func(r *cosserver.Request) {
		once.Do(func() {
			k.t.Logf("killed at request %d, %s %s, carried out: %v", at.Skip, r.Op, r.Key, !at.ResetBefore)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		})
	}
	k.server.Faults.Add(at)
	err = os.Rename(filepath.Join(k.dir, from), filepath.Join(k.dir, to))
	k.t.Logf("rename %s to %s: %v", from, to, err)
	_ = syscall.Kill(pid, syscall.SIGKILL) // it was quicker than expected
	require.Eventually(k.t, func() bool { return ended(pid) }, 10*time.Second, 5*time.Millisecond)
	k.server.Faults.Clear()
}

// killRecovery mounts, and kills the program at a request of the recovery, or
// when the mount answers.
func (k *killed) killRecovery(at costest.Fault) {
	k.t.Helper()
	var once sync.Once
	at.OnHit = func(r *cosserver.Request) {
		pid, ok := k.findDaemon()
		if !ok { // a late request of the one that was killed before
			return
		}
		once.Do(func() {
			k.t.Logf("recovery killed at request %d, %s %s, carried out: %v", at.Skip, r.Op, r.Key, !at.ResetBefore)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		})
	}
	k.server.Faults.Add(at)
	out, err := k.cosfs("mount", bucket, k.dir, "--endpoint", k.url, "--cache-dir", k.cache)
	k.t.Logf("mount: %v %s", err, out)
	k.server.Faults.Clear()
	if err == nil {
		pid := k.daemon()
		_ = syscall.Kill(pid, syscall.SIGKILL)
		require.Eventually(k.t, func() bool { return ended(pid) }, 10*time.Second, 5*time.Millisecond)
	}
}

// ended says that a process has ended, be it that nobody has waited for it yet.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// clearAttrs makes each rename ask for headers and ACLs again.
func (k *killed) clearAttrs() { _ = os.Remove(filepath.Join(k.cache, "attrs.db")) }

// check mounts and gives the name that the directory has.
func (k *killed) check() (name string) {
	k.t.Helper()
	k.up()
	entries, err := os.ReadDir(k.dir)
	require.NoError(k.t, err)
	require.Len(k.t, entries, 1, "one of the two trees")
	name = entries[0].Name()
	for file, body := range k.want {
		got, err := os.ReadFile(filepath.Join(k.dir, name, file))
		require.NoError(k.t, err)
		require.Equal(k.t, body, string(got))
	}
	k.down()
	keys := map[string]bool{}
	for page, err := range k.client.Pages(k.t.Context(), cosapi.ListOptions{}) {
		require.NoError(k.t, err)
		for _, e := range page.Entries {
			if !strings.HasSuffix(e.Key, "/") {
				keys[e.Key] = true
			}
		}
	}
	require.Len(k.t, keys, len(k.want), "each object once")
	for file := range k.want {
		require.True(k.t, keys[name+"/"+file], file)
	}
	return name
}
