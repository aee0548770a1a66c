package costest

import (
	"strings"
	"time"

	"cosfs/cosapi"
)

var bucketCases = []suiteCase{
	{"head tells that it exists", func(s *suite) {
		_, err := s.c.HeadBucket(s.ctx)
		s.NoError(err)
	}},
	{"head of a missing one is NoBucket or Denied", func(s *suite) {
		other, err := s.c.WithBucket("costest-missing-1250000000")
		s.NoError(err)
		_, err = other.HeadBucket(s.ctx)
		s.Error(err)
		if !strings.Contains(err.Error(), cosapi.Denied.Error()) {
			s.ErrorIs(err, cosapi.NoBucket)
		}
	}},
}

var objectCases = []suiteCase{
	{"put, head and get agree", func(s *suite) {
		body := "hello world"
		put := s.put("k", body)
		s.Equal("5eb63bbbe01eeed093cb22bb8f5acdc3", put.ETag)
		s.Equal(uint64(5981764153023615706), put.CRC64)
		head, err := s.c.Head(s.ctx, s.key("k"))
		s.NoError(err)
		s.Equal(put.Version, head.Version)
		s.Equal(put.CRC64, head.CRC64)
		s.Equal("application/octet-stream", head.ContentType)
		s.WithinDuration(time.Now(), head.Modified, 15*time.Minute)
		s.Equal(body, string(s.get("k", whole())))
	}},
	{"put replaces the whole of the old one", func(s *suite) {
		_, err := s.c.Put(s.ctx, s.key("k"), strings.NewReader("a longer first body"), cosapi.PutOptions{
			Attrs: cosapi.Attrs{Meta: map[string]string{"old": "1"}},
		})
		s.NoError(err)
		s.put("k", "short")
		s.Equal("short", string(s.get("k", whole())))
		head, err := s.c.Head(s.ctx, s.key("k"))
		s.NoError(err)
		s.Empty(head.Meta)
		s.Equal(int64(5), head.Size)
	}},
	{"an empty object", func(s *suite) {
		o := s.put("empty", "")
		s.Equal(int64(0), o.Size)
		s.Equal("d41d8cd98f00b204e9800998ecf8427e", o.ETag)
		s.Empty(s.get("empty", whole()))
	}},
	{"attributes come back as given", putsAttributes},
	{"a large body survives", func(s *suite) {
		body := bytesOf(6<<20+17, 1)
		_, err := s.c.Put(s.ctx, s.key("large"), reader(body), cosapi.PutOptions{})
		s.NoError(err)
		s.Equal(cosapi.CRC64(body), cosapi.CRC64(s.get("large", whole())))
	}},
	{"ranges", readsRanges},
	{"a range from the end on is OutOfRange", func(s *suite) {
		s.put("k", "0123456789")
		_, err := s.read(cosapi.Version{Key: s.key("k")}, cosapi.Range{Off: 10, Len: 5})
		s.ErrorIs(err, cosapi.OutOfRange)
	}},
	{"get of another version is Changed", func(s *suite) {
		old := s.put("k", "one")
		s.put("k", "two")
		_, err := s.read(old.Version, whole())
		s.ErrorIs(err, cosapi.Changed)
	}},
	{"a missing key is NotFound", func(s *suite) {
		_, err := s.c.Head(s.ctx, s.key("missing"))
		s.ErrorIs(err, cosapi.NotFound)
		_, err = s.read(cosapi.Version{Key: s.key("missing")}, whole())
		s.ErrorIs(err, cosapi.NotFound)
	}},
	{"forbid-overwrite keeps the first", func(s *suite) {
		only := cosapi.PutOptions{ForbidOverwrite: true}
		_, err := s.c.Put(s.ctx, s.key("k"), strings.NewReader("first"), only)
		s.NoError(err)
		_, err = s.c.Put(s.ctx, s.key("k"), strings.NewReader("second"), only)
		s.ErrorIs(err, cosapi.Exists)
		s.Equal("first", string(s.get("k", whole())))
	}},
}

func putsAttributes(s *suite) {
	attrs := cosapi.Attrs{
		ContentType: "text/x-costest; charset=utf-8", CacheControl: "max-age=60", ContentDisposition: `attachment; filename="a b"`,
		ContentEncoding: "identity", ContentLanguage: "zh-CN", Expires: "Wed, 21 Oct 2015 07:28:00 GMT",
		Meta:         map[string]string{"mode": "33188", "mtime": "1700000000.5", "with-hyphen": "a+b%20=c"},
		StorageClass: "STANDARD_IA",
	}
	_, err := s.c.Put(s.ctx, s.key("k"), strings.NewReader("x"), cosapi.PutOptions{Attrs: attrs})
	s.NoError(err)
	head, err := s.c.Head(s.ctx, s.key("k"))
	s.NoError(err)
	s.Equal(attrs, head.Attrs)
	body, err := s.c.Get(s.ctx, head.Version, whole())
	s.NoError(err)
	defer body.Close()
	s.Equal(attrs, body.Object.Attrs)
}

func readsRanges(s *suite) {
	s.put("k", "0123456789")
	for _, r := range []struct {
		off, n int64
		want   string
	}{
		{0, 1, "0"}, {0, 10, "0123456789"}, {3, 4, "3456"}, {9, 1, "9"}, {5, 100, "56789"}, {4, -1, "456789"}, {0, -1, "0123456789"},
	} {
		s.Equal(r.want, string(s.get("k", cosapi.Range{Off: r.off, Len: r.n})), "%+v", r)
	}
}

// hostileNames are legal and hard: each goes through every call that carries a
// key in a path, a header, a parameter or a document.
var hostileNames = []string{
	"plain", " leading and trailing ", "文件/名 字.txt", "a+b", "100%", "%41", "%2F", "~tilde~", "a#b", "a?b=c", "a&b", "a=b;c",
	`quo"te's`, "<tag>&amp;", "a//b", "a/./b", "a/../b", "x/..", "./x", "dir/", ".hidden", `back\slash`, "new\nline", "tab\t", "\x01\x7f",
	"emoji 😀", "(a)[b]{c}|^`", "e\u0301", "a,b:c@d!e$f*g",
}

var keyCases = []suiteCase{
	{"hostile names come through every call", func(s *suite) {
		for _, name := range hostileNames {
			s.throughEveryCall(name)
		}
	}},
	{"850 bytes are a key", func(s *suite) {
		s.throughEveryCall(strings.Repeat("n", cosapi.MaxKeyLen-len(s.prefix)-len(copySuffix)))
		s.put(strings.Repeat("长", (cosapi.MaxKeyLen-len(s.prefix))/3), "x")
	}},
	{"851 bytes are NameTooLong", func(s *suite) {
		key := strings.Repeat("n", cosapi.MaxKeyLen+1)
		_, err := s.c.Put(s.ctx, key, strings.NewReader("x"), cosapi.PutOptions{})
		s.ErrorIs(err, cosapi.NameTooLong)
	}},
	{"names differ in case and form", func(s *suite) {
		names := []string{"a", "A", "é", "e\u0301", "a/", "a//"}
		for _, n := range names {
			s.put(n, "of "+n)
		}
		for _, n := range names {
			s.Equal("of "+n, string(s.get(n, whole())))
		}
	}},
}

const copySuffix = "-copy"

// throughEveryCall puts, heads, gets, lists, copies, uploads by parts and
// deletes one name.
func (s *suite) throughEveryCall(name string) {
	s.Helper()
	put := s.put(name, "content of "+name)
	head, err := s.c.Head(s.ctx, s.key(name))
	s.NoError(err, "%q", name)
	s.Equal(put.Version, head.Version)
	s.Equal("content of "+name, string(s.get(name, whole())), "%q", name)

	page, err := s.c.List(s.ctx, cosapi.ListOptions{Prefix: s.key(name), Max: 1})
	s.NoError(err)
	s.Len(page.Entries, 1, "%q", name)
	s.Equal(put.Version, page.Entries[0].Version)

	_, err = s.c.Copy(s.ctx, put.Version, s.key(name+copySuffix), cosapi.CopyOptions{})
	s.NoError(err, "%q", name)
	s.Equal("content of "+name, string(s.get(name+copySuffix, whole())))

	id, err := s.c.StartUpload(s.ctx, s.key(name), cosapi.PutOptions{})
	s.NoError(err, "%q", name)
	part, err := s.c.UploadPart(s.ctx, s.key(name), id, 1, strings.NewReader("by parts"))
	s.NoError(err, "%q", name)
	_, err = s.c.CompleteUpload(s.ctx, s.key(name), id, []cosapi.Part{part})
	s.NoError(err, "%q", name)
	s.Equal("by parts", string(s.get(name, whole())))

	s.NoError(s.c.Delete(s.ctx, s.key(name)))
	failures, err := s.c.DeleteMulti(s.ctx, []string{s.key(name + copySuffix)})
	s.NoError(err)
	s.Empty(failures)
	for _, gone := range []string{name, name + copySuffix} {
		_, err = s.c.Head(s.ctx, s.key(gone))
		s.ErrorIs(err, cosapi.NotFound, "%q", gone)
	}
}
