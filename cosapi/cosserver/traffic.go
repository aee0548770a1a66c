package cosserver

import (
	"cmp"
	"strconv"
)

// Limits of x-cos-traffic-limit in bit/s (cos-api.md 3.0.5).
const (
	slowestTraffic = 819_200
	fastestTraffic = 838_860_800
)

// readTrafficLimit slows a body down as its sender asks, in the header or,
// for presigned URLs, in the query.
func (c *call) readTrafficLimit() error {
	const name = "x-cos-traffic-limit"
	asked := cmp.Or(c.r.Header.Get(name), c.q.get(name))
	if asked == "" {
		return nil
	}
	bits, err := strconv.ParseInt(asked, 10, 64)
	if err != nil || bits < slowestTraffic || bits > fastestTraffic {
		return failure("InvalidArgument").because(name + " must be from 819200 to 838860800 bit/s")
	}
	if c.rate == 0 || bits/8 < c.rate {
		c.rate = bits / 8
	}
	return nil
}
