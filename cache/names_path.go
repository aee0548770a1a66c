package cache

import (
	"cmp"
	"strings"

	"cosfs/cosapi"
)

// maxBase is NAME_MAX, the longest path element in bytes (limits.h).
const maxBase = 255

// splitKey cuts a path into its directory ("" for the root) and last element.
func splitKey(key string) (dir, base string) {
	i := strings.LastIndexByte(key, '/')
	if i < 0 {
		return "", key
	}
	return key[:i], key[i+1:]
}

// prefixOf is the prefix of the keys below dir.
func prefixOf(dir string) string {
	if dir == "" {
		return ""
	}
	return dir + "/"
}

// isName says whether base can be a path element.
func isName(base string) bool {
	return base != "" && base != "." && base != ".." && len(base) <= maxBase && !strings.ContainsAny(base, "/\x00")
}

// within says whether key is dir or lies below it.
func within(key, dir string) bool {
	if dir == "" {
		return true
	}
	return strings.HasPrefix(key, dir) && (len(key) == len(dir) || key[len(dir)] == '/')
}

// slashedAtMost says base+"/" <= last, without building the left side.
func slashedAtMost(base, last string) bool {
	if strings.HasPrefix(last, base) {
		return len(last) > len(base) && last[len(base)] >= '/'
	}
	return base < last
}

// InOrder compares two names of a directory in the order in which Rows gives
// them: as if each ended with a slash, as a listing has those of directories.
// The empty name is before all.
func InOrder(a, b string) int {
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 || n == 0 || len(a) == len(b) {
		return cmp.Or(c, len(a)-len(b))
	}
	if len(a) < len(b) {
		return cmp.Compare('/', b[n])
	}
	return cmp.Compare(a[n], '/')
}

// markerFits says whether key+"/" can be a key at all (cos-api.md 3.0.5).
func markerFits(key string) bool { return len(key) < cosapi.MaxKeyLen }
