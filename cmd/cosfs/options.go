package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"cosfs/cosapi"
)

// applyOptions carries out -o. An option is a flag of mount with _ for -, a
// name of the old tool (field.md 2.2), a word of mount(8) or fstab(5), or a
// mistake.
func (c *mountConfig) applyOptions(flags *pflag.FlagSet) error {
	for _, list := range c.options {
		for _, option := range splitOptions(list) {
			if err := c.applyOption(flags, option); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *mountConfig) applyOption(flags *pflag.FlagSet, option string) error {
	name, value, given := strings.Cut(option, "=")
	if apply, ok := oldOptions[name]; ok {
		return optionError(option, apply(c, flags, value))
	}
	if flag := flags.Lookup(strings.ReplaceAll(name, "_", "-")); flag != nil && !flag.Hidden && name != "options" && name != "help" {
		if !given {
			value = flag.NoOptDefVal // of a bool: true; of all others: empty, and refused by Set
		}
		return optionError(option, flags.Set(flag.Name, value))
	}
	if reason, ok := refusedOptions[name]; ok {
		return fail(exitUsage, "the option %s %s", name, reason)
	}
	switch {
	case kernelWords[name]:
		c.kernelOptions = append(c.kernelOptions, option)
	case fstabWords[name], strings.HasPrefix(name, "x-"), strings.HasPrefix(name, "X-"):
	case withoutEffect[name]:
		c.ignored = append(c.ignored, name)
	default:
		return fail(exitUsage, "the option %q is unknown; cosfs mount --help lists the flags, each of which is also an option", name)
	}
	return nil
}

// optionError names the option whose value is wrong. No value of a secret gets
// here: the options that would hold one are refused by name.
func optionError(option string, err error) error {
	if err == nil {
		return nil
	}
	return fail(exitUsage, "the option %q: %w", option, err)
}

// splitOptions splits at commas; \, is a comma inside a value, as in libfuse.
func splitOptions(list string) []string {
	var options []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			options = append(options, b.String())
		}
		b.Reset()
	}
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] == '\\' && i+1 < len(list) && list[i+1] == ',':
			i++
			b.WriteByte(',')
		case list[i] == ',':
			flush()
		default:
			b.WriteByte(list[i])
		}
	}
	flush()
	return options
}

// optionFunc carries out one option with a meaning of its own.
type optionFunc func(c *mountConfig, flags *pflag.FlagSet, value string) error

// set is an option that is another name of a flag, with a suffix put behind
// its value where the unit is the old tool's.
func set(flag, suffix string) optionFunc {
	return func(_ *mountConfig, flags *pflag.FlagSet, value string) error {
		return flags.Set(flag, value+suffix)
	}
}

// on is an option without a value that gives a flag a fixed one.
func on(flag, fixed string) optionFunc {
	return func(_ *mountConfig, flags *pflag.FlagSet, _ string) error { return flags.Set(flag, fixed) }
}

// oldOptions are the options that are not simply a flag with underscores.
var oldOptions = map[string]optionFunc{
	"ro":                     on("read-only", "true"),
	"rw":                     on("read-only", "false"),
	"url":                    setEndpoint,
	"host":                   setEndpoint,
	"endpoint":               setOldEndpoint,
	"use_path_request_style": on("path-style", "true"),
	"use_cache":              set("cache-dir", ""),
	"multipart_size":         set("part-size", "MiB"),
	"parallel_count":         set("parallel", ""),
	"parallel_upload":        set("parallel", ""),
	"stat_cache_expire":      set("attr-ttl", "s"),
	"default_permission":     setDefaultPermission,
	"umask":                  setUmask,
	"mp_umask":               setRootUmask,
	"use_sse":                setEncryption,
	"cam_role":               setRole,
	"ssl_verify_hostname":    setVerifyHostname,
	"dbglevel":               setDebugLevel,
	"debug":                  on("log-level", "debug"),
	"public_bucket":          setPublic,
	"retries":                setRetries,
	"readwrite_timeout":      setAnswerTimeout,
	"ensure_diskfree":        setDiskFree,
	"nonempty": func(c *mountConfig, _ *pflag.FlagSet, _ string) error {
		c.nonEmpty = true
		return nil
	},
}

// kernelWords go to mount(2), which knows them as flags.
var kernelWords = words("suid nosuid dev nodev exec noexec default_permissions")

// fstabWords are for mount(8), systemd or libfuse, and mean nothing to a file
// system: times of reading are not stored, and every close waits for COS.
var fstabWords = words(`_netdev nofail auto noauto user nouser users owner group comment defaults
	atime noatime relatime norelatime strictatime nostrictatime lazytime nolazytime diratime nodiratime
	sync async dirsync mand nomand silent loud iversion noiversion
	kernel_cache auto_cache noauto_cache attr_timeout entry_timeout negative_timeout ac_attr_timeout
	max_read max_write max_readahead max_background congestion_threshold
	big_writes large_read direct_io hard_remove use_ino readdir_ino fsname subtype blkdev blksize
	auto_unmount clone_fd max_threads max_idle_threads intr splice_read splice_write splice_move`)

// withoutEffect are options of the old tool that choose between ways of doing
// what cosfs does in one way. The log names them.
var withoutEffect = words(`del_cache tmpdir nomultipart multireq_max max_prefetch_bytes singlepart_copy_limit
	use_rrs servicepath cam_role_endpoint enable_clientinfo max_stat_cache_size enable_noobj_cache connect_timeout default_acl noxattr nocopyapi norenameapi noxmlns xmlns
	enable_content_md5 disable_content_md5 nodnscache nosscache curldbg f2 noflush_in_other_proc fd_page_size`)

// refusedOptions would change who can read what, or promise what is not there;
// to pass over them in silence would be wrong.
var refusedOptions = func() map[string]string {
	const key = "would show the key in the list of processes: use COS_SECRET_ID and COS_SECRET_KEY, or passwd_file="
	const later = "of the older tool is not supported yet"
	const tls = "would let anybody between here and COS read and change everything: add the certificate to those of the system instead"
	const sseC = "would put a key of yours into every request; encrypt with use_sse or use_sse=kmsid:ID instead"
	m := map[string]string{
		"accessKeyId": key, "secretAccessKey": key, "secret_id": key, "secret_key": key,
		"allow_root":           "is not supported: use allow_other",
		"no_check_certificate": tls, "load_sse_c": sseC,
	}
	for name := range words(`ahbe_conf user_agent_suffix`) {
		m[name] = later
	}
	return m
}()

func words(list string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(list) {
		m[w] = true
	}
	return m
}

func setEndpoint(_ *mountConfig, flags *pflag.FlagSet, value string) error {
	return flags.Set("endpoint", strings.TrimRight(value, "/"))
}

// setOldEndpoint: the old tool took a region here and did not use it.
func setOldEndpoint(c *mountConfig, flags *pflag.FlagSet, value string) error {
	if strings.Contains(value, "://") {
		return setEndpoint(c, flags, value)
	}
	c.ignored = append(c.ignored, "endpoint")
	return nil
}

// setDefaultPermission: the old tool had one mode for all; a directory is of
// no use to those who may read but not search it.
func setDefaultPermission(_ *mountConfig, flags *pflag.FlagSet, value string) error {
	if err := flags.Set("file-mode", value); err != nil {
		return err
	}
	var mode permBits
	if err := mode.Set(value); err != nil {
		return err
	}
	mode |= mode & 0o444 >> 2
	return flags.Set("dir-mode", mode.String())
}

// setUmask reads the number as C does: 022 is octal, 18 decimal, 0x12
// hexadecimal (field.md 2.2). The flag --umask is always octal.
func setUmask(_ *mountConfig, flags *pflag.FlagSet, value string) error {
	n, err := strconv.ParseUint(value, 0, 32)
	if err != nil {
		return err
	}
	return flags.Set("umask", strconv.FormatUint(n, 8))
}

// setRootUmask: the old tool gives the root of the mount 777 without these bits.
func setRootUmask(c *mountConfig, _ *pflag.FlagSet, value string) error {
	n, err := strconv.ParseUint(value, 0, 32)
	if err != nil || n > 0o777 {
		return fail(exitUsage, "is not a umask such as 022")
	}
	if c.rootMode = 0o777 &^ permBits(n); c.rootMode == 0 {
		return fail(exitUsage, "leaves no permission to anybody")
	}
	return nil
}

// setEncryption maps what the old tool asks of new objects to COS: its own keys
// (SSE-COS), or one of the key service (SSE-KMS; cos-api.md 3.0.9).
func setEncryption(c *mountConfig, _ *pflag.FlagSet, value string) error {
	kind, id, _ := strings.Cut(value, ":")
	switch kind {
	case "", "1":
		c.encryption = cosapi.Encryption{Algorithm: "AES256"}
	case "kmsid", "k":
		c.encryption = cosapi.Encryption{Algorithm: "cos/kms", KMSKeyID: id}
	case "custom", "c":
		return fail(exitUsage, "asks for keys of yours (SSE-C), which every read would need again and no other tool would have: use use_sse or use_sse=kmsid:ID")
	default:
		return fail(exitUsage, "is not use_sse, use_sse=1 or use_sse=kmsid:ID")
	}
	return nil
}

// setRole: sts is a credentials file that somebody keeps writing temporary keys
// into, which is read again in any case.
func setRole(_ *mountConfig, _ *pflag.FlagSet, value string) error {
	if value != "sts" {
		return fail(exitUsage, "is not supported yet: let a job write the keys of the role into the file of passwd_file=, "+
			"with the lines COSAccessKeyId=, COSSecretKey=, COSAccessToken= and COSAccessTokenExpire=")
	}
	return nil
}

// setVerifyHostname accepts what is the case anyway.
func setVerifyHostname(_ *mountConfig, _ *pflag.FlagSet, value string) error {
	if value == "0" {
		return fail(exitUsage, "would let anybody between here and COS read and change everything: use an endpoint that its certificate names")
	}
	return nil
}

// debugLevels are the old tool's names, its misspelling included.
var debugLevels = map[string]string{
	"silent": "error", "critical": "error", "crit": "error", "error": "error", "err": "error",
	"wan": "warn", "warn": "warn", "warning": "warn",
	"inf": "info", "info": "info", "information": "info",
	"dbg": "debug", "debug": "debug",
}

func setDebugLevel(_ *mountConfig, flags *pflag.FlagSet, value string) error {
	level, ok := debugLevels[strings.ToLower(value)]
	if !ok {
		return fail(exitUsage, "is not one of crit, err, warn, info, dbg")
	}
	return flags.Set("log-level", level)
}

func setPublic(c *mountConfig, _ *pflag.FlagSet, value string) (err error) {
	c.public = true
	if value != "" {
		c.public, err = strconv.ParseBool(value)
	}
	return err
}

func setRetries(c *mountConfig, _ *pflag.FlagSet, value string) error {
	n, err := strconv.ParseUint(value, 10, 8)
	c.retries = int(n)
	return err
}

func setAnswerTimeout(c *mountConfig, _ *pflag.FlagSet, value string) error {
	n, err := strconv.ParseUint(value, 10, 24)
	c.answerTimeout = time.Duration(n) * time.Second
	return err
}

func setDiskFree(c *mountConfig, _ *pflag.FlagSet, value string) error {
	return c.diskFree.Set(value + "MiB")
}
