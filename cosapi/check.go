package cosapi

import "strings"

// check refuses metadata that the wire cannot carry, before anything is sent:
// a gateway would drop or change it silently.
func (a Attrs) check(op, key string) error {
	size := 0
	for name, value := range a.Meta {
		if !metaName(name) {
			return invalid(op, key, "the metadata name %q has more than letters, digits and hyphens", name)
		}
		if !headerText(value) {
			return invalid(op, key, "the value of metadata %q is not printable ASCII without outer blanks; encode it", name)
		}
		size += len(metaPrefix) + len(name) + len(value)
	}
	if size > MaxMetaSize {
		return &Error{Op: op, Key: key, Kind: TooLarge, Message: "the metadata has more than 2 KB"}
	}
	if n := len(a.Encryption.CustomerKey); n != 0 && n != 32 {
		return invalid(op, key, "the customer's key has %d bytes, AES256 needs 32", n)
	}
	return nil
}

// check refuses headers that would not arrive as they are. It names them, but
// tells no value: some are secret.
func (r *request) check() error {
	for name, values := range r.header {
		for _, v := range values {
			if !headerText(v) {
				return invalid(r.op, r.key, "the value of %s is not printable ASCII without outer blanks", name)
			}
		}
	}
	return nil
}

// check adds what only writes have.
func (o PutOptions) check(op, key string) error {
	const slowest, fastest = 819_200, 838_860_800 // bit/s, cos-api.md 3.0.5
	if l := o.TrafficLimit; l != 0 && (l < slowest || l > fastest) {
		return invalid(op, key, "the traffic limit %d is not between %d and %d bit/s", l, slowest, fastest)
	}
	return o.Attrs.check(op, key)
}

// metaName: an underscore is legal in a header but dropped by gateways.
func metaName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}

// headerText is text that arrives as it was sent.
func headerText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return strings.TrimSpace(s) == s
}
