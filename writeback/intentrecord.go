package writeback

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"cosfs/cosapi"
)

// Names of records of intents, after the id. They end like records of files
// do, so that an older program moves them aside and keeps them.
const (
	todoSuffix   = ".todo" + recordSuffix
	renameSuffix = ".rename" + recordSuffix
)

// todoRecord is an Intent as JSON, in <id>.todo.json. Its base has its key.
type todoRecord struct {
	Format  int               `json:"format"`
	ID      string            `json:"id"`
	Kind    IntentKind        `json:"kind"`
	Key     text              `json:"key"`
	Base    *cosapi.Object    `json:"base,omitempty"`
	Options cosapi.PutOptions `json:"options"`
	Body    []byte            `json:"body,omitempty"`
	At      time.Time         `json:"at"`
}

func (in Intent) encode() ([]byte, error) {
	r := todoRecord{Format: recordFormat, ID: in.id, Kind: in.Kind, Key: text(in.Key), Options: in.Options, Body: in.Body, At: in.At}
	if named(in.Base) {
		base := in.Base
		base.Key = ""
		r.Base = &base
	}
	return json.Marshal(r)
}

// decodeIntent refuses what encode cannot have written.
func decodeIntent(id string, p []byte) (Intent, error) {
	var r todoRecord
	if err := json.Unmarshal(p, &r); err != nil {
		return Intent{}, fmt.Errorf("intent %s: %w", id, err)
	}
	if err := checkRecordHead(id, r.Format, r.ID); err != nil {
		return Intent{}, err
	}
	in := Intent{Kind: r.Kind, Key: string(r.Key), Options: r.Options, Body: r.Body, At: r.At}
	if r.Base != nil {
		in.Base = *r.Base
	}
	in, err := in.normal()
	if err != nil {
		return Intent{}, fmt.Errorf("intent %s: %w", id, err)
	}
	in.id = id
	return in, nil
}

func checkRecordHead(id string, format int, says string) error {
	if format != recordFormat {
		return fmt.Errorf("record %s: format %d, this program knows %d", id, format, recordFormat)
	}
	if says != id {
		return fmt.Errorf("record %s: says it is %q: %w", id, says, errRecycled)
	}
	return nil
}

// writeIntent creates or replaces a record. A delete that a power cut undoes
// leaves a file that is simply still there; what else a program was told is
// made durable.
func (s *Stage) writeIntent(in Intent) error {
	p, err := in.encode()
	if err != nil {
		return fmt.Errorf("stage: record of %q: %w", in.Key, err)
	}
	return s.replaceFile(in.id+todoSuffix, p, in.Kind != IntentDelete)
}

func (s *Stage) removeIntent(in Intent) error {
	return s.retire(s.path(in.id+todoSuffix), secret(in.Options))
}

// scanIntent takes over one record of an earlier run, if name is that of an
// intent. Those that cannot be read are moved aside like other left-overs.
func (s *Stage) scanIntent(name string) (known bool) {
	if id, ok := strings.CutSuffix(name, renameSuffix); ok {
		return s.scanned(name, s.recoverRename(id))
	}
	id, ok := strings.CutSuffix(name, todoSuffix)
	if !ok {
		return false
	}
	p, err := os.ReadFile(s.path(name))
	if err != nil {
		return s.scanned(name, fmt.Errorf("intent %s: %w", id, err))
	}
	in, err := decodeIntent(id, p)
	if err == nil {
		s.intents.recover(in)
	}
	return s.scanned(name, err)
}

func (s *Stage) scanned(name string, err error) bool {
	if errors.Is(err, errRecycled) {
		return s.dropRecycled(name)
	}
	if err != nil {
		s.cfg.Log.Error("stage: a record of a change of names is unusable; it is moved aside", "dir", s.path(asideDir), "err", err)
	}
	return err == nil
}

// recover enters an intent of an earlier run, which may have carried it out.
// They come in the order of their ids, which is that of their age.
func (b *book) recover(in Intent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lineLocked(in.Key)
	l.users--
	t := &todo{Intent: in, line: l, due: time.Now(), doubt: true, sent: true}
	l.list = append(l.list, t)
	b.pending++
	b.offerLocked(l)
}
