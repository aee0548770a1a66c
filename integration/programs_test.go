package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Programs that know nothing of object storage do their work on a mount. Each
// script runs in an empty directory of it, with scratch space of the local
// disk in $LOCAL, and fails at the first command that fails.

// failLoudly ends a script at the first command that fails, and names it.
const failLoudly = "set -Eeuo pipefail\ntrap 'echo \"failed: $BASH_COMMAND\" >&2' ERR\n"

// script runs a shell script in a new directory of the mount and gives what
// it printed.
func (m *mounted) script(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.MkdirTemp(m.dir, "work")
	require.NoError(t, err)
	return m.scriptIn(t, dir, text)
}

func (m *mounted) scriptIn(t *testing.T, dir, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	local := t.TempDir()
	cmd := exec.CommandContext(ctx, "bash", "-c", failLoudly+text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "LOCAL="+local, "HOME="+local)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// makeSource is a small C project with headers, a library and a program.
const makeSource = `
makesource() { # DIR
	mkdir -p "$1/lib"
	printf 'int twice(int);\n' > "$1/lib/twice.h"
	printf '#include "twice.h"\nint twice(int n) { return 2 * n; }\n' > "$1/lib/twice.c"
	printf '#include <stdio.h>\n#include "lib/twice.h"\nint main(void) { printf("%%d\\n", twice(21)); return 0; }\n' > "$1/main.c"
	printf 'prog: main.o lib/libtwice.a\n\t$(CC) -o $@ main.o lib/libtwice.a\nmain.o: main.c lib/twice.h\nlib/libtwice.a: lib/twice.o\n\t$(AR) rcs $@ $^\nclean:\n\trm -f prog *.o lib/*.o lib/*.a\n' > "$1/Makefile"
}
# sources makes a tree of some hundred files with modes, times and links.
sources() { # DIR
	mkdir -p "$1"
	local i
	for i in $(seq 1 200); do
		mkdir -p "$1/d$((i % 13))/e$((i % 3))"
		seq "$i" $((i * 7)) > "$1/d$((i % 13))/e$((i % 3))/f$i.txt"
	done
	chmod 600 "$1"/d1/e1/*; chmod 755 "$1"/d2/e2/*; chmod 2750 "$1/d3"
	find "$1" -name '*5.txt' -exec touch -d '2019-05-06 07:08:09.123456789Z' {} +
	ln -s ../d1/e1 "$1/d4/link"; ln -s nowhere "$1/d4/dangling"; mkfifo "$1/d5/fifo"
	touch -d '2018-01-02 03:04:05Z' "$1/d6"
}
# state prints what a tree is: names, types, modes, owners, times, contents.
state() { # DIR
	(cd "$1" && find . -printf '%P %y %m %U %G %l\n' | sort &&
	 find . -type f -printf '%P %s %T@\n' | sort && find . -type f -exec sha256sum {} + | sort)
}
`

func TestPrograms(t *testing.T) {
	m := newBox(t).mount()
	for _, scripts := range []map[string]string{treeScripts(), fileScripts()} {
		for name, script := range scripts {
			t.Run(name, func(t *testing.T) { m.script(t, makeSource+script) })
		}
	}
	m.down()
}

// treeScripts work on trees of files.
func treeScripts() map[string]string {
	return map[string]string{
		"git": `
			makesource $LOCAL/src
			git -c init.defaultBranch=main init -q $LOCAL/src
			cd $LOCAL/src; git config user.name t; git config user.email t@example.com
			for i in 1 2 3 4 5; do echo $i > n; git add -A; git commit -qm $i; done
			cd "$OLDPWD"
			git clone -q $LOCAL/src clone
			cd clone; git config user.name t; git config user.email t@example.com
			git checkout -qb topic; echo 6 > n; git commit -qam 6; git checkout -q main; git merge -q topic
			git repack -qad; git gc -q --prune=now; git fsck --strict
			test -z "$(git status --porcelain)"; test "$(git log --oneline | wc -l)" = 6
			git stash list; echo 7 > n; git stash -q; git stash pop -q; test "$(cat n)" = 7
			git push -q $LOCAL/src main:pushed`,
		"tar": `
			sources $LOCAL/src
			tar --format=posix -C $LOCAL -cf $LOCAL/in.tar src
			tar -xpf $LOCAL/in.tar
			diff <(state $LOCAL/src) <(state src)
			tar --format=posix -cf $LOCAL/out.tar src
			mkdir $LOCAL/back; tar -C $LOCAL/back -xpf $LOCAL/out.tar
			diff <(state $LOCAL/src) <(state $LOCAL/back/src)
			diff <(tar -tvf $LOCAL/in.tar | sort) <(tar -tvf $LOCAL/out.tar | sort)`,
		"cp": `
			sources src
			cp -a src copy
			diff <(state src) <(state copy)
			cp -a src $LOCAL/copy
			diff <(state src) <(state $LOCAL/copy)`,
	}
}

// fileScripts work on single files, and rely on what an editor, a compiler or a
// database does with them.
func fileScripts() map[string]string {
	return map[string]string{
		"sqlite": `
			for mode in delete wal; do
				f=$mode.db
				sqlite3 $f "pragma journal_mode=$mode; create table t(i integer primary key, s text);" > /dev/null
				for i in 1 2 3 4 5; do sqlite3 $f "begin; insert into t(s) select hex(randomblob(50)) from generate_series(1, 200); commit;"; done
				sqlite3 $f "begin; delete from t where i % 2; rollback; update t set s = 'x' where i % 10 = 0; vacuum;"
				test "$(sqlite3 $f 'select count(*), sum(s = "x") from t; pragma integrity_check;' | tr '\n' ' ')" = '1000|100 ok '
			done
			cat delete.db > $LOCAL/copy.db; test "$(sqlite3 $LOCAL/copy.db 'pragma integrity_check')" = ok`,
		"sqlite in parallel": `
			sqlite3 f.db 'create table t(i integer)'
			for p in 1 2 3 4; do
				(for i in $(seq 10); do sqlite3 f.db '.timeout 60000' "insert into t values($i)"; done) &
			done
			wait
			test "$(sqlite3 f.db 'select count(*) from t; pragma integrity_check' | tr '\n' ' ')" = '40 ok '`,
		"vim": `
			printf 'one\ntwo\n' > f; chmod 640 f
			vim -es -u NONE -N f -c 'set backup backupskip= backupcopy=no writebackup' -c '%s/two/three/' -c 'wq'
			printf 'one\nthree\n' | cmp - f; test "$(stat -c %a f)" = 640
			vim -es -u NONE -N f -c 'set backup backupskip= backupcopy=yes writebackup swapfile' -c '$put=\"four\"' -c 'wq'
			test "$(tail -1 f)" = four
			test "$(ls -A | tr '\n' ' ')" = 'f f~ '`,
		"make": `
			makesource .
			make -s; test "$(./prog)" = 42
			test -z "$(make -s -q || echo out of date)"
			sleep 0.02; touch lib/twice.h; ! make -q; make -s -j4; test "$(./prog)" = 42
			make -s clean; test "$(find . -type f | wc -l)" = 4`,
		"find and du": `
			sources src
			test $(find src -type f | wc -l) = 200
			touch reference; sleep 0.02; echo new > src/d1/new; touch src/d2/e2/f2.txt
			ls src/d2/e2 > /dev/null
			test "$(find src -type f -newer reference | wc -l)" = 2
			du -sb --apparent-size src > /dev/null
			test $(find src -type f -printf '%s\n' | paste -sd+ | bc) = $(find src -type f -print0 | du --files0-from=- -cb | tail -1 | cut -f1)
			find src -name '*.txt' -delete; test $(find src -type f | wc -l) = 1`,
		"a compiler's temporary files": `
			makesource .
			TMPDIR=$PWD gcc -O2 -o prog main.c lib/twice.c; ./prog | grep -qx 42
			test -z "$(ls -A | grep '^cc')"`,
		"mv": `
			mkdir d; (cd d && seq 3000 | xargs -n 500 touch)
			mv d e; test $(ls e | wc -l) = 3000; ! test -e d
			mkdir d2; mv e d2/; test $(find d2/e -type f | wc -l) = 3000
			mv d2/e $LOCAL/; test $(ls $LOCAL/e | wc -l) = 3000; rmdir d2
			mv $LOCAL/e .; test $(ls e | wc -l) = 3000; rm -rf e; test -z "$(ls -A)"`,
		"dd, sparse files and truncate": `
			dd if=/dev/urandom of=$LOCAL/r bs=1M count=20 status=none
			dd if=$LOCAL/r of=f bs=123457 status=none; cmp $LOCAL/r f
			for at in 0 1048575 9000000 20971519; do
				printf XYZ | dd of=f bs=1 seek=$at conv=notrunc status=none
				printf XYZ | dd of=$LOCAL/r bs=1 seek=$at conv=notrunc status=none
			done
			cmp $LOCAL/r f; truncate -s 5M f $LOCAL/r; truncate -s 12M f $LOCAL/r; cmp $LOCAL/r f
			cp --sparse=always f g; cmp f g; rm f; cmp $LOCAL/r g`,
	}
}

// rsync -a transfers nothing the second time, and knows the attributes that it
// compares without a HEAD for each: from the mount's attribute store.
func TestRsyncTwice(t *testing.T) {
	m := newBox(t).mount()
	src := t.TempDir()
	m.scriptIn(t, src, makeSource+"sources src")
	m.run("rsync", "-a", src+"/src", m.dir+"/")
	m.down()
	m.up()
	time.Sleep(3100 * time.Millisecond) // what is asked for below has to be 3 s old to be believed later (package cache, AttrFile)
	m.run("ls", "-lR", m.dir)           // what the store does not know yet is asked once
	m.down()
	m.up()
	m.steer("reset")
	out := m.run("rsync", "-a", "--stats", "--itemize-changes", src+"/src", m.dir+"/")
	require.Contains(t, out, "Number of regular files transferred: 0\n")
	require.NotRegexp(t, `(?m)^[<>c.*][fdLDS]`, out, "rsync must find nothing to change")
	require.Zero(t, m.counts()["HeadObject"], "%v", m.counts())
	require.Equal(t,
		m.scriptIn(t, src, makeSource+"state src"),
		m.scriptIn(t, filepath.Join(m.dir), makeSource+"state src"))
	m.down()
}
