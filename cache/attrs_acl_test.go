package cache

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func TestACLsAreRemembered(t *testing.T) {
	b, path := newFakeBucket("d/a", "d/b"), attrFile(t)
	n := newTestNames(t, b, kept(path))
	row := func(n *Names, i int) cosapi.Object { return readAll(t, n, "d")[i].Object }
	_, known := n.ACLOf(row(n, 0))
	require.False(t, known)
	public := ACL{Canned: "public-read"}
	n.LearnACL(row(n, 0), public)
	n.LearnACL(row(n, 1), ACL{})
	for range 2 {
		acl, known := n.ACLOf(row(n, 0))
		require.True(t, known)
		require.Equal(t, public, acl)
		acl, known = n.ACLOf(row(n, 1))
		require.True(t, known)
		require.Zero(t, acl)
		n.Close()
		n = newTestNames(t, b, kept(path))
	}
	heads, _ := b.counts()
	require.Equal(t, 2, heads, "the attributes are not lost by it")
	b.advance(time.Hour)
	b.put("d/a", "next")
	_, known = n.ACLOf(row(n, 0))
	require.False(t, known, "a version's ACL is not its successor's")
	n.Removed("d/b")
	_, known = n.ACLOf(b.objects["d/b"])
	require.False(t, known)
}

func TestACLOfWhatWasNeverAsked(t *testing.T) {
	b, path := newFakeBucket("d/a"), attrFile(t)
	n := newTestNames(t, b, kept(path), func(c *NamesConfig) { c.Attrs = AttrsList })
	listed := readAll(t, n, "d")[0].Object
	n.LearnACL(listed, ACL{Canned: "private"})
	require.True(t, readAll(t, n, "d")[0].Object.Listed, "attributes are as unknown as before")
	full, err := n.Full(t.Context(), listed)
	require.NoError(t, err)
	require.False(t, full.Listed)
	acl, known := n.ACLOf(full)
	require.True(t, known, "a HEAD does not make it unknown")
	require.Equal(t, "private", acl.Canned)

	n.LearnACL(cosapi.Object{Version: cosapi.Version{Key: "d/x", ETag: "e"}}, ACL{Canned: "private"})
	_, known = n.ACLOf(cosapi.Object{Version: cosapi.Version{Key: "d/x", ETag: "e"}})
	require.False(t, known, "without a time it could be any version")

	wrote := b.put("d/w", "v")
	n.Learn(wrote)
	n.LearnACL(wrote, ACL{Canned: "public-read"})
	n.Forget("elsewhere")
	b.advance(20 * time.Second)
	acl, known = n.ACLOf(readAll(t, n, "d")[1].Object)
	require.True(t, known)
	require.Equal(t, "public-read", acl.Canned)
}
