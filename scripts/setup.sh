# Sourced by the other scripts: what a machine needs before they can run.

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# need COMMAND:PACKAGE... installs the Debian packages of missing commands.
need() {
	local missing=() pair as_root=()
	for pair in "$@"; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "missing ${missing[*]}, and no apt-get to install it with: install it by hand"
	[ "$(id -u)" = 0 ] || as_root=(sudo)
	say "installing ${missing[*]}"
	"${as_root[@]}" apt-get update -qq &&
		DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null ||
		die "could not install ${missing[*]}: apt-get install ${missing[*]}"
}

# need_go checks the compiler and fetches the modules that are missing.
need_go() {
	command -v go >/dev/null || die "Go is missing: install Go 1.26 or later from https://go.dev/dl/"
	go version | grep -qE 'go1\.(2[6-9]|[3-9][0-9])' || die "$(go version) is too old: Go 1.26 or later is needed"
	go mod download || die "the Go modules could not be fetched: check the network or GOPROXY"
}

# need_fuse fails where nothing can be mounted; it does not skip.
need_fuse() {
	[ -e /dev/fuse ] || modprobe fuse 2>/dev/null || true
	[ -c /dev/fuse ] || die "this machine has no /dev/fuse, so nothing can be mounted: load the fuse module, or give a container --device /dev/fuse --cap-add SYS_ADMIN"
}
