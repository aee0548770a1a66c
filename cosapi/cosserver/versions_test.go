package cosserver

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (s *site) versioning(status string) {
	s.Helper()
	s.must("PUT", "/?versioning", "<VersioningConfiguration><Status>"+status+"</Status></VersioningConfiguration>")
}

// versionList is what ?versions answers, in one sequence.
type versionList struct {
	IsTruncated         bool
	NextKeyMarker       string
	NextVersionIdMarker string
	Rows                []struct {
		XMLName   xml.Name
		Key       string
		VersionId string
		IsLatest  bool
		ETag      string
	} `xml:",any"`
}

// line is a row of the listing in short.
func (s *site) versions(query string) (lines []string, list versionList) {
	s.Helper()
	require.NoError(s, xml.Unmarshal([]byte(s.must("GET", "/?versions"+query, "").body), &list))
	for _, r := range list.Rows {
		if r.XMLName.Local == "Version" || r.XMLName.Local == "DeleteMarker" {
			lines = append(lines, fmt.Sprintf("%s %s %s %v", r.XMLName.Local, r.Key, r.VersionId, r.IsLatest))
		}
	}
	return lines, list
}

func TestVersioning(t *testing.T) {
	both(t, func(s *site) {
		require.Contains(s, s.must("GET", "/?versioning", "").body, "<VersioningConfiguration></VersioningConfiguration>")
		s.must("PUT", "/k", "zero")
		lines, _ := s.versions("")
		require.Equal(s, []string{"Version k  true"}, lines)

		s.versioning("Enabled")
		require.Contains(s, s.must("GET", "/?versioning", "").body, "<Status>Enabled</Status>")
		one := s.must("PUT", "/k", "one").header.Get("x-cos-version-id")
		two := s.must("PUT", "/k", "two").header.Get("x-cos-version-id")
		require.NotEmpty(s, one)
		gone := s.must("DELETE", "/k", "")
		require.Equal(s, "true", gone.header.Get("x-cos-delete-marker"))
		marker := gone.header.Get("x-cos-version-id")
		lines, _ = s.versions("")
		require.Equal(s, []string{
			"DeleteMarker k " + marker + " true", "Version k " + two + " false", "Version k " + one + " false", "Version k null false",
		}, lines)

		a := s.refuses(404, "NoSuchKey", "GET", "/k", "")
		require.Equal(s, "true", a.header.Get("x-cos-delete-marker"))
		s.refuses(404, "NoSuchKey", "GET", "/k?versionId="+marker, "")
		s.refuses(404, "NoSuchVersion", "GET", "/k?versionId=unknown", "")
		for version, body := range map[string]string{one: "one", two: "two", nullVersion: "zero"} {
			require.Equal(s, body, s.must("GET", "/k?versionId="+version, "").body)
			require.Equal(s, version, s.must("HEAD", "/k?VersionId="+version, "").header.Get("x-cos-version-id"))
		}
		s.refuses(409, "BucketNotEmpty", "DELETE", "", "")

		undo := s.must("DELETE", "/k?versionId="+marker, "")
		require.Equal(s, "true", undo.header.Get("x-cos-delete-marker"))
		require.Equal(s, "two", s.must("GET", "/k", "").body, "without its marker the key is back")
		s.must("DELETE", "/k?versionId="+two, "")
		require.Equal(s, "one", s.must("GET", "/k", "").body)
		for _, version := range []string{one, nullVersion} {
			s.must("DELETE", "/k?versionId="+version, "")
		}
		s.settled()
		s.must("DELETE", "", "")
	})
}

func TestVersioningSuspended(t *testing.T) {
	both(t, func(s *site) {
		s.versioning("Enabled")
		one := s.must("PUT", "/k", "one").header.Get("x-cos-version-id")
		s.versioning("Suspended")
		a := s.must("PUT", "/k", "null one")
		require.Empty(s, a.header.Get("x-cos-version-id"), "PUT leaves it out")
		id := s.startUpload("/k")
		s.must("PUT", partTarget("/k", id, 1), "null two")
		done := s.must("POST", "/k?uploadId="+id, completeDocument([2]string{"1", md5Hex("null two")}))
		require.Equal(s, "null", done.header.Get("x-cos-version-id"), "Complete says it")
		lines, _ := s.versions("")
		require.Equal(s, []string{"Version k null true", "Version k " + one + " false"}, lines)
		s.must("DELETE", "/k", "")
		lines, _ = s.versions("")
		require.Equal(s, []string{"DeleteMarker k null true", "Version k " + one + " false"}, lines)
		require.Equal(s, "one", s.must("GET", "/k?versionId="+one, "").body)
		s.refuses(400, "MalformedXML", "PUT", "/?versioning", "<VersioningConfiguration><Status>Off</Status></VersioningConfiguration>")
		s.settled()
	})
}

// versionModel is a bucket's versions in a map, newest first.
type versionModel map[string][]modelVersion

type modelVersion struct {
	id, body string
	marker   bool
}

func (m versionModel) drop(key, id string) {
	m[key] = slices.DeleteFunc(m[key], func(v modelVersion) bool { return v.id == id })
}

func (m versionModel) push(key string, v modelVersion) {
	if v.id == nullVersion {
		m.drop(key, nullVersion)
	}
	m[key] = slices.Insert(m[key], 0, v)
}

// lines are what a listing shows.
func (m versionModel) lines() (lines []string) {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		for i, v := range m[key] {
			kind := "Version"
			if v.marker {
				kind = "DeleteMarker"
			}
			lines = append(lines, fmt.Sprintf("%s %s %s %v", kind, key, v.id, i == 0))
		}
	}
	return lines
}

// TestVersionsEqualTheModel runs random writes and deletes through changes of
// the versioning state, and compares listings on pages of every size.
func TestVersionsEqualTheModel(t *testing.T) {
	both(t, func(s *site) {
		m := versionModel{}
		status := "Enabled"
		s.versioning(status)
		for i := range 300 {
			key := string(rune('a' + rand.IntN(4)))
			switch rand.IntN(8) {
			case 0:
				status = []string{"Enabled", "Suspended"}[rand.IntN(2)]
				s.versioning(status)
			case 1, 2:
				a := s.must("DELETE", "/"+key, "")
				m.push(key, modelVersion{id: a.header.Get("x-cos-version-id"), marker: true})
			case 3, 4:
				if n := len(m[key]); n > 0 {
					id := m[key][rand.IntN(n)].id
					s.must("DELETE", "/"+key+"?versionId="+id, "")
					m.drop(key, id)
				}
			default:
				body := fmt.Sprint("body ", i)
				id := s.must("PUT", "/"+key, body).header.Get("x-cos-version-id")
				if status == "Suspended" {
					id = nullVersion
				}
				m.push(key, modelVersion{id: id, body: body})
			}
			s.compareVersions(m, key)
		}
		s.compareVersionPages(m)
		s.settled()
	})
}

// compareVersions looks at one key.
func (s *site) compareVersions(m versionModel, key string) {
	s.Helper()
	for _, v := range m[key] {
		if !v.marker {
			require.Equal(s, v.body, s.must("GET", "/"+key+"?versionId="+v.id, "").body)
		}
	}
	if len(m[key]) == 0 || m[key][0].marker {
		s.refuses(404, "NoSuchKey", "GET", "/"+key, "")
	} else {
		require.Equal(s, m[key][0].body, s.must("GET", "/"+key, "").body)
	}
}

func (s *site) compareVersionPages(m versionModel) {
	s.Helper()
	want := m.lines()
	for limit := 1; limit <= len(want)+1; limit += 3 {
		var got []string
		query := ""
		for {
			lines, list := s.versions(fmt.Sprintf("&max-keys=%d%s", limit, query))
			got = append(got, lines...)
			if !list.IsTruncated {
				break
			}
			require.Len(s, lines, limit)
			query = "&key-marker=" + list.NextKeyMarker + "&version-id-marker=" + list.NextVersionIdMarker
		}
		require.Equal(s, want, got, "pages of %d", limit)
	}
}

func TestVersionsFold(t *testing.T) {
	s := newSite(t, nil)
	s.versioning("Enabled")
	for _, key := range []string{"/a", "/d/1", "/d/1", "/d/2", "/e"} {
		s.must("PUT", key, "x")
	}
	s.must("DELETE", "/d/2", "")
	a := s.must("GET", "/?versions&delimiter=/&max-keys=2", "")
	require.Contains(t, a.body, "<NextKeyMarker>d/</NextKeyMarker><NextVersionIdMarker/><CommonPrefixes><Prefix>d/</Prefix>")
	lines, _ := s.versions("&delimiter=/&key-marker=d/")
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "Version e ")
	lines, _ = s.versions("&prefix=d/1")
	require.Len(t, lines, 2)
}

func TestDeleteMultiOfVersions(t *testing.T) {
	s := newSite(t, nil)
	s.versioning("Enabled")
	one := s.must("PUT", "/k", "one").header.Get("x-cos-version-id")
	s.must("PUT", "/k", "two")
	doc := "<Delete><Object><Key>k</Key></Object><Object><Key>k</Key><VersionId>" + one + "</VersionId></Object></Delete>"
	a := s.must("POST", "/?delete", doc, "Content-MD5: "+md5Base64(doc))
	require.Contains(t, a.body, "<Deleted><Key>k</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>")
	require.Contains(t, a.body, "<Deleted><Key>k</Key><VersionId>"+one+"</VersionId></Deleted>")
	lines, _ := s.versions("")
	require.Len(t, lines, 2)
	require.True(t, strings.HasPrefix(lines[0], "DeleteMarker"))
}

func TestCopyOfAVersion(t *testing.T) {
	s := newSite(t, nil)
	s.versioning("Enabled")
	one := s.must("PUT", "/k", "one").header.Get("x-cos-version-id")
	s.must("PUT", "/k", "two")
	a := s.must("PUT", "/k", "", "x-cos-copy-source: "+testBucket+"/k?versionId="+one)
	require.Equal(t, one, a.header.Get("x-cos-copy-source-version-id"))
	require.Contains(t, a.body, "<VersionId>"+a.header.Get("x-cos-version-id")+"</VersionId>")
	require.Equal(t, "one", s.must("GET", "/k", "").body)
	marker := s.must("DELETE", "/k", "").header.Get("x-cos-version-id")
	s.refuses(404, "NoSuchKey", "PUT", "/to", "", "x-cos-copy-source: "+testBucket+"/k")
	s.refuses(400, "InvalidRequest", "PUT", "/to", "", "x-cos-copy-source: "+testBucket+"/k?versionId="+marker)
}

func TestForbidOverwriteNeedsAnUnversionedBucket(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/k", "one")
	s.versioning("Enabled")
	s.must("PUT", "/k", "two", "x-cos-forbid-overwrite: true")
}
