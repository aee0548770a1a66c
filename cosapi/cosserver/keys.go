package cosserver

import (
	"bytes"
	"encoding/binary"
)

// Keys of the index. A bucket name holds no zero byte, so bucket, zero, key
// sorts by bucket and then by the bytes of the key, which is the order of
// listings. Where something follows the object key, the key is ended in a way
// that keeps its order whatever bytes it holds: zero becomes 00 FF, the end
// is 00 01.

// objectKey is a key of tableObjects.
func objectKey(bucket, key string) []byte {
	b := make([]byte, 0, len(bucket)+1+len(key))
	b = append(b, bucket...)
	b = append(b, 0)
	return append(b, key...)
}

// endedKey is the common beginning of all versions or uploads of a key.
func endedKey(bucket, key string) []byte {
	b := appendEscaped(objectKey(bucket, ""), key)
	return append(b, 0, 1)
}

// appendEscaped writes key without its end; a prefix of a key gives a prefix.
func appendEscaped(b []byte, key string) []byte {
	for i := range len(key) {
		b = append(b, key[i])
		if key[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return b
}

// splitEnded takes apart what endedKey and a suffix made, below a bucket.
func splitEnded(b []byte, bucket string) (key string, suffix []byte) {
	b = b[len(bucket)+1:]
	var out []byte
	for {
		i := bytes.IndexByte(b, 0)
		out = append(out, b[:i]...)
		if b[i+1] == 1 {
			return string(out), b[i+2:]
		}
		out = append(out, 0)
		b = b[i+2:]
	}
}

// versionKey is a key of tableVersions: the newest sequence number first.
func versionKey(bucket, key string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(endedKey(bucket, key), ^seq)
}

// uploadKey is a key of tableUploads.
func uploadKey(bucket, key, id string) []byte {
	return append(endedKey(bucket, key), id...)
}

// partKey is a key of tableParts.
func partKey(id string, number int) []byte {
	b := append([]byte(id), 0)
	return binary.BigEndian.AppendUint16(b, uint16(number))
}

// after is the first key that is greater than every key beginning with
// prefix, nil if there is none.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			b := bytes.Clone(prefix[:i+1])
			b[i]++
			return b
		}
	}
	return nil
}
