package main

import (
	"context"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

func newObjectRestore(p *program, f *remoteFlags) *cobra.Command {
	var o cosapi.RestoreOptions
	cmd := leaf("restore BUCKET:/KEY", "Have a readable copy made of an archived object", 1,
		p.onObject(f, func(ctx context.Context, r *remote, key string, _ []string) error {
			if err := r.client.Restore(ctx, key, o); err != nil {
				return err
			}
			return r.done("restore", key)
		}))
	cmd.Long = `Have a readable copy made of an archived object.

The command does not wait: cosfs object head shows how far the copy is. Of an
object that is restored already, the copy's life is extended.`
	cmd.Flags().IntVar(&o.Days, "days", 1, "`days` that the copy lives")
	cmd.Flags().StringVar(&o.Tier, "tier", cosapi.TierStandard, "Expedited, Standard or Bulk: from fast to cheap")
	cmd.Flags().StringVar(&o.VersionID, "version-id", "", "`id` of the version (default the latest)")
	completeWords(cmd, "tier", cosapi.TierExpedited, cosapi.TierStandard, cosapi.TierBulk)
	return cmd
}
