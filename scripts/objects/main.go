// Objects prints a few objects below each of some prefixes of a bucket, as
// COS answers for them: for ./scripts/quickstart.
//
//	objects ENDPOINT BUCKET PREFIX...
//
// The key pair is that of COS_SECRET_ID and COS_SECRET_KEY.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"cosfs/cosapi"
)

// perPrefix is how many objects are shown of each prefix.
const perPrefix = 3

func main() {
	log.SetFlags(0)
	if len(os.Args) < 4 {
		log.Fatal("objects: usage: objects ENDPOINT BUCKET PREFIX...")
	}
	client, err := cosapi.New(cosapi.Config{
		Endpoint: os.Args[1],
		Bucket:   os.Args[2],
		Credentials: cosapi.Static(cosapi.Credentials{
			SecretID: os.Getenv("COS_SECRET_ID"), SecretKey: os.Getenv("COS_SECRET_KEY"),
		}),
	})
	if err != nil {
		log.Fatal("objects: ", err)
	}
	for _, prefix := range os.Args[3:] {
		if err := show(context.Background(), client, prefix); err != nil {
			log.Fatal("objects: ", err)
		}
	}
}

// show lists a prefix and asks for each object's attributes.
func show(ctx context.Context, client *cosapi.Client, prefix string) error {
	page, err := client.List(ctx, cosapi.ListOptions{Prefix: prefix, Max: perPrefix})
	if err != nil {
		return err
	}
	for _, e := range page.Entries {
		o, err := client.Head(ctx, e.Key)
		if err != nil {
			return err
		}
		if _, err := fmt.Printf("%11d  crc64 %016x  %-26s %.60q\n", o.Size, o.CRC64, o.ContentType, o.Key); err != nil {
			return err
		}
	}
	return nil
}
