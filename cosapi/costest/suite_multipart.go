package costest

import (
	"slices"
	"strings"

	"cosfs/cosapi"
)

var multipartCases = []suiteCase{
	{"parts in any order make the object", func(s *suite) {
		body := bytesOf(2<<20+333, 2)
		key, id := s.start("k", cosapi.Attrs{Meta: map[string]string{"mode": "33188"}})
		parts := make([]cosapi.Part, 3)
		for _, n := range []int{3, 1, 2} {
			parts[n-1] = s.part(key, id, n, piece(body, n))
		}
		done, err := s.c.CompleteUpload(s.ctx, key, id, parts)
		s.NoError(err)
		head, err := s.c.Head(s.ctx, key)
		s.NoError(err)
		s.Equal(done.ETag, head.ETag)
		s.True(strings.HasSuffix(head.ETag, "-3"), head.ETag)
		s.Equal(int64(len(body)), head.Size)
		s.Equal(cosapi.CRC64(body), head.CRC64)
		s.Equal("33188", head.Meta["mode"])
		s.Equal(body[1<<20-5:2<<20+5], s.get("k", cosapi.Range{Off: 1<<20 - 5, Len: 1<<20 + 10}))
		s.Equal(cosapi.CRC64(body), cosapi.CRC64(s.get("k", whole())))
	}},
	{"a part sent again replaces", func(s *suite) {
		key, id := s.start("k", cosapi.Attrs{})
		s.part(key, id, 1, []byte("first"))
		part := s.part(key, id, 1, []byte("second"))
		_, err := s.c.CompleteUpload(s.ctx, key, id, []cosapi.Part{part})
		s.NoError(err)
		s.Equal("second", string(s.get("k", whole())))
	}},
	{"nothing shows before it is complete", func(s *suite) {
		key, id := s.start("k", cosapi.Attrs{})
		s.part(key, id, 1, []byte("x"))
		_, err := s.c.Head(s.ctx, key)
		s.ErrorIs(err, cosapi.NotFound)
		s.Empty(s.list(cosapi.ListOptions{}))
	}},
	{"parts and uploads are listed", func(s *suite) {
		key, id := s.start("k + é", cosapi.Attrs{})
		s.part(key, id, 2, []byte("two"))
		sent := s.part(key, id, 1, []byte("one"))
		parts, err := s.c.Parts(s.ctx, key, id)
		s.NoError(err)
		s.Len(parts, 2)
		s.Equal(1, parts[0].Number)
		s.Equal(sent.ETag, parts[0].ETag)
		s.Equal(int64(3), parts[1].Size)
		_, second := s.start("k + é", cosapi.Attrs{})
		var ids []string
		for u, err := range s.c.Uploads(s.ctx, s.prefix) {
			s.NoError(err)
			s.Equal(key, u.Key)
			ids = append(ids, u.ID)
		}
		slices.Sort(ids)
		want := []string{id, second}
		slices.Sort(want)
		s.Equal(want, ids)
	}},
	{"abort forgets everything", func(s *suite) {
		key, id := s.start("k", cosapi.Attrs{})
		part := s.part(key, id, 1, []byte("x"))
		s.NoError(s.c.AbortUpload(s.ctx, key, id))
		_, err := s.c.Parts(s.ctx, key, id)
		s.ErrorIs(err, cosapi.NoUpload)
		_, err = s.c.UploadPart(s.ctx, key, id, 2, strings.NewReader("y"))
		s.ErrorIs(err, cosapi.NoUpload)
		_, err = s.c.CompleteUpload(s.ctx, key, id, []cosapi.Part{part})
		s.Error(err)
	}},
	{"a small part that is not the last is refused", func(s *suite) {
		key, id := s.start("k", cosapi.Attrs{})
		parts := []cosapi.Part{s.part(key, id, 1, []byte("small")), s.part(key, id, 2, []byte("last"))}
		_, err := s.c.CompleteUpload(s.ctx, key, id, parts)
		s.ErrorIs(err, cosapi.Invalid)
	}},
	{"a wrong list is refused", func(s *suite) {
		key, id := s.start("k", cosapi.Attrs{})
		part := s.part(key, id, 1, []byte("x"))
		part.ETag = strings.Repeat("0", 32)
		_, err := s.c.CompleteUpload(s.ctx, key, id, []cosapi.Part{part})
		s.ErrorIs(err, cosapi.Invalid)
	}},
	{"part copies take ranges of an object", copiesParts},
	{"a part copy of another version is Changed", func(s *suite) {
		old := s.put("src", "one")
		s.put("src", "two")
		key, id := s.start("k", cosapi.Attrs{})
		_, err := s.c.CopyPart(s.ctx, key, id, 1, old.Version, whole())
		s.ErrorIs(err, cosapi.Changed)
	}},
}

func copiesParts(s *suite) {
	body := bytesOf(3<<20, 3)
	src, err := s.c.Put(s.ctx, s.key("src"), reader(body), cosapi.PutOptions{})
	s.NoError(err)
	key, id := s.start("src", cosapi.Attrs{}) // onto its own key, as a partial rewrite does
	fresh := bytesOf(1<<20, 4)
	first, err := s.c.CopyPart(s.ctx, key, id, 1, src.Version, cosapi.Range{Off: 0, Len: 1 << 20})
	s.NoError(err)
	third, err := s.c.CopyPart(s.ctx, key, id, 3, src.Version, cosapi.Range{Off: 2 << 20, Len: 1 << 20})
	s.NoError(err)
	parts := []cosapi.Part{first, s.part(key, id, 2, fresh), third}
	_, err = s.c.CompleteUpload(s.ctx, key, id, parts)
	s.NoError(err)
	want := append(append(slices.Clone(body[:1<<20]), fresh...), body[2<<20:]...)
	s.Equal(cosapi.CRC64(want), cosapi.CRC64(s.get("src", whole())))
	head, err := s.c.Head(s.ctx, key)
	s.NoError(err)
	s.Equal(cosapi.CRC64(want), head.CRC64)
}

func (s *suite) start(name string, a cosapi.Attrs) (key, id string) {
	s.Helper()
	id, err := s.c.StartUpload(s.ctx, s.key(name), cosapi.PutOptions{Attrs: a})
	s.NoError(err)
	return s.key(name), id
}

func (s *suite) part(key, id string, n int, body []byte) cosapi.Part {
	s.Helper()
	p, err := s.c.UploadPart(s.ctx, key, id, n, reader(body))
	s.NoError(err)
	s.Equal(int64(len(body)), p.Size)
	return p
}

// piece is the n-th MiB of a body, from 1.
func piece(body []byte, n int) []byte { return body[(n-1)<<20 : min(len(body), n<<20)] }
