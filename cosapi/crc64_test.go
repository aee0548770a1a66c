package cosapi

import (
	"bytes"
	"hash/crc64"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCRC64OfDocumentedSamples(t *testing.T) {
	for text, want := range map[string]uint64{
		"":                           0,
		"[Object Content]":           16749565679157681890,
		"[Object Content Version 2]": 11596229263574363878,
		"[Object Part]":              4510578591875220731,
		"123456789":                  11051210869376104954,
		"hello world":                5981764153023615706,
	} {
		require.Equal(t, want, CRC64([]byte(text)), text)
	}
	h := NewCRC64()
	for range 1 << 10 {
		_, err := h.Write(bytes.Repeat([]byte("a"), 1<<10))
		require.NoError(t, err)
	}
	require.Equal(t, uint64(6701094182323390671), h.Sum64())
}

func TestCombineCRC64EqualsOnePass(t *testing.T) {
	whole := make([]byte, 70_001)
	for i := range whole {
		whole[i] = byte(i * i >> 3)
	}
	for _, cut := range []int{0, 1, 7, 8, 4095, 65536, len(whole) - 1, len(whole)} {
		a, b := whole[:cut], whole[cut:]
		require.Equal(t, CRC64(whole), CombineCRC64(CRC64(a), CRC64(b), int64(len(b))), "cut at %d", cut)
	}
}

// TestCRC64IsTheStandardLibrarys compares at all lengths around the strides,
// and for streams in odd pieces.
func TestCRC64IsTheStandardLibrarys(t *testing.T) {
	p := make([]byte, 5*stride+100)
	for i := range p {
		p[i] = byte(i * i >> 3)
	}
	for _, n := range []int{0, 1, 7, 8, lane - 1, lane, stride - 1, stride, stride + 1, 2*stride - 1, 2 * stride, 3*stride + lane, len(p)} {
		want := crc64.Checksum(p[:n], crcTable)
		require.Equal(t, want, CRC64(p[:n]), n)
		h := NewCRC64()
		for rest := p[:n]; len(rest) > 0; {
			m := min(len(rest), 1+len(rest)*2/3)
			_, err := h.Write(rest[:m])
			require.NoError(t, err)
			rest = rest[m:]
		}
		require.Equal(t, want, h.Sum64(), n)
	}
}

func BenchmarkCRC64(b *testing.B) {
	p := make([]byte, 256<<10)
	b.Run("lanes", func(b *testing.B) {
		b.SetBytes(int64(len(p)))
		for b.Loop() {
			CRC64(p)
		}
	})
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(p)))
		for b.Loop() {
			crc64.Checksum(p, crcTable)
		}
	})
}
