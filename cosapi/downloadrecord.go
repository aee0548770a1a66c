package cosapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// recordHeader is the first line of a record: what the file beside it is
// going to be. Each further line is the number and the CRC64 of a piece that
// is in it. Lines are appended when their bytes are written, not synced: a
// power cut may leave a line without its bytes, so a record is believed only
// as far as the bytes have the checksums.
type recordHeader struct {
	Target   string // base name; the name of the files is only a hash of it
	Key      string
	ETag     string
	Size     int64
	PartSize int64
}

// recall reads the record of an earlier download and takes over the pieces
// that are in the file. A record that is missing, or of another version, or
// torn, has less to say and is no error; nor is the end of ctx, which the
// download notices next.
func (t *target) recall(ctx context.Context, path string, want recordHeader) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	var found recordHeader
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &found) != nil || found != want {
		return
	}
	for ctx.Err() == nil && lines.Scan() {
		var number int
		var crc uint64
		n, err := fmt.Sscanf(lines.Text(), "%d %016x.", &number, &crc)
		if err != nil || n != 2 || !strings.HasSuffix(lines.Text(), ".") || number < 1 || number > len(t.parts) {
			continue
		}
		if sum, err := t.checksum(number); err == nil && sum == crc {
			t.parts[number-1].crc, t.parts[number-1].known = crc, true
		}
	}
}

// startRecord replaces the record by one of the pieces known by now.
func (t *target) startRecord(path string, header recordHeader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o666)
	if err != nil {
		return err
	}
	t.record = f
	first, err := json.Marshal(header)
	if err != nil {
		return err
	}
	lines := append(first, '\n')
	for i, p := range t.parts {
		if p.known {
			lines = append(lines, recordLine(i+1, p.crc)...)
		}
	}
	_, err = f.Write(lines)
	return err
}

// note records that a piece is in the file.
func (t *target) note(number int, crc uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts[number-1].crc, t.parts[number-1].known = crc, true
	_, err := t.record.WriteString(recordLine(number, crc))
	return err
}

// recordLine ends with a dot, without which a line is torn.
func recordLine(number int, crc uint64) string { return fmt.Sprintf("%d %016x.\n", number, crc) }
