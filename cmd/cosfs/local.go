package main

import (
	"crypto/rand"
	"log/slog"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

// localBucket is what --local mounts.
const localBucket = "local-1250000000"

// startLocal runs the embedded server over a directory, reachable on this
// machine only and with a key pair that nobody else is told.
func startLocal(dir string, log *slog.Logger) (*server, target, error) {
	pair := cosapi.Credentials{SecretID: "local" + rand.Text(), SecretKey: rand.Text()}
	s, err := startServer("127.0.0.1:0", cosserver.Config{
		Root: dir, Sync: cosserver.SyncAll, Log: log,
		Accounts: []cosserver.Account{{SecretID: pair.SecretID, SecretKey: pair.SecretKey}},
	})
	if err != nil {
		return nil, target{}, err
	}
	if err := s.CreateBucket(localBucket); err != nil {
		s.close()
		return nil, target{}, fail(exitFailed, "the bucket below %s cannot be made: %w", dir, err)
	}
	return s, target{endpoint: s.url, identity: "local:" + dir, pair: keyPair{Credentials: pair, origin: "this process"}}, nil
}
