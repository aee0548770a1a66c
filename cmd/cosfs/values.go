package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"cosfs/cache"
)

// byteSize is a flag in bytes with an optional binary suffix: 512M, 8MiB, 10g.
type byteSize int64

func (b *byteSize) Set(s string) error {
	digits := strings.TrimRight(s, "BIKMGTbikmgt")
	shift, ok := map[string]int{
		"": 0, "b": 0,
		"k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20,
		"g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40,
	}[strings.ToLower(s[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n < 0 || n > math.MaxInt64>>shift {
		return fmt.Errorf("%q is not a size such as 512MiB or 10GiB", s)
	}
	*b = byteSize(n << shift)
	return nil
}

func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	for shift, unit := range map[int]string{40: "TiB", 30: "GiB", 20: "MiB", 10: "KiB"} {
		if n := int64(*b) >> shift; n > 0 && n < 1024 && n<<shift == int64(*b) {
			return strconv.FormatInt(n, 10) + unit
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

func (*byteSize) Type() string { return "size" }

// permBits is a flag with permission bits in octal.
type permBits uint32

func (m *permBits) Set(s string) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("%q is not a mode from 0 to 777 in octal", s)
	}
	*m = permBits(n)
	return nil
}

func (m *permBits) String() string { return fmt.Sprintf("%04o", uint32(*m)) }

func (*permBits) Type() string { return "octal" }

// nameMode is the flag --names: whether a removal is answered before COS has
// done it.
type nameMode string

const (
	namesDeferred nameMode = "deferred"
	namesSync     nameMode = "sync"
)

func (m *nameMode) Set(s string) error {
	if s != string(namesDeferred) && s != string(namesSync) {
		return fmt.Errorf("%q is not one of %s, %s", s, namesDeferred, namesSync)
	}
	*m = nameMode(s)
	return nil
}

func (m *nameMode) String() string { return string(*m) }

func (*nameMode) Type() string { return "when" }

// attrMode is the flag --attrs.
type attrMode cache.AttrMode

// attrModes are its values.
var attrModes = map[string]cache.AttrMode{"auto": cache.AttrsAuto, "exact": cache.AttrsExact, "list": cache.AttrsList}

func (m *attrMode) Set(s string) error {
	mode, ok := attrModes[s]
	if !ok {
		return fmt.Errorf("%q is not one of auto, exact, list", s)
	}
	*m = attrMode(mode)
	return nil
}

func (m *attrMode) String() string {
	for name, mode := range attrModes {
		if mode == cache.AttrMode(*m) {
			return name
		}
	}
	return ""
}

func (*attrMode) Type() string { return "mode" }
