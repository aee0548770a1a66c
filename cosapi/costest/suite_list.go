package costest

import (
	"slices"

	"cosfs/cosapi"
)

// listed are names whose order by bytes, folding and paging are easy to get
// wrong: "a-" and "a." sort around "a/".
var listed = []string{
	"a", "a b", "a-", "a.", "a/", "a/1", "a/2/x", "a/2/y", "a0", "a\U0001F600", "b/c/d", "b/e", "ab", "é", "z+", "z/", "z/%",
}

var listCases = []suiteCase{
	{"keys come in the order of their bytes", func(s *suite) {
		s.putAll(listed)
		want := slices.Clone(listed)
		slices.Sort(want)
		for _, limit := range []int{0, 1, 3, 1000} {
			s.Equal(want, s.list(cosapi.ListOptions{Max: limit}), "pages of %d", limit)
		}
	}},
	{"a delimiter folds, on pages of any size", func(s *suite) {
		s.putAll(listed)
		want := []string{"a", "a b", "a-", "a.", "a/", "a0", "ab", "a\U0001F600", "b/", "z+", "z/", "é"}
		slices.Sort(want)
		for _, limit := range []int{0, 1, 2, 5} {
			s.Equal(want, s.list(cosapi.ListOptions{Delimiter: "/", Max: limit}), "pages of %d", limit)
		}
	}},
	{"a prefix and a delimiter show one directory", func(s *suite) {
		s.putAll(listed)
		for _, limit := range []int{0, 1} {
			s.Equal([]string{"a/", "a/1", "a/2/"}, s.list(cosapi.ListOptions{Prefix: "a/", Delimiter: "/", Max: limit}))
		}
	}},
	{"a prefix need not end a name", func(s *suite) {
		s.putAll(listed)
		s.Equal([]string{"z+", "z/", "z/%"}, s.list(cosapi.ListOptions{Prefix: "z"}))
		s.Empty(s.list(cosapi.ListOptions{Prefix: "nothing"}))
	}},
	{"rows tell what head tells", func(s *suite) {
		put, err := s.c.Put(s.ctx, s.key("k"), reader([]byte("body")), cosapi.PutOptions{
			Attrs: cosapi.Attrs{StorageClass: "STANDARD_IA"},
		})
		s.NoError(err)
		s.put("d/x", "")
		page, err := s.c.List(s.ctx, cosapi.ListOptions{Prefix: s.prefix, Delimiter: "/"})
		s.NoError(err)
		s.Len(page.Entries, 2)
		s.True(page.Entries[0].Prefix)
		s.Equal(s.key("d/"), page.Entries[0].Key)
		head, err := s.c.Head(s.ctx, s.key("k"))
		s.NoError(err)
		row := page.Entries[1]
		s.Equal(put.Version, row.Version)
		s.Equal("STANDARD_IA", row.StorageClass)
		s.Equal(head.Modified.Unix(), row.Modified.Unix())
		s.True(row.Listed)
	}},
	{"hostile names come back as they are", func(s *suite) {
		s.putAll(hostileNames)
		want := slices.Clone(hostileNames)
		slices.Sort(want)
		for _, limit := range []int{0, 1} {
			s.Equal(want, s.list(cosapi.ListOptions{Max: limit}))
		}
	}},
	{"a page that is exactly full is the last", func(s *suite) {
		s.putAll([]string{"1", "2"})
		page, err := s.c.List(s.ctx, cosapi.ListOptions{Prefix: s.prefix, Max: 2})
		s.NoError(err)
		s.Len(page.Entries, 2)
		s.Empty(page.Next)
	}},
}

func (s *suite) putAll(names []string) {
	s.Helper()
	for _, n := range names {
		s.put(n, "")
	}
}

// list gives the names of all pages, without this case's prefix.
func (s *suite) list(o cosapi.ListOptions) []string {
	s.Helper()
	o.Prefix = s.key(o.Prefix)
	var names []string
	for page, err := range s.c.Pages(s.ctx, o) {
		s.NoError(err)
		if o.Max > 0 {
			s.LessOrEqual(len(page.Entries), o.Max)
		}
		for _, e := range page.Entries {
			names = append(names, e.Key[len(s.prefix):])
		}
	}
	return names
}
