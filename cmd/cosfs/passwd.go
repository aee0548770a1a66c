package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"cosfs/cosapi"
)

// parsePasswd reads a credentials file (field.md 2.3): lines of
// [bucket:]SecretId:SecretKey, or the four COS…= lines of a temporary key.
// No error quotes a line, because every line holds a secret.
func parsePasswd(r io.Reader, bucket string) (cosapi.Credentials, error) {
	c, _, err := parseExpiring(r, bucket)
	return c, err
}

// parseExpiring is parsePasswd that also tells when a temporary key expires;
// the zero time is never.
func parseExpiring(r io.Reader, bucket string) (cosapi.Credentials, time.Time, error) {
	p, err := readLines(r)
	if err != nil {
		return cosapi.Credentials{}, time.Time{}, err
	}
	c, err := p.choose(bucket)
	return c, p.expires, err
}

func readLines(r io.Reader) (*passwd, error) {
	p := &passwd{pairs: map[string]cosapi.Credentials{}, token: map[string]string{}}
	scanner := bufio.NewScanner(io.LimitReader(r, 1<<20))
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSuffix(scanner.Text(), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := p.add(line); err != nil {
			return nil, fmt.Errorf("line %d %w", n, err)
		}
	}
	return p, scanner.Err()
}

// passwd is what was read so far.
type passwd struct {
	pairs map[string]cosapi.Credentials // by bucket; "" is the default
	token map[string]string             // the lines of the token form, by name

	expires time.Time // of the temporary key that choose gave
}

// tokenNames are the lines of the token form.
var tokenNames = []string{"COSAccessKeyId", "COSSecretKey", "COSAccessToken", "COSAccessTokenExpire"}

func (p *passwd) add(line string) error {
	switch {
	case strings.ContainsAny(line, " \t"):
		return errors.New("holds a blank")
	case line[0] == '[':
		return errors.New("begins with [, which is the form of another tool; expected [bucket:]SecretId:SecretKey without the brackets")
	}
	for _, name := range tokenNames {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			p.token[name] = value
			return nil
		}
	}
	fields := strings.Split(line, ":")
	if len(fields) == 2 {
		fields = append([]string{""}, fields...)
	}
	if len(fields) != 3 || fields[1] == "" || fields[2] == "" {
		return errors.New("is not [bucket:]SecretId:SecretKey")
	}
	if _, twice := p.pairs[fields[0]]; twice {
		if fields[0] == "" {
			return errors.New("is a second default pair: only one line may leave the bucket out")
		}
		return fmt.Errorf("is a second pair for the bucket %s", fields[0])
	}
	p.pairs[fields[0]] = cosapi.Credentials{SecretID: fields[1], SecretKey: fields[2]}
	return nil
}

// choose prefers the temporary key, then the pair of exactly this bucket, then
// that of its name without the APPID, then the default.
func (p *passwd) choose(bucket string) (cosapi.Credentials, error) {
	if len(p.token) > 0 {
		return p.temporary(time.Now())
	}
	for _, name := range []string{bucket, appID.ReplaceAllString(bucket, ""), ""} {
		if c, ok := p.pairs[name]; ok {
			return c, nil
		}
	}
	return cosapi.Credentials{}, fmt.Errorf("has no pair for the bucket %s and no default pair", bucket)
}

// temporary is the pair of the token form, if it is whole and not expired.
func (p *passwd) temporary(now time.Time) (cosapi.Credentials, error) {
	for _, name := range tokenNames {
		if p.token[name] == "" {
			return cosapi.Credentials{}, fmt.Errorf("has no %s= line beside the other lines of a temporary key", name)
		}
	}
	expires, err := time.Parse("2006-01-02T15:04:05", p.token["COSAccessTokenExpire"])
	if err != nil {
		return cosapi.Credentials{}, errors.New("COSAccessTokenExpire is not a UTC time such as 2026-01-31T12:00:00")
	}
	if !expires.After(now) {
		return cosapi.Credentials{}, fmt.Errorf("holds a temporary key that expired at %s: write a new one", expires.Format(time.RFC3339))
	}
	p.expires = expires
	return cosapi.Credentials{
		SecretID:  p.token["COSAccessKeyId"],
		SecretKey: p.token["COSSecretKey"],
		Token:     p.token["COSAccessToken"],
	}, nil
}
