package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func TestParsePasswd(t *testing.T) {
	const bucket = "b-1250000000"
	token := "COSAccessKeyId=tid\nCOSSecretKey=tkey\nCOSAccessToken=ttoken\nCOSAccessTokenExpire="
	for _, tc := range []struct{ name, file, id, key, token string }{
		{"default pair", "id:key\n", "id", "key", ""},
		{"no newline at the end", "id:key", "id", "key", ""},
		{"comments, empty lines, CR", "# c\r\n\r\nid:key\r\n", "id", "key", ""},
		{"the bucket's own pair", "d:dk\n" + bucket + ":id:key\n", "id", "key", ""},
		{"another bucket's pair", "other-1:o:ok\nid:key\n", "id", "key", ""},
		{"the name without the APPID", "b:id:key\n", "id", "key", ""},
		{"the full name wins", "b:o:ok\n" + bucket + ":id:key\nd:dk\n", "id", "key", ""},
		{"temporary key", "d:dk\n" + token + "2999-01-01T00:00:00\n", "tid", "tkey", "ttoken"},
	} {
		got, err := parsePasswd(strings.NewReader(tc.file), bucket)
		require.NoError(t, err, tc.name)
		require.Equal(t, cosapi.Credentials{SecretID: tc.id, SecretKey: tc.key, Token: tc.token}, got, tc.name)
	}
	for _, tc := range []struct{ name, file, want string }{
		{"empty", "", "has no pair for the bucket"},
		{"only others", "other-1:id:s3cret\n", "has no pair for the bucket"},
		{"blank", "id: s3cret\n", "line 1 holds a blank"},
		{"tab", "# c\nid:s3cret\t\n", "line 2 holds a blank"},
		{"section", "[default]\n", "line 1 begins with ["},
		{"one field", "s3cret\n", "is not [bucket:]SecretId:SecretKey"},
		{"four fields", "a:b:c:s3cret\n", "is not [bucket:]SecretId:SecretKey"},
		{"empty key", "id:\n", "is not [bucket:]SecretId:SecretKey"},
		{"two defaults", "a:s3cret\nb:s3cret\n", "line 2 is a second default pair"},
		{"two for one bucket", "x:a:s3cret\nx:b:s3cret\n", "second pair for the bucket x"},
		{"half a temporary key", "COSAccessKeyId=tid\nCOSSecretKey=s3cret\n", "has no COSAccessToken= line"},
		{"expired", token + "2020-01-01T00:00:00\n", "expired at 2020-01-01T00:00:00Z"},
		{"bad time", token + "tomorrow\n", "is not a UTC time"},
	} {
		_, err := parsePasswd(strings.NewReader(tc.file), bucket)
		require.ErrorContains(t, err, tc.want, tc.name)
		require.NotContains(t, err.Error(), "s3cret", tc.name)
	}
}

func TestTemporaryKeyExpires(t *testing.T) {
	p := passwd{token: map[string]string{"COSAccessKeyId": "i", "COSSecretKey": "k", "COSAccessToken": "t", "COSAccessTokenExpire": "2026-01-31T12:00:00"}}
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	_, err := p.temporary(noon.Add(-time.Second))
	require.NoError(t, err)
	_, err = p.temporary(noon)
	require.ErrorContains(t, err, "expired")
}

func TestPasswdFileMode(t *testing.T) {
	for _, tc := range []struct {
		path string
		mode os.FileMode
		want string // of the error; empty: allowed
	}{
		{"/home/u/.passwd-cosfs", 0o600, ""},
		{"/home/u/.passwd-cosfs", 0o400, ""},
		{"/home/u/.passwd-cosfs", 0o640, "chmod 0600 /home/u/.passwd-cosfs"},
		{"/home/u/.passwd-cosfs", 0o604, "chmod 0600"},
		{"/home/u/.passwd-cosfs", 0o700, "chmod 0600"},
		{etcPasswd, 0o640, ""},
		{etcPasswd, 0o660, "chmod 0640 /etc/passwd-cosfs"},
		{etcPasswd, 0o644, "chmod 0640"},
		{"/home/u", os.ModeDir | 0o700, "is not a regular file"},
	} {
		err := checkPasswdMode(tc.path, tc.mode)
		if tc.want == "" {
			require.NoError(t, err, tc)
			continue
		}
		require.ErrorContains(t, err, tc.want)
		require.Equal(t, exitDenied, asFailure(err).code)
	}
}

// write makes a credentials file.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestFindCredentialsOrder(t *testing.T) {
	home := t.TempDir()
	write(t, home, ".passwd-cosfs", "home:k\n")
	given := write(t, home, "given", "given:k\n")
	named := write(t, home, "named", "named:k\n")
	homeEnv := "HOME=" + home
	for _, tc := range []struct {
		name, passwdFile string
		env              []string
		id, origin       string
	}{
		{"given file", given, []string{homeEnv, "COS_SECRET_ID=env", "COS_SECRET_KEY=k"}, "given", given},
		{"environment", "", []string{homeEnv, "COS_SECRET_ID=env", "COS_SECRET_KEY=k", "COSACCESSKEYID=old", "COSSECRETACCESSKEY=k"}, "env", "COS_SECRET_ID"},
		{"old names", "", []string{homeEnv, "COSACCESSKEYID=old", "COSSECRETACCESSKEY=k"}, "old", "COSACCESSKEYID"},
		{"named file", "", []string{homeEnv, "COS_CREDENTIAL_FILE=" + named}, "named", named},
		{"home", "", []string{homeEnv}, "home", ".passwd-cosfs"},
	} {
		p := &program{env: tc.env}
		pair, err := p.findCredentials(tc.passwdFile, "b-1250000000")
		require.NoError(t, err, tc.name)
		require.Equal(t, tc.id, pair.SecretID, tc.name)
		require.Contains(t, pair.origin, tc.origin, tc.name)
	}
	pair, err := (&program{env: []string{"COS_SECRET_ID=i", "COS_SECRET_KEY=k", "COS_SESSION_TOKEN=t"}}).findCredentials("", "b-1")
	require.NoError(t, err)
	require.Equal(t, "t", pair.Token)
}

func TestCredentialErrors(t *testing.T) {
	empty := t.TempDir()
	open := write(t, empty, "open", "id:s3cret\n")
	require.NoError(t, os.Chmod(open, 0o644))
	for _, tc := range []struct {
		name, passwdFile string
		env              []string
		want             string
	}{
		{"half a pair: no key", "", []string{"COS_SECRET_ID=id"}, "COS_SECRET_KEY is not"},
		{"half a pair: no id", "", []string{"COSSECRETACCESSKEY=s3cret"}, "COSACCESSKEYID is not"},
		{"missing file", empty + "/none", nil, "no such file"},
		{"missing named file", "", []string{"COS_CREDENTIAL_FILE=" + empty + "/none"}, "no such file"},
		{"readable by all", open, nil, "chmod 0600"},
		{"nothing at all", "", []string{"HOME=" + empty}, "set COS_SECRET_ID and COS_SECRET_KEY"},
	} {
		_, err := (&program{env: tc.env}).findCredentials(tc.passwdFile, "b-1250000000")
		require.ErrorContains(t, err, tc.want, tc.name)
		require.Equal(t, exitDenied, asFailure(err).code, tc.name)
		require.NotContains(t, err.Error(), "s3cret")
	}
}
