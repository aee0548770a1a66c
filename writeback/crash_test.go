package writeback

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// kills is how often TestKilledAtRandom kills the writer.
var kills = flag.Int("kills", 5, "rounds of TestKilledAtRandom")

// childEnv makes this test binary a writer that is going to be killed.
const childEnv = "WRITEBACK_CHILD"

func TestMain(m *testing.M) {
	if args := os.Getenv(childEnv); args != "" {
		if err := child(strings.Split(args, "\n")); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child writes files for ever, or as its script says, and prints a line for
// each promise that the stage has made.
func child(args []string) error {
	dir, url, id, key, script := args[0], args[1], args[2], args[3], args[4]
	client, err := cosapi.New(cosapi.Config{Endpoint: url, Region: "ap-guangzhou", Bucket: costest.Bucket, PathStyle: true,
		Credentials: cosapi.Static(cosapi.Credentials{SecretID: id, SecretKey: key})})
	if err != nil {
		return err
	}
	s, err := Open(Config{Dir: dir, Store: client, PartSize: mib, FreeFloor: -1, Parallel: 4,
		OpenBase: func(v cosapi.Version) (Base, error) { return remote{client, v}, nil }})
	if err != nil {
		return err
	}
	if script == "random" {
		return writeForEver(s, args[5])
	}
	if script == "intents" {
		return deferOnce(s, client)
	}
	return writeOnce(s, client, script)
}

// writeOnce makes one promise and one file without any, and then stores.
func writeOnce(s *Stage, client *cosapi.Client, script string) error {
	ctx := context.Background()
	size := 1000
	if strings.HasPrefix(script, "large") {
		size = 4 * mib
	}
	f, err := s.Create("promised", cosapi.PutOptions{})
	if strings.HasSuffix(script, "edit") {
		base, headErr := client.Head(ctx, "promised")
		if headErr != nil {
			return headErr
		}
		f, err = s.Edit(base, cosapi.PutOptions{})
		size = 10
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(ctx, random(size), 0); err != nil {
		return err
	}
	g, err := s.Create("open", cosapi.PutOptions{})
	if err != nil {
		return err
	}
	if _, err := g.WriteAt(ctx, random(77), 0); err != nil {
		return err
	}
	if strings.Contains(script, "unasked") {
		if _, err := f.Store(ctx); err != nil {
			return err
		}
	} else if err := f.StoreLater(nil); err != nil {
		return err
	}
	fmt.Println("promised")
	return s.Drain(ctx)
}

// writeForEver alternates both kinds of promises, overwriting old files too.
func writeForEver(s *Stage, prefix string) error {
	ctx := context.Background()
	for n := 0; ; n++ {
		f, err := s.Create(fmt.Sprintf("%s-%d", prefix, n), cosapi.PutOptions{})
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(ctx, random(crashSize(n)), 0); err != nil {
			return err
		}
		if n%3 == 0 {
			_, err = f.Store(ctx)
		} else {
			err = f.StoreLater(nil)
		}
		if err != nil {
			return err
		}
		fmt.Printf("%s-%d\n", prefix, n)
	}
}

// crashSize mixes small files with some of several parts.
func crashSize(n int) int {
	if n%7 == 6 {
		return 2*mib + n
	}
	return 1000 + n
}

// victim is a running child.
type victim struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(r *rig, args ...string) *victim {
	r.Helper()
	exe, err := os.Executable()
	require.NoError(r, err)
	cmd := exec.Command(exe)
	all := append([]string{r.cfg.Dir, r.server.URL, r.server.Credentials.SecretID, r.server.Credentials.SecretKey}, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(all, "\n"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(r, err)
	require.NoError(r, cmd.Start())
	return &victim{cmd, bufio.NewScanner(out)}
}

// rest is what the child has said until it died.
func (v *victim) rest() (lines []string) {
	for v.lines.Scan() {
		lines = append(lines, v.lines.Text())
	}
	_ = v.cmd.Wait() // it was killed
	return lines
}

// Killed at named points of an upload: what was promised is in the bucket
// after the next Open, once; what was not is kept, or was never there.
func TestKilledAtAPoint(t *testing.T) {
	for _, c := range []struct {
		name, script string
		fault        costest.Fault
	}{
		{"before the put", "small", costest.Fault{Op: "PutObject"}},
		{"after the put", "small", costest.Fault{Op: "PutObject", ResetAfter: true}},
		{"before initiate", "large", costest.Fault{Op: "InitiateMultipartUpload"}},
		{"after initiate", "large", costest.Fault{Op: "InitiateMultipartUpload", ResetAfter: true}},
		{"between parts", "large", costest.Fault{Op: "UploadPart", Skip: 2}},
		{"before complete", "large", costest.Fault{Op: "CompleteMultipartUpload"}},
		{"after complete", "large", costest.Fault{Op: "CompleteMultipartUpload", ResetAfter: true}},
		{"before the put of an edit", "edit", costest.Fault{Op: "PutObject", Skip: 1}},
		{"copying, of a large edit", "large edit", costest.Fault{Op: "UploadPartCopy"}},
		{"after complete of a large edit", "large edit", costest.Fault{Op: "CompleteMultipartUpload", ResetAfter: true}},
		{"unasked, before the put", "small unasked", costest.Fault{Op: "PutObject"}},
	} {
		t.Run(c.name, func(t *testing.T) { killAtPoint(newRig(t), c.script, c.fault) })
	}
}

func killAtPoint(r *rig, script string, fault costest.Fault) {
	require.NoError(r, r.stage.Close())
	want := random(1000)
	if strings.HasPrefix(script, "large") {
		want = random(4 * mib)
	}
	if strings.HasSuffix(script, "edit") {
		want = random(3*mib - 5)
		if script == "edit" {
			want = want[:900]
		}
	}
	var v *victim
	started := make(chan struct{})
	fault.Times = 1
	fault.OnHit = func(*cosserver.Request) {
		<-started
		require.NoError(r, v.cmd.Process.Kill())
	}
	hold := make(chan struct{})
	if !fault.ResetAfter {
		fault.Hold, fault.ResetBefore = hold, true
	}
	r.server.Faults.Add(fault)
	if strings.HasSuffix(script, "edit") {
		r.put("promised", want)
		copy(want, random(10))
	}
	v = startChild(r, script)
	promised := !strings.Contains(script, "unasked")
	if promised { // the kill comes after the promise, however quick the put is
		require.True(r, v.lines.Scan())
		require.Equal(r, "promised", v.lines.Text())
	}
	close(started)
	require.Empty(r, v.rest())
	close(hold)
	r.server.Faults.Clear()
	r.open()
	require.NoError(r, r.stage.Check())
	r.recoverAll()
	if promised {
		require.Equal(r, want, r.bucket("promised"))
		require.Equal(r, []string{"promised"}, r.keys())
		require.Len(r, r.stage.Kept(), 1, "the one that was only opened")
	} else {
		require.Len(r, r.stage.Kept(), 2)
	}
}

// Killed at random moments, again and again on the same stage.
func TestKilledAtRandom(t *testing.T) {
	r := newRig(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for round := range *kills {
		require.NoError(t, r.stage.Close())
		prefix := fmt.Sprintf("round%d", round)
		v := startChild(r, "random", prefix)
		var acknowledged []string
		for range 1 + rng.IntN(15) {
			require.True(t, v.lines.Scan())
			acknowledged = append(acknowledged, v.lines.Text())
		}
		time.Sleep(rand.N(3 * time.Millisecond)) // a moment, not a wait
		require.NoError(t, v.cmd.Process.Kill())
		acknowledged = append(acknowledged, v.rest()...)
		r.open()
		require.NoError(t, r.stage.Check())
		r.recoverAll()
		for n, key := range acknowledged {
			require.Equal(t, fmt.Sprintf("%s-%d", prefix, n), key)
			require.Equal(t, random(crashSize(n)), r.bucket(key))
		}
	}
	for _, key := range r.keys() {
		require.NotContains(t, key, "conflict")
	}
}
