package costest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cosfs/cosapi"
)

// What a plain PUT takes, Initiate, Copy and PUT acl take too, each by code of
// its own: the tests beside this one try some parameters, these the others.

var (
	rawAttrs = []string{"Content-Type: a/b", "Cache-Control: c", "Content-Disposition: d", "Content-Encoding: e", "Content-Language: f",
		"Expires: Wed, 21 Oct 2037 07:28:00 GMT", "x-cos-meta-new: h"}
	rawGrants = []string{`x-cos-grant-full-control: id="100000000005"`, `x-cos-grant-read: id="100000000006",id="100000000007"`,
		`x-cos-grant-write: id="100000000008"`}
)

// hasRaw checks an object that was made with rawAttrs and rawGrants.
func (r *raw) hasRaw(key string) {
	r.Helper()
	h := r.ok(200, "HEAD", key, "").header
	for _, line := range rawAttrs {
		name, want, _ := strings.Cut(line, ": ")
		r.Equal(want, h.Get(name), "%s of %s", name, key)
	}
	r.hasRawGrants(key)
}

func (r *raw) hasRawGrants(key string) {
	r.Helper()
	a := r.ok(200, "GET", key+"?acl", "")
	var granted []string
	ids := a.all("AccessControlList/Grant/Grantee/ID")
	for i, permission := range a.all("AccessControlList/Grant/Permission") {
		granted = append(granted, permission+" "+ids[i][strings.LastIndexByte(ids[i], '/')+1:])
	}
	r.Equal([]string{"FULL_CONTROL 100000000001", "FULL_CONTROL 100000000005", "READ 100000000006", "READ 100000000007", "WRITE 100000000008"}, granted, key)
}

//rows:server H2-H4 H6-H11 H15 O3 O40 O64 O73 O75 B37
func TestRawAttributesEverywhere(t *testing.T) {
	r := newRaw(t)
	all := append(append([]string{}, rawAttrs...), rawGrants...)
	r.ok(200, "PUT", "/put", "x", all...)
	r.hasRaw("/put")
	id := r.ok(200, "POST", "/parts?uploads", "", all...).text("UploadId")
	etag := r.ok(200, "PUT", "/parts?partNumber=1&uploadId="+id, "x").header.Get("ETag")
	r.ok(200, "POST", "/parts?uploadId="+id, completion(etag))
	r.hasRaw("/parts")
	r.ok(200, "PUT", "/copy", "", append([]string{"x-cos-copy-source: /" + Bucket + "/put", "x-cos-metadata-directive: Replaced"}, all...)...)
	r.hasRaw("/copy")
	r.ok(200, "POST", "/log?append&position=0", "x", all...)
	r.hasRaw("/log")
	for _, target := range []string{"", "/plain"} { // the bucket and an object
		if target != "" {
			r.ok(200, "PUT", target, "x")
		}
		r.ok(200, "PUT", target+"?acl", "", rawGrants...)
		r.hasRawGrants(target)
	}
}

// cut sends what stands behind the signed head of a PUT, and no more.
func (r *raw) cut(target, rest string) (status string) {
	r.Helper()
	req := r.request("PUT", "/"+Bucket+target, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.s.URL, "http://"))
	r.NoError(err)
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n%s", req.URL.RequestURI(), req.Host, r.sign(req, nowFor(r)).Authorization, rest)
	r.NoError(conn.(*net.TCPConn).CloseWrite())
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	r.NoError(err)
	defer resp.Body.Close()
	return fmt.Sprint(resp.StatusCode)
}

//rows:server H12 H16 O46 O49 O52
func TestRawPartBodies(t *testing.T) {
	r := newRaw(t)
	id := r.ok(200, "POST", "/k?uploads", "").text("UploadId")
	part := func(n int) string { return fmt.Sprintf("/k?partNumber=%d&uploadId=%s", n, id) }
	r.Equal("411", r.cut(part(1), "\r\n"))
	r.Equal("400", r.cut(part(1), "Content-Length: 10\r\n\r\nshort"))
	r.Empty(r.ok(200, "GET", "/k?uploadId="+id, "").all("Part/PartNumber"), "a short part is not stored")
	r.Equal("411", r.cut(part(2), "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "chunks are for PUT Object only (cos-api.md 3.4.1)")
	r.ok(200, "PUT", part(2), "hello")
	r.refused(400, "InvalidArgument", "PUT", part(1), "x", "x-cos-traffic-limit: 819199")
	r.ok(200, "PUT", part(1), "x", "x-cos-traffic-limit: 819200")
	a := r.ok(200, "GET", "/k?max-parts=5000&uploadId="+id, "")
	r.Equal("1000", a.text("MaxParts"))
	r.Equal([]string{"1", "5"}, a.all("Part/Size"))
}

//rows:server B64 B65 B69
func TestRawLifecycleDates(t *testing.T) {
	clock := newTimer()
	r := newRaw(t, WithNow(clock.now))
	china := time.FixedZone("", 8*3600)
	day := func(n int) time.Time { return clock.t.In(china).Truncate(time.Hour).AddDate(0, 0, n) }
	midnight := func(t time.Time) string { return t.Format("2006-01-02") + "T00:00:00+08:00" }
	doc := "<LifecycleConfiguration>" +
		"<Rule><ID>cool</ID><Filter><Prefix>a/</Prefix></Filter><Status>Enabled</Status><Transition><Date>" + midnight(day(2)) +
		"</Date><StorageClass>Standard_IA</StorageClass></Transition></Rule>" +
		"<Rule><ID>end</ID><Filter><Prefix>b/</Prefix></Filter><Status>Enabled</Status><Expiration><Date>" + midnight(day(4)) + "</Date></Expiration></Rule>" +
		"<Rule><ID>off</ID><Filter><Prefix>c/</Prefix></Filter><Status>Disabled</Status><Expiration><Date>" + midnight(day(1)) + "</Date></Expiration></Rule>" +
		"</LifecycleConfiguration>"
	r.document(200, "PUT", "?lifecycle", doc)
	r.Equal([]string{midnight(day(2))}, r.ok(200, "GET", "?lifecycle", "").all("Rule/Transition/Date"))
	for _, key := range []string{"/a/k", "/b/k", "/c/k"} {
		r.ok(200, "PUT", key, "x")
	}
	r.applyLifecycle()
	r.Empty(r.ok(200, "HEAD", "/a/k", "").header.Get("x-cos-storage-class"), "not yet")
	r.Contains(r.ok(200, "HEAD", "/b/k", "").header.Get("x-cos-expiration"), `rule-id="end"`)
	clock.day(3)
	r.applyLifecycle()
	r.Equal("STANDARD_IA", r.ok(200, "HEAD", "/a/k", "").header.Get("x-cos-storage-class"))
	r.ok(200, "GET", "/b/k", "")
	clock.day(2)
	r.applyLifecycle()
	r.refused(404, "NoSuchKey", "GET", "/b/k", "")
	r.ok(200, "GET", "/c/k", "")
}

//rows:server B47 B83 B85
func TestRawRulesWithoutNames(t *testing.T) {
	r := newRaw(t)
	r.document(200, "PUT", "?cors", "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>")
	r.Empty(strings.Join(r.ok(200, "GET", "?cors", "").all("CORSRule/ID"), ""), "no ID is made")
	r.document(200, "PUT", "?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	r.document(200, "PUT", "?replication", "<ReplicationConfiguration><Role>"+owner+"</Role><Rule><Status>Disabled</Status><Prefix/>"+
		"<Destination><Bucket>qcs::cos:ap-shanghai::b-1250000000</Bucket><StorageClass>STANDARD</StorageClass></Destination></Rule></ReplicationConfiguration>")
	r.has(r.ok(200, "GET", "?replication", ""), "ReplicationConfiguration", "Rule/Status=Disabled", "Rule/Destination/StorageClass=STANDARD")
	r.Empty(r.ok(200, "GET", "?replication", "").text("Rule/Prefix"))
}

//rows:server X9
func TestRawCustomerKeys(t *testing.T) {
	r := newRaw(t)
	with := func(encoded, key string) []string {
		return []string{"x-cos-server-side-encryption-customer-algorithm: AES256", "x-cos-server-side-encryption-customer-key: " + encoded,
			"x-cos-server-side-encryption-customer-key-MD5: " + strings.TrimPrefix(md5Of(key), "Content-MD5: ")}
	}
	own := with("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=", strings.Repeat("k", 32))
	other := with("eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=", strings.Repeat("x", 32))
	r.ok(200, "PUT", "/own", "secret", own...)
	for _, method := range []string{"GET", "HEAD"} {
		r.ok(200, method, "/own", "", own...)
		r.GreaterOrEqual(r.do(method, "/own", "", other...).status, 400, "%s with another key", method)
		r.Equal(400, r.do(method, "/own", "").status, "%s without a key", method)
	}
	r.GreaterOrEqual(r.as(cosapi.Credentials{}).do("GET", "/own", "", own...).status, 400, "the key is no right to read")
}
