package cosapi

import (
	"context"
	"encoding/xml"
)

// Replication copies new objects to another bucket (cos-api.md 3.2.12). Both
// buckets must be versioned.
type Replication struct {
	XMLName xml.Name          `xml:"ReplicationConfiguration"`
	Role    string            // qcs::cam::uin/<owner>:uin/<sub>
	Rules   []ReplicationRule `xml:"Rule"`
}

// ReplicationRule is one of up to 1000; all have the same destination.
type ReplicationRule struct {
	Status      string // Enabled or Disabled
	ID          string `xml:"ID,omitempty"`
	Prefix      string // empty: all keys
	Destination ReplicationDestination
}

// ReplicationDestination is where the copies go.
type ReplicationDestination struct {
	Bucket       string // qcs::cos:<region>::<name-APPID>
	StorageClass string `xml:",omitempty"`
}

// BucketReplication reads the configuration. NotSet if there is none.
// The seeds call it get_bucket_replication.
func (c *Client) BucketReplication(ctx context.Context) (Replication, error) {
	return getDocument[Replication](ctx, c, "GetBucketReplication", "", Pair{"replication", ""})
}

// PutBucketReplication replaces it.
// The seeds call it put_bucket_replication.
func (c *Client) PutBucketReplication(ctx context.Context, r Replication) error {
	return c.putDocument(ctx, "PutBucketReplication", "", r, Pair{"replication", ""})
}

// DeleteBucketReplication ends replication.
// The seeds call it delete_bucket_replication.
func (c *Client) DeleteBucketReplication(ctx context.Context) error {
	return c.deleteDocument(ctx, "DeleteBucketReplication", "", Pair{"replication", ""})
}
