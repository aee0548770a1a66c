package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// The single calls of a multipart upload, for programs that spread its parts
// over machines or over time. For files there is cosfs object upload.

func newUploadsStart(p *program, f *remoteFlags) *cobra.Command {
	var o putFlags
	cmd := leaf("start BUCKET:/KEY", "Begin a multipart upload and print its id", 1,
		p.onObject(f, func(ctx context.Context, r *remote, key string, _ []string) error {
			put, err := o.options()
			if err != nil {
				return err
			}
			guessType(&put.Attrs, key)
			id, err := r.client.StartUpload(ctx, key, put)
			if err != nil {
				return err
			}
			return r.show(struct {
				Bucket   string `json:"bucket"`
				Key      string `json:"key"`
				UploadID string `json:"upload_id"`
			}{r.place.bucket, key, id}, row{plainText(id)})
		}))
	cmd.Long = `Begin a multipart upload and print its id.

  id=$(cosfs bucket uploads start photos-1250000000:/film.mp4)
  cosfs bucket uploads put part1 photos-1250000000:/film.mp4 "$id" 1
  cosfs bucket uploads put part2 photos-1250000000:/film.mp4 "$id" 2
  cosfs bucket uploads complete photos-1250000000:/film.mp4 "$id"

Attributes, metadata and ACL of the object are those given here. Until it is
completed or aborted an upload costs storage and shows in no listing of objects.`
	o.register(cmd)
	return cmd
}

// partView is a part in JSON.
type partView struct {
	Number          int        `json:"number"`
	Size            int64      `json:"size"`
	ETag            string     `json:"etag"`
	CRC64           string     `json:"crc64,omitempty"` // decimal; JSON numbers have 53 bits
	LastModified    *time.Time `json:"last_modified,omitempty"`
	SourceVersionID string     `json:"source_version_id,omitempty"` // of a copied part
}

func viewPart(p cosapi.Part) partView {
	v := partView{Number: p.Number, Size: p.Size, ETag: p.ETag, LastModified: jsonTime(p.Modified), SourceVersionID: p.SourceVersionID}
	if p.HasCRC64 {
		v.CRC64 = strconv.FormatUint(p.CRC64, 10)
	}
	return v
}

// showPart prints what a write of a part made, in one line for people.
func (r *remote) showPart(p cosapi.Part) error {
	return r.show(viewPart(p), row{"part " + plain(p.Number), byteCount(p.Size), "ETag " + p.ETag})
}

// partNumber reads the number of a part.
func partNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > cosapi.MaxParts {
		return 0, fail(exitUsage, "%q is not the number of a part, 1 to %d", s, cosapi.MaxParts)
	}
	return n, nil
}

func newUploadsPut(p *program, f *remoteFlags) *cobra.Command {
	var o cosapi.PartOptions
	var keyFile string
	cmd := leaf("put FILE BUCKET:/KEY UPLOAD-ID NUMBER", "Send a file, or stdin (-), as one part of an open upload", 4,
		p.at(f, 1, true, func(ctx context.Context, r *remote, key string, args []string) (err error) {
			number, err := partNumber(args[2])
			if err != nil {
				return err
			}
			with := o
			if with.CustomerKey, err = readCustomerKey(keyFile); err != nil {
				return err
			}
			return r.putPart(ctx, args[0], key, args[1], number, with)
		}))
	cmd.Long = `Send a file, or stdin (-), as one part of an open upload.

Parts are numbered from 1 to 10000 and may be sent in any order and at once; a
number sent again replaces its part. A part has 1 MiB to 5 GiB, the last may be
smaller. The bytes are checked against the CRC64 of COS.`
	cmd.Flags().BoolVar(&o.ContentMD5, "content-md5", false, "let the service compare the MD5 before it stores anything")
	cmd.Flags().Int64Var(&o.TrafficLimit, "traffic-limit", 0, "`bit/s` the service takes at most, from 819200")
	cmd.Flags().StringVar(&keyFile, "customer-key-file", "", "`file` with the 32-byte key of SSE-C that the upload was started with")
	return cmd
}

func (r *remote) putPart(ctx context.Context, file, key, id string, number int, o cosapi.PartOptions) error {
	body, size, err := r.p.openBody(file)
	if err != nil {
		return err
	}
	defer discardClose(body)
	bar := r.progress(fmt.Sprintf("%s part %d", key, number), size)
	part, err := r.client.UploadPartWith(ctx, key, id, number, metered(body, size, bar), o)
	bar.finish(err)
	if err != nil {
		return err
	}
	return r.showPart(part)
}

// partSourceFlags select what a part is copied from.
type partSourceFlags struct {
	offset, length           int64
	region, versionID        string
	ifMatch, ifNoneMatch     string
	ifModified, ifUnmodified timeFlag
	keyFile                  string
}

func newUploadsCopy(p *program, f *remoteFlags) *cobra.Command {
	var o partSourceFlags
	cmd := leaf("copy BUCKET:/KEY BUCKET:/KEY UPLOAD-ID NUMBER", "Copy an object, or a range of it, into one part of an open upload", 4,
		p.at(f, 1, true, func(ctx context.Context, r *remote, key string, args []string) error {
			number, err := partNumber(args[2])
			if err != nil {
				return err
			}
			return r.copyPart(ctx, args[0], key, args[1], number, &o)
		}))
	cmd.Long = `Copy an object, or a range of it, into one part of an open upload, inside COS.

The first name is the source, the second the object to be. --region and
--endpoint are those of the second.`
	fs := cmd.Flags()
	fs.Int64Var(&o.offset, "offset", 0, "first `byte` of the source")
	fs.Int64Var(&o.length, "length", -1, "`bytes` from there on (default up to the end)")
	fs.StringVar(&o.region, "source-region", "", "`region` of the source's bucket (default the destination's)")
	fs.StringVar(&o.versionID, "source-version-id", "", "`id` of the source's version (default the latest)")
	fs.StringVar(&o.ifMatch, "source-if-match", "", "only if the source has this `ETag`")
	fs.StringVar(&o.ifNoneMatch, "source-if-none-match", "", "only if the source has another `ETag`")
	fs.Var(&o.ifModified, "source-if-modified-since", "only if the source changed after that `time`, RFC 3339")
	fs.Var(&o.ifUnmodified, "source-if-unmodified-since", "only if the source did not change after that `time`, RFC 3339")
	fs.StringVar(&o.keyFile, "source-customer-key-file", "", "`file` with the source's key of SSE-C")
	return cmd
}

// copyPart looks at the source first, as cp does: its size bounds the range
// and its ETag pins the version.
func (r *remote) copyPart(ctx context.Context, from, key, id string, number int, o *partSourceFlags) error {
	bucket, sourceKey, err := parseName(from, true)
	if err != nil {
		return err
	}
	customerKey, err := readCustomerKey(o.keyFile)
	if err != nil {
		return err
	}
	src, err := r.sourceObject(ctx, bucket, sourceKey, &cpFlags{
		sourceRegion: o.region, sourceVersionID: o.versionID, ifMatch: o.ifMatch, ifNoneMatch: o.ifNoneMatch,
		ifModified: o.ifModified, ifUnmodified: o.ifUnmodified,
	}, customerKey)
	if err != nil {
		return err
	}
	if o.offset < 0 || o.offset > src.Size || o.length >= 0 && o.length > src.Size-o.offset {
		return fail(exitUsage, "--offset %d and --length %d reach beyond the %d bytes of %s", o.offset, o.length, src.Size, from)
	}
	part, err := r.client.CopyPartFrom(ctx, key, id, number, src.Version, cosapi.Range{Off: o.offset, Len: o.length}, cosapi.CopySource{
		SourceBucket: bucket, SourceRegion: o.region, SourceVersionID: o.versionID, SourceCustomerKey: customerKey,
	})
	if err != nil {
		return err
	}
	return r.showPart(part)
}

func newUploadsComplete(p *program, f *remoteFlags) *cobra.Command {
	var forbid bool
	cmd := &cobra.Command{
		Use: "complete BUCKET:/KEY UPLOAD-ID [NUMBER:ETAG…]", Short: "Make the object out of the parts of an open upload",
		Args: rangeArgs(2, -1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.onObject(f, func(ctx context.Context, r *remote, key string, args []string) error {
			parts, err := r.partsToComplete(ctx, key, args[0], args[1:])
			if err != nil {
				return err
			}
			finish := r.client.CompleteUpload
			if forbid {
				finish = r.client.CompleteExclusive
			}
			object, err := finish(ctx, key, args[0], parts)
			if err != nil {
				return err
			}
			return r.showWritten(object)
		}),
	}
	cmd.Long = `Make the object out of the parts of an open upload.

All parts that COS has are taken, or those named, which must then have the ETags
given. Parts must be numbered from 1 without a gap; those not named are thrown
away.`
	cmd.Flags().BoolVar(&forbid, "forbid-overwrite", false, "fail when the object exists by now")
	return cmd
}

// partsToComplete are all parts of an upload, or those that are named.
func (r *remote) partsToComplete(ctx context.Context, key, id string, named []string) ([]cosapi.Part, error) {
	stored, err := r.client.Parts(ctx, key, id)
	if err != nil {
		return nil, err
	}
	if len(named) == 0 {
		if len(stored) == 0 {
			return nil, fail(exitConflict, "the upload %s has no parts yet: send them with cosfs bucket uploads put", id)
		}
		return stored, nil
	}
	byNumber := make(map[int]cosapi.Part, len(stored))
	for _, part := range stored {
		byNumber[part.Number] = part
	}
	parts := make([]cosapi.Part, len(named))
	for i, name := range named {
		digits, etag, ok := strings.Cut(name, ":")
		number, err := partNumber(digits)
		if !ok || err != nil || etag == "" {
			return nil, fail(exitUsage, "%q is not NUMBER:ETAG as cosfs bucket uploads parts shows them", name)
		}
		part, there := byNumber[number]
		if etag = strings.Trim(etag, `"`); !there || part.ETag != etag {
			return nil, fail(exitConflict, "the upload has no part %d with the ETag %s: cosfs bucket uploads parts shows those it has", number, etag)
		}
		parts[i] = part
	}
	return parts, nil
}
