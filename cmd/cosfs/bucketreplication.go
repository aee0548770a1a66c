package main

import (
	"context"
	"encoding/xml"

	"cosfs/cosapi"
)

// replicationView is the replication of a bucket in JSON, and in XML as COS
// has it (cos-api.md 5.9).
type replicationView struct {
	XMLName xml.Name              `xml:"ReplicationConfiguration" json:"-"`
	Role    string                `xml:"Role" json:"role"`
	Rules   []replicationRuleView `xml:"Rule" json:"rules"`
}

type replicationRuleView struct {
	ID          string          `xml:"ID" json:"id,omitempty"`
	Status      string          `xml:"Status" json:"status"`
	Prefix      string          `xml:"Prefix" json:"prefix"`
	Destination destinationView `xml:"Destination" json:"destination"`
}

type destinationView struct {
	Bucket       string `xml:"Bucket" json:"bucket"`
	StorageClass string `xml:"StorageClass" json:"storage_class,omitempty"`
}

var replicationConfiguration = configuration{
	name: "replication", what: "copying of new objects to another bucket",
	get: func(ctx context.Context, r *remote) error {
		got, err := r.client.BucketReplication(ctx)
		if err != nil {
			return err
		}
		v := replicationView{Role: got.Role, Rules: make([]replicationRuleView, len(got.Rules))}
		rows := []row{{"ID", "STATUS", "PREFIX", "DESTINATION", "CLASS"}}
		for i, rule := range got.Rules {
			v.Rules[i] = replicationRuleView{rule.ID, rule.Status, rule.Prefix, destinationView(rule.Destination)}
			rows = append(rows, row{rule.ID, rule.Status, rule.Prefix, rule.Destination.Bucket, rule.Destination.StorageClass})
		}
		return r.show(v, rows...)
	},
	put: func(ctx context.Context, c *cosapi.Client, raw []byte) error {
		var v replicationView
		if _, err := decodeDocument(raw, &v, &v); err != nil {
			return err
		}
		replication := cosapi.Replication{Role: v.Role}
		for _, rule := range v.Rules {
			replication.Rules = append(replication.Rules, cosapi.ReplicationRule{
				ID: rule.ID, Status: rule.Status, Prefix: rule.Prefix, Destination: cosapi.ReplicationDestination(rule.Destination),
			})
		}
		return c.PutBucketReplication(ctx, replication)
	},
	remove: func(ctx context.Context, c *cosapi.Client) error { return c.DeleteBucketReplication(ctx) },
}
