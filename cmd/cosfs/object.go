package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

func newObject(p *program) *cobra.Command {
	var f remoteFlags
	cmd := group("object", "List, read, write, copy, share and remove objects",
		newObjectLs(p, &f), newObjectHead(p, &f), newObjectGet(p, &f), newObjectPut(p, &f),
		newObjectUpload(p, &f), newObjectDownload(p, &f), newObjectRm(p, &f), newObjectCp(p, &f),
		newACL(p, &f, "BUCKET:/KEY", true), newObjectAppend(p, &f), newObjectRestore(p, &f),
		newObjectPresign(p, &f), newObjectSign(p, &f), newObjectTagging(p, &f),
	)
	cmd.Long = `List, read, write, copy, share and remove objects.

An object is named as the source of a mount is: photos-1250000000:/2026/a.jpg is
the key 2026/a.jpg. Where something comes from stands before where it goes to.
Transfers show a progress bar with rate and time left when stderr is a terminal.

` + callExitCodesHelp
	f.register(cmd.PersistentFlags())
	return cmd
}

// objectView is an object in JSON.
type objectView struct {
	Bucket             string            `json:"bucket"`
	Key                string            `json:"key"`
	Size               int64             `json:"size"`
	ETag               string            `json:"etag,omitempty"`
	CRC64              string            `json:"crc64,omitempty"` // decimal; JSON numbers have 53 bits
	LastModified       *time.Time        `json:"last_modified,omitempty"`
	VersionID          string            `json:"version_id,omitempty"`
	StorageClass       string            `json:"storage_class,omitempty"`
	Type               string            `json:"type,omitempty"`
	Restore            string            `json:"restore,omitempty"`
	Expiration         string            `json:"expiration,omitempty"`
	ContentType        string            `json:"content_type,omitempty"`
	CacheControl       string            `json:"cache_control,omitempty"`
	ContentDisposition string            `json:"content_disposition,omitempty"`
	ContentEncoding    string            `json:"content_encoding,omitempty"`
	ContentLanguage    string            `json:"content_language,omitempty"`
	Expires            string            `json:"expires,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
	Encryption         string            `json:"encryption,omitempty"`
	KMSKeyID           string            `json:"kms_key_id,omitempty"`
}

func (r *remote) viewObject(o cosapi.Object) objectView {
	v := objectView{
		Bucket: r.place.bucket, Key: o.Key, Size: o.Size, ETag: o.ETag, LastModified: jsonTime(o.Modified),
		VersionID: o.VersionID, StorageClass: o.StorageClass, Type: o.Type, Restore: o.Restore, Expiration: o.Expiration,
		ContentType: o.ContentType, CacheControl: o.CacheControl, ContentDisposition: o.ContentDisposition,
		ContentEncoding: o.ContentEncoding, ContentLanguage: o.ContentLanguage, Expires: o.Expires,
		Metadata: o.Meta, Encryption: o.Encryption.Algorithm, KMSKeyID: o.Encryption.KMSKeyID,
	}
	if o.HasCRC64 {
		v.CRC64 = strconv.FormatUint(o.CRC64, 10)
	}
	return v
}

// showObject prints all that is known of an object.
func (r *remote) showObject(o cosapi.Object) error {
	v := r.viewObject(o)
	rows := []row{{"Key", v.Key}, {"Size", v.Size}, {"ETag", v.ETag}, {"CRC64", v.CRC64}, {"Modified", o.Modified}}
	for _, opt := range []row{
		{"Version id", v.VersionID}, {"Storage class", v.StorageClass}, {"Type", v.Type},
		{"Restore", v.Restore}, {"Expiration", v.Expiration},
	} {
		if opt[1] != "" {
			rows = append(rows, opt)
		}
	}
	return r.show(v, append(rows, attrRows(o.Attrs)...)...)
}

// showWritten prints what a write made, in one line for people.
func (r *remote) showWritten(o cosapi.Object) error {
	return r.show(r.viewObject(o), row{r.place.bucket + ":/" + showKey(o.Key), byteCount(o.Size), "ETag " + o.ETag})
}
