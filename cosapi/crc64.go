package cosapi

import (
	"encoding/binary"
	"hash"
	"hash/crc64"
)

// crcTable is CRC-64/XZ, which COS names crc64ecma (cos-api.md 3.0.6).
var crcTable = crc64.MakeTable(crc64.ECMA)

// CRC64 is the checksum that COS answers in x-cos-hash-crc64ecma.
func CRC64(p []byte) uint64 { return updateCRC64(0, p) }

// NewCRC64 is CRC64 of a stream. Large writes are quicker than many small ones.
func NewCRC64() hash.Hash64 { return new(crcHash) }

// crcHash is a hash.Hash64 whose value is the checksum so far.
type crcHash uint64

func (h *crcHash) Write(p []byte) (int, error) {
	*h = crcHash(updateCRC64(uint64(*h), p))
	return len(p), nil
}

func (h *crcHash) Sum(b []byte) []byte { return binary.BigEndian.AppendUint64(b, uint64(*h)) }
func (h *crcHash) Sum64() uint64       { return uint64(*h) }
func (h *crcHash) Reset()              { *h = 0 }
func (h *crcHash) Size() int           { return crc64.Size }
func (h *crcHash) BlockSize() int      { return 1 }

// updateCRC64 adds p to the checksum crc. What is left beside whole strides
// goes through the standard library.
func updateCRC64(crc uint64, p []byte) uint64 {
	state := ^crc
	for len(p) >= stride {
		state = crcTables.stride(state, p[:stride])
		p = p[stride:]
	}
	return crc64.Update(^state, crcTable, p)
}

// CombineCRC64 is the checksum of A followed by B, from the checksums a and b
// of the two and the length of B in bytes. It lets an uploader of parts check
// the checksum of the whole without a second pass.
func CombineCRC64(a, b uint64, lenB int64) uint64 {
	if lenB <= 0 {
		return a
	}
	return mulPoly(a, powX8(lenB)) ^ b
}

// The polynomials below stand in reflected order as in the table: the top bit
// is the coefficient of x^0.
const (
	polyOne = 1 << 63       // x^0
	polyX8  = 1 << (63 - 8) // x^8: what one byte of zeros multiplies a CRC by
)

// powX8 is x^(8n) modulo the ECMA polynomial, by repeated squaring.
func powX8(n int64) uint64 {
	result, square := uint64(polyOne), uint64(polyX8)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = mulPoly(result, square)
		}
		square = mulPoly(square, square)
	}
	return result
}

// mulPoly is a·b modulo the ECMA polynomial, over GF(2).
func mulPoly(a, b uint64) uint64 {
	var product uint64
	for ; a != 0; a <<= 1 {
		if a&polyOne != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= crc64.ECMA
		}
	}
	return product
}
