package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// parsed is a config after the given flags and the arguments of a mount.
func parsed(args ...string) (*mountConfig, error) {
	c := new(mountConfig)
	flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	c.register(flags)
	if err := flags.Parse(append([]string{"b-1250000000", "/mnt", "--region", "ap-guangzhou"}, args...)); err != nil {
		return nil, err
	}
	return c, c.parse(flags, flags.Args())
}

func TestOptions(t *testing.T) {
	for _, tc := range []struct {
		options string
		check   func(*mountConfig) bool
	}{
		{"ro", func(c *mountConfig) bool { return c.readOnly }},
		{"ro,rw", func(c *mountConfig) bool { return !c.readOnly }},
		{"read_only", func(c *mountConfig) bool { return c.readOnly }},
		{"allow_other,,", func(c *mountConfig) bool { return c.allowOther }},
		{"nonempty", func(c *mountConfig) bool { return c.nonEmpty }},
		{"url=http://cos.ap-beijing.myqcloud.com/", func(c *mountConfig) bool { return c.endpoint == "http://cos.ap-beijing.myqcloud.com" }},
		{"endpoint=https://x.example", func(c *mountConfig) bool { return c.endpoint == "https://x.example" }},
		{"endpoint=ap-beijing", func(c *mountConfig) bool { return c.endpoint == "" && slices.Equal(c.ignored, []string{"endpoint"}) }},
		{"region=ap-beijing", func(c *mountConfig) bool { return c.region == "ap-beijing" }},
		{"use_path_request_style", func(c *mountConfig) bool { return c.pathStyle }},
		{"use_cache=/var/c", func(c *mountConfig) bool { return c.cacheDir == "/var/c" }},
		{`cache_dir=/a\,b`, func(c *mountConfig) bool { return c.cacheDir == "/a,b" }},
		{"cache_size=2g", func(c *mountConfig) bool { return c.cacheSize == 2<<30 }},
		{"passwd_file=/etc/key", func(c *mountConfig) bool { return c.passwdFile == "/etc/key" }},
		{"multipart_size=20", func(c *mountConfig) bool { return c.partSize == 20<<20 }},
		{"parallel_count=5", func(c *mountConfig) bool { return c.parallel == 5 }},
		{"stat_cache_expire=60", func(c *mountConfig) bool { return c.attrTTL == time.Minute }},
		{"attr_ttl=3s,negative_ttl=0", func(c *mountConfig) bool { return c.attrTTL == 3*time.Second && c.negativeTTL == 0 }},
		{"uid=1000,gid=1001", func(c *mountConfig) bool { return c.uid == 1000 && c.gid == 1001 }},
		{"mp_umask=022", func(c *mountConfig) bool { return c.rootMode == 0o755 }},
		{"mp_umask=0", func(c *mountConfig) bool { return c.rootMode == 0o777 }},
		{"use_sse", func(c *mountConfig) bool { return c.encryption.Algorithm == "AES256" }},
		{"use_sse=1", func(c *mountConfig) bool { return c.encryption.Algorithm == "AES256" }},
		{"use_sse=kmsid:k1", func(c *mountConfig) bool {
			return c.encryption.Algorithm == "cos/kms" && c.encryption.KMSKeyID == "k1"
		}},
		{"cam_role=sts", func(c *mountConfig) bool { return true }},
		{"ssl_verify_hostname=1", func(c *mountConfig) bool { return true }},
		{"names=sync", func(c *mountConfig) bool { return c.names == namesSync }},
		{"attrs=list", func(c *mountConfig) bool { return c.attrs.String() == "list" }},
		{"umask=022", func(c *mountConfig) bool { return c.umask == 0o022 }},
		{"umask=18", func(c *mountConfig) bool { return c.umask == 0o022 }},
		{"umask=0x12", func(c *mountConfig) bool { return c.umask == 0o022 }},
		{"default_permission=640", func(c *mountConfig) bool { return c.fileMode == 0o640 && c.dirMode == 0o750 }},
		{"dbglevel=wan", func(c *mountConfig) bool { return c.logLevel == "warn" }},
		{"dbglevel=DBG", func(c *mountConfig) bool { return c.logLevel == "debug" }},
		{"storage_class=standard_ia", func(c *mountConfig) bool { return c.storageClass == "STANDARD_IA" }},
		{"acl=public-read", func(c *mountConfig) bool { return c.acl == "public-read" }},
		{"public_bucket=1", func(c *mountConfig) bool { return c.public }},
		{"public_bucket=0", func(c *mountConfig) bool { return !c.public }},
		{"retries=7", func(c *mountConfig) bool { return c.retries == 7 }},
		{"readwrite_timeout=90", func(c *mountConfig) bool { return c.answerTimeout == 90*time.Second }},
		{"ensure_diskfree=100", func(c *mountConfig) bool { return c.diskFree == 100<<20 }},
		{"nosuid,dev,noexec", func(c *mountConfig) bool { return slices.Equal(c.kernelOptions, []string{"nosuid", "dev", "noexec"}) }},
		{"max_stat_cache_size=1,noxattr", func(c *mountConfig) bool {
			return slices.Equal(c.ignored, []string{"max_stat_cache_size", "noxattr"})
		}},
		{"_netdev,nofail,noauto,user,comment=x,x-systemd.automount,atime,async,max_read=131072", func(c *mountConfig) bool {
			return c.ignored == nil && c.kernelOptions == nil
		}},
	} {
		c, err := parsed("-o", tc.options)
		require.NoError(t, err, tc.options)
		require.True(t, tc.check(c), "%s: %+v", tc.options, c)
	}
}

func TestBadOptions(t *testing.T) {
	for options, want := range map[string]string{
		"colour":                `"colour" is unknown`,
		"help":                  `"help" is unknown`,
		"ready_fd=3":            `"ready_fd" is unknown`,
		"options=ro":            `"options" is unknown`,
		"uid=root":              `the option "uid=root"`,
		"cache_size":            `the option "cache_size"`,
		"multipart_size=x":      `the option "multipart_size=x"`,
		"umask=rwx":             `the option "umask=rwx"`,
		"dbglevel=loud":         "is not one of crit",
		"retries=-1":            `the option "retries=-1"`,
		"use_sse=custom:/key":   "SSE-C",
		"use_sse=2":             "is not use_sse",
		"load_sse_c=/key":       "use_sse=kmsid:ID",
		"mp_umask=0777":         "no permission",
		"mp_umask=x":            "is not a umask",
		"no_check_certificate":  "add the certificate",
		"ssl_verify_hostname=0": "its certificate names",
		"names=later":           "deferred, sync",
		"attrs=some":            "auto, exact, list",
		"cam_role=admin":        "COSAccessTokenExpire=",
		"ahbe_conf=/x":          "not supported yet",
		"allow_root":            "use allow_other",
		"secretAccessKey=s3c":   "would show the key",
	} {
		_, err := parsed("-o", options)
		require.ErrorContains(t, err, want, options)
		require.Equal(t, exitUsage, asFailure(err).code)
		require.NotContains(t, err.Error(), "s3c", "no secret in an error")
	}
}

// An option belongs to one class, or the order of the classes would decide.
func TestOptionClassesAreDisjoint(t *testing.T) {
	classes := [][]string{
		slices.Collect(maps.Keys(oldOptions)), slices.Collect(maps.Keys(kernelWords)), slices.Collect(maps.Keys(fstabWords)),
		slices.Collect(maps.Keys(withoutEffect)), slices.Collect(maps.Keys(refusedOptions)),
	}
	seen := map[string]bool{}
	for _, class := range classes {
		for _, name := range class {
			require.False(t, seen[name], name)
			seen[name] = true
		}
	}
}

// Every visible flag has its -o spelling.
func TestEveryFlagIsAnOption(t *testing.T) {
	values := map[string]string{"string": "x", "size": "2MiB", "octal": "0700", "duration": "5s", "int": "3", "uint32": "3", "bool": "", "mode": "list", "when": "sync"}
	c := new(mountConfig)
	flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	c.register(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "options" {
			return
		}
		option := strings.ReplaceAll(f.Name, "-", "_")
		switch value := values[f.Value.Type()]; {
		case f.Name == "endpoint":
			option += "=http://127.0.0.1:1"
		case value != "":
			option += "=" + value
		}
		require.NoError(t, c.applyOption(flags, option), option)
		require.True(t, f.Changed, option)
	})
}

func TestConfigPathsAreAbsolute(t *testing.T) {
	wd, err := os.Getwd()
	require.NoError(t, err)
	c, err := parsed("--cache-dir", "c", "--log-file", "../l", "--passwd-file", "p")
	require.NoError(t, err)
	require.Equal(t, wd+"/c", c.cacheDir)
	require.Equal(t, wd+"/p", c.passwdFile)
	require.Equal(t, strings.TrimSuffix(wd, "/cosfs")+"/l", c.logFile)
	require.Empty(t, c.local)
}

func TestUmask(t *testing.T) {
	c, err := parsed("--umask", "027", "--file-mode", "666", "--dir-mode", "777")
	require.NoError(t, err)
	file, dir := c.applyUmask()
	require.Equal(t, uint32(0o640), file)
	require.Equal(t, uint32(0o750), dir)
}
