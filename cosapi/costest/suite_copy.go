package costest

import (
	"fmt"
	"strings"

	"cosfs/cosapi"
)

var copyCases = []suiteCase{
	{"keeps content and attributes", func(s *suite) {
		attrs := cosapi.Attrs{ContentType: "text/plain", Meta: map[string]string{"mode": "33188"}}
		src, err := s.c.Put(s.ctx, s.key("src"), strings.NewReader("body"), cosapi.PutOptions{Attrs: attrs})
		s.NoError(err)
		dst, err := s.c.Copy(s.ctx, src.Version, s.key("dst"), cosapi.CopyOptions{})
		s.NoError(err)
		s.Equal(src.ETag, dst.ETag)
		head, err := s.c.Head(s.ctx, s.key("dst"))
		s.NoError(err)
		s.Equal(attrs, head.Attrs)
		s.Equal("body", string(s.get("dst", whole())))
	}},
	{"replaces attributes, also onto itself", func(s *suite) {
		src := s.put("k", "body")
		attrs := cosapi.Attrs{ContentType: "text/html", Meta: map[string]string{"mode": "33261"}, StorageClass: "STANDARD_IA"}
		_, err := s.c.Copy(s.ctx, src.Version, s.key("k"), cosapi.CopyOptions{
			Replace: true, PutOptions: cosapi.PutOptions{Attrs: attrs},
		})
		s.NoError(err)
		head, err := s.c.Head(s.ctx, s.key("k"))
		s.NoError(err)
		s.Equal(attrs, head.Attrs)
		s.Equal("body", string(s.get("k", whole())))
	}},
	{"outlives its source", func(s *suite) {
		src := s.put("src", "body")
		_, err := s.c.Copy(s.ctx, src.Version, s.key("dst"), cosapi.CopyOptions{})
		s.NoError(err)
		s.put("src", "another")
		s.NoError(s.c.Delete(s.ctx, s.key("src")))
		s.Equal("body", string(s.get("dst", whole())))
	}},
	{"of a missing source is NotFound", func(s *suite) {
		_, err := s.c.Copy(s.ctx, cosapi.Version{Key: s.key("missing")}, s.key("dst"), cosapi.CopyOptions{})
		s.ErrorIs(err, cosapi.NotFound)
	}},
	{"of another version is Changed", func(s *suite) {
		old := s.put("src", "one")
		s.put("src", "two")
		_, err := s.c.Copy(s.ctx, old.Version, s.key("dst"), cosapi.CopyOptions{})
		s.ErrorIs(err, cosapi.Changed)
		_, err = s.c.Head(s.ctx, s.key("dst"))
		s.ErrorIs(err, cosapi.NotFound)
	}},
	{"forbid-overwrite keeps the first", func(s *suite) {
		src := s.put("src", "one")
		s.put("dst", "first")
		_, err := s.c.Copy(s.ctx, src.Version, s.key("dst"), cosapi.CopyOptions{
			PutOptions: cosapi.PutOptions{ForbidOverwrite: true},
		})
		s.ErrorIs(err, cosapi.Exists)
		s.Equal("first", string(s.get("dst", whole())))
	}},
}

var deleteCases = []suiteCase{
	{"one", func(s *suite) {
		s.put("k", "x")
		s.NoError(s.c.Delete(s.ctx, s.key("k")))
		_, err := s.c.Head(s.ctx, s.key("k"))
		s.ErrorIs(err, cosapi.NotFound)
	}},
	{"a missing one is no error", func(s *suite) {
		s.NoError(s.c.Delete(s.ctx, s.key("missing")))
	}},
	{"a directory's marker leaves its children", func(s *suite) {
		s.put("d/", "")
		s.put("d/child", "x")
		s.NoError(s.c.Delete(s.ctx, s.key("d/")))
		s.Equal("x", string(s.get("d/child", whole())))
	}},
	{"many, missing ones among them", func(s *suite) {
		var keys []string
		for i := range 7 {
			name := fmt.Sprintf("many/%d & <%d>", i, i)
			s.put(name, "x")
			keys = append(keys, s.key(name), s.key(fmt.Sprintf("missing %d", i)))
		}
		failures, err := s.c.DeleteMulti(s.ctx, keys)
		s.NoError(err)
		s.Empty(failures)
		page, err := s.c.List(s.ctx, cosapi.ListOptions{Prefix: s.prefix})
		s.NoError(err)
		s.Empty(page.Entries)
	}},
	{"more than one request holds", func(s *suite) {
		keys := make([]string, cosapi.MaxListPage+1)
		for i := range keys {
			keys[i] = s.key(fmt.Sprintf("n%04d", i))
		}
		s.put("n0000", "x")
		s.put("n1000", "x")
		failures, err := s.c.DeleteMulti(s.ctx, keys)
		s.NoError(err)
		s.Empty(failures)
		page, err := s.c.List(s.ctx, cosapi.ListOptions{Prefix: s.prefix})
		s.NoError(err)
		s.Empty(page.Entries)
	}},
}

var aclCases = []suiteCase{
	{"of an object that was given none is default", func(s *suite) {
		s.put("k", "x")
		acl, err := s.c.ACL(s.ctx, s.key("k"))
		s.NoError(err)
		s.Equal("default", acl.Canned())
		s.NotEmpty(acl.Owner.ID)
	}},
	{"canned ones come back", func(s *suite) {
		s.put("k", "x")
		for _, canned := range []string{"private", "public-read"} {
			s.NoError(s.c.PutACL(s.ctx, s.key("k"), cosapi.NewACL{Canned: canned}))
			acl, err := s.c.ACL(s.ctx, s.key("k"))
			s.NoError(err)
			s.Equal(canned, acl.Canned())
		}
	}},
	{"of a missing object is NotFound", func(s *suite) {
		_, err := s.c.ACL(s.ctx, s.key("missing"))
		s.ErrorIs(err, cosapi.NotFound)
	}},
}
