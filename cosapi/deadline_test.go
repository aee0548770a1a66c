package cosapi_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// An endpoint that says nothing is given up after the deadline, however many
// attempts are left, and is as good as before once it answers.
func TestDeadline(t *testing.T) {
	server := costest.NewServer(t)
	cfg := server.Config()
	cfg.AnswerTimeout, cfg.Deadline, cfg.MaxAttempts = 50*time.Millisecond, 400*time.Millisecond, 1_000_000
	attempts := 0
	cfg.Observe = func(cosapi.Call) { attempts++ }
	client, err := cosapi.New(cfg)
	require.NoError(t, err)
	silence := make(chan struct{})
	server.Faults.Add(costest.Fault{Hold: silence})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a hang, not a slow machine
	defer cancel()
	_, err = client.Head(ctx, "f")
	require.ErrorIs(t, err, cosapi.Unavailable)
	require.NoError(t, ctx.Err())
	require.Greater(t, attempts, 1, "it was tried again while there was time")
	close(silence)
	server.Faults.Clear()
	_, err = client.Head(ctx, "f")
	require.ErrorIs(t, err, cosapi.NotFound)
}
