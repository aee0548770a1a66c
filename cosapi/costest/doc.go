// Package costest is what tests of COS clients need: a server like httptest's,
// rules that make it fail, and the conformance suite. (What "cos-api.md" is,
// package cosapi says.)
//
// NewServer starts a cosserver on 127.0.0.1 with one bucket and random keys
// and stops it when the test ends. Faults makes chosen requests go wrong.
// TestClient holds a client and the service behind it to cos-api.md: it runs
// against our server in every go test, and unchanged against a real bucket
// when the variables of Endpoint are set.
//
// Its own tests hold client and server to the seeds: testdata/rows.tsv has a
// line per operation, parameter, result and exception, every test names the
// rows it exercises in its comment, and rows_test.go fails for a row without.
//
// # Ownership and locks
//
// A Server belongs to the test that made it. Faults has one lock, held only
// while the rules are looked through; OnHit is called without it.
package costest
