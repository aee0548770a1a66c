// Package fs gives a bucket the shape of a POSIX file system: go-fuse nodes
// over package cache (what the bucket said) and package writeback (what it
// does not have yet). See SEMANTICS.md for what users are promised.
package fs
