package main

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"time"

	"cosfs/cosapi"
)

// etcPasswd is the one credentials file that a group may read.
const etcPasswd = "/etc/passwd-cosfs"

// keyPair is a pair of credentials and where it was found, which is what a
// user whose key is refused has to know.
type keyPair struct {
	cosapi.Credentials
	origin string

	file    string    // that it comes from, or empty
	expires time.Time // of a temporary one in a file; zero: never
}

// envPairs are the variables that are read, in order.
var envPairs = []struct{ id, key, token string }{
	{"COS_SECRET_ID", "COS_SECRET_KEY", "COS_SESSION_TOKEN"},
	{"COSACCESSKEYID", "COSSECRETACCESSKEY", "COS_SESSION_TOKEN"},
}

// findCredentials looks for the key pair of a bucket: the given file, the
// environment, ~/.passwd-cosfs, /etc/passwd-cosfs (field.md 2.3).
func (p *program) findCredentials(passwdFile, bucket string) (keyPair, error) {
	if passwdFile != "" {
		return readPasswd(passwdFile, bucket)
	}
	if pair, ok, err := p.envCredentials(); ok || err != nil {
		return pair, err
	}
	if named := p.getenv("COS_CREDENTIAL_FILE"); named != "" {
		return readPasswd(named, bucket)
	}
	for _, file := range p.passwdFiles() {
		pair, err := readPasswd(file, bucket)
		if errors.Is(err, iofs.ErrNotExist) {
			continue
		}
		return pair, err
	}
	return keyPair{}, fail(exitDenied, "no credentials for the bucket %s: set COS_SECRET_ID and COS_SECRET_KEY, "+
		"or write SecretId:SecretKey into ~/.passwd-cosfs (mode 600)", bucket)
}

// envCredentials is the pair of the environment. Half a pair is a mistake
// that must not silently fall through to a file with other rights.
func (p *program) envCredentials() (keyPair, bool, error) {
	for _, names := range envPairs {
		id, key := p.getenv(names.id), p.getenv(names.key)
		switch {
		case id != "" && key != "":
			pair := keyPair{origin: "the environment (" + names.id + ")"}
			pair.Credentials = cosapi.Credentials{SecretID: id, SecretKey: key, Token: p.getenv(names.token)}
			return pair, true, nil
		case id != "":
			return keyPair{}, false, fail(exitDenied, "%s is set but %s is not: set both", names.id, names.key)
		case key != "":
			return keyPair{}, false, fail(exitDenied, "%s is set but %s is not: set both", names.key, names.id)
		}
	}
	return keyPair{}, false, nil
}

// passwdFiles are the files asked after the environment; the first that
// exists wins.
func (p *program) passwdFiles() []string {
	var files []string
	if home := p.getenv("HOME"); home != "" {
		files = append(files, filepath.Join(home, ".passwd-cosfs"))
	}
	return append(files, etcPasswd)
}

// readPasswd takes the pair of a bucket from a file.
func readPasswd(path, bucket string) (keyPair, error) {
	f, err := os.Open(path)
	if err != nil {
		return keyPair{}, fail(exitDenied, "the credentials file cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return keyPair{}, fail(exitDenied, "the credentials file cannot be read: %w", err)
	}
	if err := checkPasswdMode(path, info.Mode()); err != nil {
		return keyPair{}, err
	}
	creds, expires, err := parseExpiring(f, bucket)
	if err != nil {
		return keyPair{}, fail(exitDenied, "the credentials file %s: %w", path, err)
	}
	return keyPair{creds, "the file " + path, path, expires}, nil
}

// checkPasswdMode refuses a file that somebody else can read.
func checkPasswdMode(path string, mode iofs.FileMode) error {
	allowed := iofs.FileMode(0o600)
	if path == etcPasswd {
		allowed = 0o640
	}
	if !mode.IsRegular() {
		return fail(exitDenied, "the credentials file %s is not a regular file", path)
	}
	if extra := mode.Perm() &^ allowed; extra != 0 {
		return fail(exitDenied, "the credentials file %s has mode %04o, which lets others use the key: chmod %04o %s",
			path, mode.Perm(), mode.Perm()&allowed, path)
	}
	return nil
}
