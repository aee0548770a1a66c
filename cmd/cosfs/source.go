package main

import (
	"regexp"
	"strings"

	"cosfs/cosapi"
)

// source says what is mounted: a bucket, or a prefix of it.
type source struct {
	bucket string // name-APPID
	prefix string // "" or "dir/"
}

// oldSource is APPID:BUCKET, the form before buckets carried their APPID.
var oldSource = regexp.MustCompile(`^([0-9]+):([^:/]+)$`)

// appID is the end of every full bucket name.
var appID = regexp.MustCompile(`-[0-9]+$`)

// parseSource reads BUCKET-APPID[:/PREFIX], and the older APPID:BUCKET[:/PREFIX].
func parseSource(s string) (source, error) {
	bucket, prefix, _ := strings.Cut(s, ":/")
	if m := oldSource.FindStringSubmatch(bucket); m != nil {
		bucket = m[2] + "-" + m[1]
	}
	if !appID.MatchString(bucket) {
		return source{}, fail(exitUsage, "%q does not name a bucket: the full name ends with a hyphen and the APPID, as in photos-1250000000, and a key or prefix follows after \":/\"", bucket)
	}
	if err := cosapi.CheckBucket(bucket); err != nil {
		return source{}, fail(exitUsage, "%q is not a bucket name: %w", bucket, err)
	}
	prefix = strings.TrimRight(prefix, "/")
	if prefix == "" {
		return source{bucket: bucket}, nil
	}
	prefix += "/"
	if err := cosapi.CheckKey(prefix); err != nil {
		return source{}, fail(exitUsage, "%q is not a prefix: %w", prefix, err)
	}
	return source{bucket: bucket, prefix: prefix}, nil
}

// String is how the source appears in the first column of /proc/mounts.
func (s source) String() string {
	if s.prefix == "" {
		return s.bucket
	}
	return s.bucket + ":/" + strings.TrimSuffix(s.prefix, "/")
}
