package cosapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
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

// openRecord continues the record of an earlier download, or begins one.
func (t *target) openRecord(ctx context.Context, path string, header recordHeader, fresh bool) error {
	if !fresh && t.recall(ctx, path, header) {
		// The last line may be torn: what is added begins on one of its own.
		_, err := t.record.WriteString("\n")
		return errors.Join(ctx.Err(), err)
	}
	var err error
	if t.record, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o666); err != nil {
		return err
	}
	first, err := json.Marshal(header)
	if err != nil {
		return err
	}
	_, err = t.record.Write(append(first, '\n'))
	return err
}

// recall takes over the pieces that the record of an earlier download names
// and that are in the file. A record that is missing or of something else is
// not continued; a torn or foreign line in it is passed over.
func (t *target) recall(ctx context.Context, path string, want recordHeader) bool {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	lines := bufio.NewScanner(f)
	var found recordHeader
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &found) != nil || found != want {
		f.Close()
		return false
	}
	t.record = f
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
	return true
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
