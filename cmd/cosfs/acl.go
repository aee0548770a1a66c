package main

import (
	"context"
	"encoding/xml"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// aclView is an ACL in JSON.
type aclView struct {
	// Canned is the canned ACL that this one equals, if there is one.
	Canned string      `json:"canned,omitempty"`
	Owner  ownerView   `json:"owner"`
	Grants []grantView `json:"grants"`
}

type ownerView struct {
	ID          string `json:"id"`
	DisplayName string `json:"display_name,omitempty"`
}

type grantView struct {
	Permission  string `json:"permission"`
	Type        string `json:"type,omitempty"`
	ID          string `json:"id,omitempty"`
	URI         string `json:"uri,omitempty"`
	DisplayName string `json:"display_name,omitempty"`
}

// aclXML is the document of COS (cos-api.md 5.6); the prefix of the type
// attribute does not matter to the decoder.
type aclXML struct {
	XMLName xml.Name `xml:"AccessControlPolicy"`
	Owner   struct{ ID, DisplayName string }
	Grants  []struct {
		Grantee struct {
			Type                 string `xml:"type,attr"`
			ID, URI, DisplayName string
		}
		Permission string
	} `xml:"AccessControlList>Grant"`
}

// newACL makes the commands of the ACL of a bucket or of an object.
func newACL(p *program, f *remoteFlags, on string, needKey bool) *cobra.Command {
	get := leaf("get "+on, "Show who may do what", 1,
		p.at(f, 0, needKey, func(ctx context.Context, r *remote, key string, _ []string) error {
			if !needKey {
				key = ""
			}
			acl, err := r.client.ACL(ctx, key)
			if err != nil {
				return err
			}
			return r.showACL(acl)
		}))
	var g grantFlags
	put := &cobra.Command{
		Use: "put " + on + " [FILE]", Short: "Replace the ACL, by --acl and --grant-… or a document (JSON or XML; - is stdin)",
		Args: rangeArgs(1, 2), ValidArgsFunction: completeFiles("put " + on + " FILE"),
		RunE: p.at(f, 0, needKey, func(ctx context.Context, r *remote, key string, args []string) error {
			if !needKey {
				key = ""
			}
			acl, err := p.newACL(&g, args)
			if err != nil {
				return err
			}
			if err := r.client.PutACL(ctx, key, acl); err != nil {
				return err
			}
			return r.done("put acl", key)
		}),
	}
	g.register(put)
	return group("acl", "Get or put the access control list", get, put)
}

// newACL is the ACL that flags or a document describe.
func (p *program) newACL(g *grantFlags, args []string) (cosapi.NewACL, error) {
	byFlags := g.acl != "" || g.grants() != cosapi.Grants{}
	if byFlags == (len(args) > 0) {
		return cosapi.NewACL{}, fail(exitUsage, "an ACL is given by --acl and --grant-… or by a FILE (- is stdin), exactly one of them")
	}
	if byFlags {
		return cosapi.NewACL{Canned: g.acl, Grants: g.grants()}, nil
	}
	raw, err := p.readDocument(args[0])
	if err != nil {
		return cosapi.NewACL{}, fail(exitUsage, "%w; a canned ACL is given by a flag, as in --acl public-read", err)
	}
	acl, err := decodeACL(raw)
	return cosapi.NewACL{Policy: &acl}, err
}

func decodeACL(raw []byte) (cosapi.ACL, error) {
	var v aclView
	var doc aclXML
	isXML, err := decodeDocument(raw, &v, &doc)
	if err != nil {
		return cosapi.ACL{}, err
	}
	if isXML {
		v = aclView{Owner: ownerView(doc.Owner)}
		for _, g := range doc.Grants {
			v.Grants = append(v.Grants, grantView{g.Permission, g.Grantee.Type, g.Grantee.ID, g.Grantee.URI, g.Grantee.DisplayName})
		}
	}
	acl := cosapi.ACL{Owner: cosapi.Owner(v.Owner)}
	for _, g := range v.Grants {
		acl.Grants = append(acl.Grants, cosapi.Grant{
			Permission: g.Permission,
			Grantee:    cosapi.Grantee{Type: g.Type, ID: g.ID, URI: g.URI, DisplayName: g.DisplayName},
		})
	}
	return acl, nil
}

func (r *remote) showACL(acl cosapi.ACL) error {
	v := aclView{Canned: acl.Canned(), Owner: ownerView(acl.Owner), Grants: []grantView{}}
	rows := []row{{"PERMISSION", "GRANTEE"}, {"owner", acl.Owner.ID}}
	for _, g := range acl.Grants {
		e := g.Grantee
		v.Grants = append(v.Grants, grantView{g.Permission, e.Type, e.ID, e.URI, e.DisplayName})
		rows = append(rows, row{g.Permission, e.ID + e.URI})
	}
	if v.Canned != "" {
		rows = append(rows, row{"canned", v.Canned})
	}
	return r.show(v, rows...)
}
