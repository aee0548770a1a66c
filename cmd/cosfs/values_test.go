package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestByteSize(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want byteSize
		out  string
	}{
		{"0", 0, ""},
		{"1", 1, "1"},
		{"1000", 1000, "1000"},
		{"1k", 1024, "1KiB"},
		{"5B", 5, "5"},
		{"8MiB", 8 << 20, "8MiB"},
		{"8mb", 8 << 20, "8MiB"},
		{"1536M", 1536 << 20, "1610612736"},
		{"10g", 10 << 30, "10GiB"},
		{"1024G", 1 << 40, "1TiB"},
		{"7T", 7 << 40, "7TiB"},
	} {
		var b byteSize
		require.NoError(t, b.Set(tc.in), tc.in)
		require.Equal(t, tc.want, b)
		require.Equal(t, tc.out, b.String())
	}
	for _, bad := range []string{"", "M", "-1", "1X", "1.5G", "8MM", "9999999T", "1 G", "1iB"} {
		require.ErrorContains(t, new(byteSize).Set(bad), "is not a size", bad)
	}
}

func TestPermBits(t *testing.T) {
	for in, want := range map[string]permBits{"0": 0, "644": 0o644, "0755": 0o755, "0o700": 0o700, "777": 0o777} {
		var m permBits
		require.NoError(t, m.Set(in))
		require.Equal(t, want, m)
	}
	for _, bad := range []string{"", "8", "1000", "rw", "-1"} {
		require.ErrorContains(t, new(permBits).Set(bad), "is not a mode", bad)
	}
}

func TestParseSource(t *testing.T) {
	for in, want := range map[string]source{
		"b-1250000000":            {bucket: "b-1250000000"},
		"my-b-1250000000":         {bucket: "my-b-1250000000"},
		"b-1250000000:/":          {bucket: "b-1250000000"},
		"b-1250000000:/dir":       {bucket: "b-1250000000", prefix: "dir/"},
		"b-1250000000:/dir//":     {bucket: "b-1250000000", prefix: "dir/"},
		"b-1250000000:/目录/a b":    {bucket: "b-1250000000", prefix: "目录/a b/"},
		"1250000000:b":            {bucket: "b-1250000000"},
		"1250000000:b:/dir/below": {bucket: "b-1250000000", prefix: "dir/below/"},
	} {
		got, err := parseSource(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "bucket", "B_x-1250000000", "a/b-1250000000", "b-1250000000:dir", "https://b-1250000000.cos", "b-"} {
		_, err := parseSource(bad)
		require.Error(t, err, bad)
		require.Equal(t, exitUsage, asFailure(err).code)
	}
	s, err := parseSource("1250000000:b:/dir/")
	require.NoError(t, err)
	require.Equal(t, "b-1250000000:/dir", s.String())
	s.prefix = ""
	require.Equal(t, "b-1250000000", s.String())
}
