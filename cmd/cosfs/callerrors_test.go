package main

import (
	"context"
	"fmt"
	iofs "io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// Every kind of error has its exit code and a sentence that names the thing.
// Those that a test server can bring about are in TestCallFailures too.
func TestSentenceOfEveryKind(t *testing.T) {
	p := place{bucket: "b-1", endpoint: "https://cos.example", origin: "the environment"}
	for kind, want := range map[cosapi.Kind]struct {
		code int
		text string
	}{
		cosapi.Other:       {exitFailed, "PutObject of b-1:/k failed: Odd: told"},
		cosapi.NotFound:    {exitNotFound, "b-1:/k does not exist"},
		cosapi.NoBucket:    {exitNotFound, "the bucket b-1 does not exist"},
		cosapi.NoUpload:    {exitNotFound, "b-1:/k has no such upload"},
		cosapi.NotSet:      {exitNotFound, "b-1:/k has none set"},
		cosapi.Denied:      {exitDenied, "PutObject of b-1:/k is denied to the key from the environment"},
		cosapi.Skewed:      {exitClock, "the clock of this machine"},
		cosapi.Exists:      {exitConflict, "b-1:/k exists already"},
		cosapi.NotEmpty:    {exitConflict, "is not empty"},
		cosapi.Changed:     {exitConflict, "b-1:/k is not the version"},
		cosapi.Invalid:     {exitUsage, "b-1:/k: Odd: told"},
		cosapi.NameTooLong: {exitUsage, "b-1:/k: Odd: told"},
		cosapi.TooLarge:    {exitUsage, "b-1:/k: Odd: told"},
		cosapi.NoSpace:     {exitConflict, "would exceed a limit"},
		cosapi.OutOfRange:  {exitUsage, "b-1:/k: Odd: told"},
		cosapi.Archived:    {exitConflict, "restored first"},
		cosapi.InProgress:  {exitConflict, "being restored already"},
		cosapi.Locked:      {exitConflict, "is locked"},
		cosapi.Unsupported: {exitFailed, "https://cos.example does not offer PutObject here"},
		cosapi.Throttled:   {exitUnreachable, "https://cos.example answers with an error"},
		cosapi.Unavailable: {exitUnreachable, "https://cos.example answers with an error"},
		cosapi.Timeout:     {exitUnreachable, "https://cos.example answers with an error"},
		cosapi.Canceled:    {exitFailed, "interrupted: PutObject of b-1:/k may or may not be done"},
		cosapi.Corrupt:     {exitFailed, "the bytes of b-1:/k and their checksum do not agree"},
		cosapi.NotModified: {exitConflict, "b-1:/k has not changed"},
	} {
		err := fmt.Errorf("around: %w", &cosapi.Error{Op: "PutObject", Key: "k", Kind: kind, Status: 400, Code: "Odd", Message: "told", RequestID: "r1"})
		explained := explainCall(err, p)
		require.Equal(t, want.code, asFailure(explained).code, kind)
		require.Contains(t, explained.Error(), want.text, kind)
		require.Contains(t, explained.Error(), "[COS: Odd, request r1]", kind)
		require.ErrorIs(t, explained, kind, "the cause is kept")
		require.Equal(t, explained, explainCall(explained, p), "a sentence is made once")
	}
}

func TestSentenceOfWhatTheClientFound(t *testing.T) {
	p := place{bucket: "b-1"}
	changed := explainCall(&cosapi.Error{Op: "Upload", Key: "k", Kind: cosapi.Changed, Message: "the file was changed meanwhile"}, p)
	require.Equal(t, "b-1:/k: the file was changed meanwhile", changed.Error())
	ended := explainCall(&cosapi.Error{Op: "UploadDir", Key: "k", Kind: cosapi.Canceled}, p)
	require.Contains(t, ended.Error(), "the same command goes on with b-1:/k")
	require.Equal(t, "interrupted", explainCall(context.Canceled, p).Error())
	_, err := os.Open("/nonexistent/file")
	require.Contains(t, explainCall(err, p).Error(), "/nonexistent/file: no such file or directory: check the path")
	require.Contains(t, explainCall(&iofs.PathError{Op: "open", Path: "/x", Err: iofs.ErrPermission}, p).Error(), "check who may use it")
}
