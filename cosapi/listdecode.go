package cosapi

import (
	"bytes"
	"strconv"
	"strings"
)

// parse reads the document of a listing.
func (d *listResult) parse(raw []byte) error {
	s := &xmlScanner{rest: raw}
	d.Contents = make([]listedObject, 0, bytes.Count(raw, []byte("<Contents>")))
	if err := s.root("ListBucketResult"); err != nil {
		return err
	}
	return s.each(func(name []byte) (err error) {
		switch string(name) {
		case "EncodingType":
			d.EncodingType, err = s.text()
		case "NextMarker":
			d.NextMarker, err = s.text()
		case "Name":
			d.Asked.Bucket, err = s.text()
		case "Prefix":
			d.Asked.Prefix, err = s.text()
		case "Delimiter":
			d.Asked.Delimiter, err = s.text()
		case "Marker":
			d.Asked.Marker, err = s.text()
		case "MaxKeys":
			var text string
			text, err = s.text()
			d.Asked.Max, _ = strconv.Atoi(text)
		case "IsTruncated":
			d.IsTruncated, err = s.boolean()
		case "CommonPrefixes":
			err = s.each(func(name []byte) (err error) {
				if string(name) == "Prefix" {
					var prefix string
					prefix, err = s.text()
					d.CommonPrefixes = append(d.CommonPrefixes, prefix)
				}
				return err
			})
		case "Contents":
			d.Contents = append(d.Contents, listedObject{})
			err = d.Contents[len(d.Contents)-1].parse(s, &d.Contents[max(len(d.Contents)-2, 0)])
		}
		return err
	})
}

// parse reads one row; before is the one before it, with which it shares what
// they have in common.
func (l *listedObject) parse(s *xmlScanner, before *listedObject) error {
	return s.each(func(name []byte) (err error) {
		switch string(name) {
		case "Key":
			l.Key, err = s.text()
		case "LastModified":
			l.LastModified, err = s.text()
		case "ETag":
			l.ETag, err = s.text()
		case "StorageClass":
			l.StorageClass, err = s.textLike(before.StorageClass)
		case "RestoreStatus":
			l.RestoreStatus, err = s.text()
		case "Size":
			l.Size, err = s.number()
		case "Owner":
			l.Owner, err = s.owner(before.Owner)
		}
		return err
	})
}

func (s *xmlScanner) number() (int64, error) {
	text, err := s.text()
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
}

func (s *xmlScanner) owner(before Owner) (o Owner, err error) {
	err = s.each(func(name []byte) (err error) {
		switch string(name) {
		case "ID":
			o.ID, err = s.textLike(before.ID)
		case "DisplayName":
			o.DisplayName, err = s.textLike(before.DisplayName)
		}
		return err
	})
	return o, err
}

func (s *xmlScanner) boolean() (boolean, error) {
	text, err := s.text()
	return boolean(strings.EqualFold(strings.TrimSpace(text), "true")), err
}
