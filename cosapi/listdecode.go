package cosapi

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// parse reads the document of a listing. The strings of its rows are parts of
// one copy of the document: who keeps a few rows for long should clone them.
func (d *listResult) parse(raw []byte) error {
	s := &xmlScanner{rest: string(raw)}
	d.Contents = slices.Grow(d.Contents, bytes.Count(raw, []byte("<Contents>")))
	if err := s.root("ListBucketResult"); err != nil {
		return err
	}
	return s.each(func(name string) (err error) {
		switch name {
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
			err = s.each(func(name string) (err error) {
				if name == "Prefix" {
					var prefix string
					prefix, err = s.text()
					d.CommonPrefixes = append(d.CommonPrefixes, prefix)
				}
				return err
			})
		case "Contents":
			d.Contents = append(d.Contents, listedObject{})
			err = d.Contents[len(d.Contents)-1].parse(s)
		}
		return err
	})
}

// parse reads one row.
func (l *listedObject) parse(s *xmlScanner) error {
	return s.each(func(name string) (err error) {
		switch name {
		case "Key":
			l.Key, err = s.text()
		case "LastModified":
			l.LastModified, err = s.text()
		case "ETag":
			l.ETag, err = s.text()
		case "StorageClass":
			l.StorageClass, err = s.text()
		case "RestoreStatus":
			l.RestoreStatus, err = s.text()
		case "Size":
			l.Size, err = s.number()
		case "Owner":
			l.Owner, err = s.owner()
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

func (s *xmlScanner) owner() (o Owner, err error) {
	err = s.each(func(name string) (err error) {
		switch name {
		case "ID":
			o.ID, err = s.text()
		case "DisplayName":
			o.DisplayName, err = s.text()
		}
		return err
	})
	return o, err
}

func (s *xmlScanner) boolean() (boolean, error) {
	text, err := s.text()
	return boolean(strings.EqualFold(strings.TrimSpace(text), "true")), err
}
