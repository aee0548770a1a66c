package costest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

func TestClient(t *testing.T) {
	stores(t, func(t *testing.T, s *costest.Server) {
		costest.TestClient(t, func(t *testing.T) *cosapi.Client { return s.Client(t) })
	})
}

func TestClientAgainstEndpoint(t *testing.T) {
	cfg := costest.Endpoint(t)
	costest.TestClient(t, func(t *testing.T) *cosapi.Client {
		c, err := cosapi.New(cfg)
		require.NoError(t, err)
		return c
	})
}
