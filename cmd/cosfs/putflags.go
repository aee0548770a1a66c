package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cosfs/cosapi"
)

// grantFlags are the permissions of a new bucket or object, or of a new ACL.
type grantFlags struct {
	acl                                  string
	full, read, write, readACP, writeACP []string
}

func (g *grantFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&g.acl, "acl", "", "canned `ACL`: private, public-read, … (default the service's)")
	const who = "`account` that gets this permission: OwnerUin or OwnerUin/SubUin; repeatable"
	f.StringSliceVar(&g.full, "grant-full-control", nil, who)
	f.StringSliceVar(&g.read, "grant-read", nil, who)
	f.StringSliceVar(&g.write, "grant-write", nil, who)
	f.StringSliceVar(&g.readACP, "grant-read-acp", nil, who)
	f.StringSliceVar(&g.writeACP, "grant-write-acp", nil, who)
	completeWords(cmd, "acl", append([]string{"public-read-write"}, cannedACLs[1:]...)...)
}

func (g *grantFlags) grants() cosapi.Grants {
	to := func(accounts []string) string {
		if len(accounts) == 0 {
			return ""
		}
		return cosapi.GrantTo(accounts...)
	}
	return cosapi.Grants{
		FullControl: to(g.full), Read: to(g.read), Write: to(g.write),
		ReadACP: to(g.readACP), WriteACP: to(g.writeACP),
	}
}

// putFlags are the choices of a write of content (cos-api.md 3.4.1).
type putFlags struct {
	grantFlags
	attrs           cosapi.Attrs
	meta, tags      []string
	headers         []string
	keyFile         string
	trafficLimit    int64
	forbidOverwrite bool
	contentMD5      bool
}

func (o *putFlags) register(cmd *cobra.Command) {
	o.grantFlags.register(cmd)
	f := cmd.Flags()
	o.registerAttrs(f)
	f.StringArrayVar(&o.tags, "tag", nil, "`key=value` label of the object; repeatable, at most 10")
	f.StringArrayVar(&o.headers, "header", nil, "`Name: value` sent as it is; repeatable")
	f.StringVar(&o.keyFile, "customer-key-file", "", "`file` with the 32-byte key of SSE-C, raw or in base64")
	f.Int64Var(&o.trafficLimit, "traffic-limit", 0, "`bit/s` the service sends or takes at most, from 819200")
	f.BoolVar(&o.forbidOverwrite, "forbid-overwrite", false, "fail when the object exists")
	completeWords(cmd, "storage-class", "STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ARCHIVE", "DEEP_ARCHIVE",
		"MAZ_STANDARD", "MAZ_STANDARD_IA", "MAZ_INTELLIGENT_TIERING")
	completeWords(cmd, "encryption", "AES256", "cos/kms")
}

func (o *putFlags) registerAttrs(f *pflag.FlagSet) {
	a := &o.attrs
	f.StringVar(&a.StorageClass, "storage-class", "", "storage `class` (default STANDARD)")
	f.StringVar(&a.ContentType, "content-type", "", "media `type` (default found from the name, else application/octet-stream)")
	f.StringVar(&a.CacheControl, "cache-control", "", "Cache-Control of the object")
	f.StringVar(&a.ContentDisposition, "content-disposition", "", "Content-Disposition of the object")
	f.StringVar(&a.ContentEncoding, "content-encoding", "", "Content-Encoding of the object")
	f.StringVar(&a.ContentLanguage, "content-language", "", "Content-Language of the object")
	f.StringVar(&a.Expires, "expires", "", "Expires of the object, an HTTP date")
	f.StringArrayVar(&o.meta, "meta", nil, "`name=value` of user metadata, without x-cos-meta-; repeatable")
	f.StringVar(&a.Encryption.Algorithm, "encryption", "", "server-side encryption: AES256 or cos/kms")
	f.StringVar(&a.Encryption.KMSKeyID, "kms-key-id", "", "`id` of the key, with --encryption cos/kms")
	f.StringVar(&a.Encryption.Context, "kms-context", "", "`base64` of the encryption context, with --encryption cos/kms")
}

// options are the flags as the client takes them.
func (o *putFlags) options() (cosapi.PutOptions, error) {
	put := cosapi.PutOptions{
		Attrs: o.attrs, ACL: o.acl, Grants: o.grants(), ForbidOverwrite: o.forbidOverwrite,
		ContentMD5: o.contentMD5, TrafficLimit: o.trafficLimit,
	}
	var err error
	if put.Meta, err = pairMap("--meta", o.meta); err != nil {
		return put, err
	}
	if put.Tags, err = parseTags(o.tags); err != nil {
		return put, err
	}
	if put.Header, err = parseHeaders(o.headers); err != nil {
		return put, err
	}
	put.Encryption.CustomerKey, err = readCustomerKey(o.keyFile)
	return put, err
}

// pairMap reads name=value flags.
func pairMap(flag string, pairs []string) (map[string]string, error) {
	m := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fail(exitUsage, "%s %q is not name=value", flag, pair)
		}
		m[strings.ToLower(name)] = value
	}
	if len(m) == 0 {
		return nil, nil
	}
	return m, nil
}

// parseTags reads --tag key=value, in the order given.
func parseTags(pairs []string) ([]cosapi.Tag, error) {
	var tags []cosapi.Tag
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fail(exitUsage, "--tag %q is not key=value", pair)
		}
		tags = append(tags, cosapi.Tag{Key: key, Value: value})
	}
	return tags, nil
}

// parseHeaders reads --header "Name: value". A value may be secret, so only
// the name is repeated in an error.
func parseHeaders(lines []string) (http.Header, error) {
	var h http.Header
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fail(exitUsage, "a --header is not of the form 'Name: value'")
		}
		if strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "x-cos-security-token") {
			return nil, fail(exitUsage, "--header %s would show a key in the list of processes: use COS_SECRET_ID and COS_SECRET_KEY", name)
		}
		if h == nil {
			h = http.Header{}
		}
		h.Add(name, strings.TrimSpace(value))
	}
	return h, nil
}

// readCustomerKey reads the key of SSE-C from a file, because an argument is
// seen by every user of the machine. No name is no key.
func readCustomerKey(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fail(exitUsage, "--customer-key-file: %w", err)
	}
	if len(raw) == 32 {
		return raw, nil
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(key) != 32 {
		return nil, fail(exitUsage, "--customer-key-file %s holds neither 32 bytes nor their base64", file)
	}
	return key, nil
}

// attrRows are the attributes that an object has, as lines of a table.
func attrRows(a cosapi.Attrs) []row {
	var rows []row
	for _, r := range []row{
		{"Content-Type", a.ContentType}, {"Cache-Control", a.CacheControl}, {"Content-Disposition", a.ContentDisposition},
		{"Content-Encoding", a.ContentEncoding}, {"Content-Language", a.ContentLanguage}, {"Expires", a.Expires},
		{"Encryption", a.Encryption.Algorithm}, {"KMS key", a.Encryption.KMSKeyID},
	} {
		if r[1] != "" {
			rows = append(rows, r)
		}
	}
	for _, name := range sortedKeys(a.Meta) {
		rows = append(rows, row{fmt.Sprintf("x-cos-meta-%s", name), a.Meta[name]})
	}
	return rows
}

// tagsOrFile are the two ways of giving tags: --tag, or a document.
func (r *remote) tagsOrFile(flags, args []string) ([]cosapi.Tag, error) {
	if (len(flags) > 0) == (len(args) > 0) {
		return nil, fail(exitUsage, "tags are given by --tag key=value or by a FILE (- is stdin), exactly one of them")
	}
	if len(flags) > 0 {
		return parseTags(flags)
	}
	raw, err := r.p.readDocument(args[0])
	if err != nil {
		return nil, fail(exitUsage, "%w; single tags are given by a flag, as in --tag key=value", err)
	}
	return decodeTags(raw)
}
