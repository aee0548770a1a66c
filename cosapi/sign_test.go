package cosapi

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// signVector is one entry of testdata/sign-vectors.json, computed with
// Tencent's own Go and Python SDKs.
type signVector struct {
	Name  string
	Input struct {
		SecretID  string `json:"secret_id"`
		SecretKey string `json:"secret_key"`
		Token     string `json:"security_token"`
		Start     int64  `json:"sign_start"`
		End       int64  `json:"sign_end"`
		Method    string
		Host      string
		Path      string
		Params    [][2]string
		Headers   [][2]string
		Carrier   string
		SignHost  bool `json:"sign_host"`
	}
	RequestTarget string `json:"request_target"`
	PresignedURL  string `json:"presigned_url"`
	Expect        struct {
		KeyTime        string `json:"key_time"`
		SignKey        string `json:"sign_key"`
		URLParamList   string `json:"url_param_list"`
		HTTPParameters string `json:"http_parameters"`
		HeaderList     string `json:"header_list"`
		HTTPHeaders    string `json:"http_headers"`
		HTTPString     string `json:"http_string"`
		StringToSign   string `json:"string_to_sign"`
		Signature      string
		Authorization  string
	}
}

func loadSignVectors(t *testing.T) []signVector {
	t.Helper()
	data, err := os.ReadFile("testdata/sign-vectors.json")
	require.NoError(t, err)
	var vectors []signVector
	require.NoError(t, json.Unmarshal(data, &vectors))
	require.Len(t, vectors, 17)
	return vectors
}

// signInput fills the input as a verifier does: it signs exactly the headers
// that the vector's list names.
func (v signVector) signInput() SignInput {
	in := SignInput{
		Method:      v.Input.Method,
		Path:        v.Input.Path,
		Credentials: Credentials{SecretID: v.Input.SecretID, SecretKey: v.Input.SecretKey, Token: v.Input.Token},
		KeyTime:     FormatKeyTime(time.Unix(v.Input.Start, 0), time.Unix(v.Input.End, 0)),
	}
	for _, p := range v.Input.Params {
		in.Params = append(in.Params, Pair{p[0], p[1]})
	}
	headers := append([][2]string{{"Host", v.Input.Host}}, v.Input.Headers...)
	if v.Input.Token != "" && v.Input.Carrier == "query" {
		in.Params = append(in.Params, Pair{"x-cos-security-token", v.Input.Token})
	} else if v.Input.Token != "" {
		headers = append(headers, [2]string{"x-cos-security-token", v.Input.Token})
	}
	signed := strings.Split(v.Expect.HeaderList, ";")
	for _, h := range headers {
		if slices.Contains(signed, strings.ToLower(h[0])) {
			in.Headers = append(in.Headers, Pair{h[0], h[1]})
		}
	}
	return in
}

func TestSignVectors(t *testing.T) {
	for _, v := range loadSignVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			in := v.signInput()
			got := Sign(in)
			e := v.Expect
			require.Equal(t, SignTrace{
				KeyTime: e.KeyTime, SignKey: e.SignKey,
				URLParamList: e.URLParamList, HTTPParameters: e.HTTPParameters,
				HeaderList: e.HeaderList, HTTPHeaders: e.HTTPHeaders, HTTPString: e.HTTPString,
				StringToSign: e.StringToSign, Signature: e.Signature, Authorization: e.Authorization,
			}, got)
			require.Equal(t, v.RequestTarget, v.target(in, got))
		})
	}
}

// target is the escaped path and query as the client sends them.
func (v signVector) target(in SignInput, trace SignTrace) string {
	target := escape(in.Path, true)
	query := encodeQuery(in.Params)
	if v.Input.Carrier == "query" {
		query += "&" + trace.Query(in.Credentials.SecretID)
	}
	if query != "" {
		target += "?" + query
	}
	return target
}

func TestSignDoesNotDependOnOrder(t *testing.T) {
	for _, v := range loadSignVectors(t) {
		in := v.signInput()
		slices.Reverse(in.Params)
		slices.Reverse(in.Headers)
		require.Equal(t, v.Expect.Authorization, Sign(in).Authorization, v.Name)
	}
}

func TestSignKeepsRepeatedNames(t *testing.T) {
	trace := Sign(SignInput{Params: []Pair{{"tag", "b"}, {"tag", "a"}}})
	require.Equal(t, "tag;tag", trace.URLParamList)
	require.Equal(t, "tag=a&tag=b", trace.HTTPParameters)
}

func TestCredentialsNeverPrintSecrets(t *testing.T) {
	c := Credentials{SecretID: "AKIDx", SecretKey: "hush", Token: "tok-en"}
	for _, text := range []string{c.String(), c.GoString(), c.LogValue().String()} {
		require.Contains(t, text, "AKIDx")
		require.NotContains(t, text, "hush")
		require.NotContains(t, text, "tok-en")
	}
	client, err := New(Config{Region: "ap-guangzhou", Bucket: testBucket, Credentials: Static(c)})
	require.NoError(t, err)
	for _, format := range []string{"%v", "%+v", "%#v"} {
		text := fmt.Sprintf(format+format+format, c, client.cfg, *client)
		require.NotContains(t, text, "hush")
		require.NotContains(t, text, "tok-en")
	}
	require.Equal(t, "anonymous", Credentials{}.String())
	require.True(t, Credentials{}.Anonymous())
}
