package cosapi

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

// checkSent compares what COS stored with what was sent, and gives its CRC64.
func (c *Client) checkSent(r *request, a *answer, e Encryption) (uint64, error) {
	sent, err := r.body.checksum()
	if err != nil {
		return 0, bodyError(r, err)
	}
	stored, ok := readCRC(a.header)
	if ok && stored == sent {
		return sent, nil
	}
	if ok {
		return 0, corrupt(r.op, r.key, a, "CRC64 %d was sent, %d is stored", sent, stored)
	}
	c.warnNoCRC(a)
	return sent, checkMD5(r, a, e)
}

// checkMD5 is the check left when a gateway dropped the CRC64: an ETag that
// is the MD5 of the content. With the customer's or KMS's keys it is not one.
func checkMD5(r *request, a *answer, e Encryption) error {
	etag, err := hex.DecodeString(unquote(a.header.Get("ETag")))
	if err != nil || len(etag) != md5.Size || len(e.CustomerKey) > 0 || e.Algorithm == "cos/kms" {
		return nil
	}
	sum, err := r.body.md5()
	if err != nil {
		return bodyError(r, err)
	}
	if digest(etag) != sum {
		return corrupt(r.op, r.key, a, "MD5 %x was sent, %x is stored", sum, etag)
	}
	return nil
}

// warnNoCRC logs once that the endpoint is no plain COS.
func (c *Client) warnNoCRC(a *answer) {
	if !c.shared.warnedCRC.Swap(true) {
		c.cfg.Log.Warn("the endpoint does not answer "+crcHeader+"; contents are checked by their MD5 where there is one",
			"endpoint", c.endpoint.host, "request", a.header.Get("x-cos-request-id"))
	}
}

func corrupt(op, key string, a *answer, format string, args ...any) *Error {
	return &Error{Op: op, Key: key, Kind: Corrupt, Status: a.status, Message: fmt.Sprintf(format, args...),
		RequestID: a.header.Get("x-cos-request-id")}
}

// digest is an MD5.
type digest string

func (d digest) base64() string { return base64.StdEncoding.EncodeToString([]byte(d)) }

// md5 reads the whole body once more.
func (b *sendBody) md5() (digest, error) {
	h := md5.New()
	if b.src != nil {
		if _, err := b.src.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
		if _, err := io.CopyN(h, b.src, b.size); err != nil {
			return "", err
		}
	}
	return digest(h.Sum(nil)), nil
}
