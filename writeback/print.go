package writeback

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"cosfs/cosapi"
)

// print identifies the content of a request that makes an object. It is noted
// before the request is sent and kept until its outcome is known, in the
// record too, so that we know our own work when we find it in the bucket.
type print struct {
	Gen     uint64 `json:"gen"`
	AttrGen uint64 `json:"attr_gen,omitempty"`
	Size    int64  `json:"size"`
	CRC     uint64 `json:"crc64"`
}

func (p print) of(o cosapi.Object) bool { return o.HasCRC64 && o.CRC64 == p.CRC && o.Size == p.Size }

// maxPrints bounds what is remembered of requests with unknown outcomes.
const maxPrints = 8

// damage is where a broken copy of ours is, as long as nobody else can have
// replaced it: like a base, it is trusted for Config.BaseTTL.
type damage struct {
	key string
	at  time.Time
}

func (f *File) damagedLocked(key string) bool {
	return f.damage.key == key && time.Since(f.damage.at) <= f.stage.cfg.BaseTTL
}

// crossing is a request that makes an object, from when it is past recall.
type crossing struct {
	key    string
	print  print
	summed bool // the checksum of the content is known
	before bool // there was an earlier one whose outcome is unknown
	noted  bool // the print is new
}

// cross is the point of no return: what is sent now makes an object. An owed
// record that describes another content is brought up to date before: after a
// crash the bucket would have what nobody knows to be ours.
func (f *File) cross(ctx context.Context, c *crossing) error {
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.Lock()
	if c.summed && !slices.Contains(f.sent, c.print) {
		f.noteLocked(c.print)
		c.noted = true
	}
	behind := f.onDisk == StateOwed && (f.durableGen != c.print.Gen || f.gen != c.print.Gen)
	f.mu.Unlock()
	if behind {
		if err := f.save(StateOwed, true); err != nil {
			// Uploads are what a full disk needs most.
			f.stage.cfg.Log.Warn("stage: a crash now may make a conflict with ourselves", "key", c.key, "err", err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		f.unnoteLocked(c)
		return err
	}
	c.before = f.attempt.exposed
	f.attempt.decided, f.attempt.exposed = true, true
	return nil
}

// noteLocked remembers a print. The caller holds disk, too.
func (f *File) noteLocked(p print) {
	f.sent = append(f.sent, p)
	f.sent = f.sent[max(0, len(f.sent)-maxPrints):]
	f.unnoted = true
}

func (f *File) unnoteLocked(c *crossing) {
	if c.noted {
		f.sent = slices.DeleteFunc(f.sent, func(p print) bool { return p == c.print })
	}
}

// doubt notes how a request has failed that makes an object.
func (f *File) doubt(err error, c *crossing) {
	var refused *cosapi.Error
	definite := errors.As(err, &refused) && definiteKind(refused.Kind)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempt.decided = false
	if definite {
		f.attempt.exposed = c.before
		f.unnoteLocked(c)
		return
	}
	if errors.Is(err, cosapi.Corrupt) {
		f.damage = damage{c.key, time.Now()}
	}
}

// definiteKind says that a request that failed so has changed nothing. That a
// key exists is not of the kind: the client repeats a request whose answer was
// lost, and then it is our own object that is in the way.
func definiteKind(k cosapi.Kind) bool {
	switch k {
	case cosapi.NoBucket, cosapi.Denied, cosapi.Skewed, cosapi.Changed, cosapi.Invalid, cosapi.NameTooLong,
		cosapi.TooLarge, cosapi.NoSpace, cosapi.Locked, cosapi.Unsupported:
		return true
	}
	return false
}

// recognise finds out that an object was made by a request of ours whose
// outcome is unknown. The last one that fits leaves the least to be sent.
func (f *File) recognise(there cosapi.Object) *receipt {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, p := range slices.Backward(f.sent) {
		if p.of(there) {
			attrGen := p.AttrGen
			if f.attrGen <= p.Gen { // an upload has the attributes of its beginning
				attrGen = f.attrGen
			}
			return &receipt{object: there, gen: p.Gen, attrGen: attrGen, sentAttr: p.AttrGen,
				plain: p.AttrGen == f.attrGen && !carries(there.Attrs, f.opts.Attrs)}
		}
	}
	return nil
}

// carries says that an object has the attributes that were to be sent. COS
// fills in what is left empty (cos-api.md 3.0.7).
func carries(there, ours cosapi.Attrs) bool {
	or := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	return or(there.ContentType, "application/octet-stream") == or(ours.ContentType, "application/octet-stream") &&
		or(there.StorageClass, "STANDARD") == or(ours.StorageClass, "STANDARD") &&
		there.CacheControl == ours.CacheControl && there.ContentDisposition == ours.ContentDisposition &&
		there.ContentEncoding == ours.ContentEncoding && there.ContentLanguage == ours.ContentLanguage &&
		there.Expires == ours.Expires && maps.Equal(there.Meta, ours.Meta)
}

// note brings an owed record to know what is being sent, before a writer
// changes the content: after that a print is all that tells it from theirs.
func (f *File) note() error {
	f.disk.Lock()
	defer f.disk.Unlock()
	if f.onDisk == StateOwed {
		return f.save(StateOwed, true)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unnoted = false // a record that comes to be owed has all prints
	return nil
}

// look finds out, before the first change of a recovered file, whether the
// bucket has its content already. Others wait for who looks; the caller sees
// by f.unsure whether to look again.
func (f *File) look(ctx context.Context) error {
	f.mu.Lock()
	if ended := f.looking; ended != nil {
		f.mu.Unlock()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ended := make(chan struct{})
	f.looking = ended
	f.mu.Unlock()
	err := f.lookThere(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looking = nil
	f.unsure = f.unsure && err != nil
	close(ended)
	if err != nil {
		return fmt.Errorf("stage: whether the bucket has %q as an earlier run has left it: %w; try again when it answers", f.key, err)
	}
	return nil
}

func (f *File) lookThere(ctx context.Context) error {
	f.mu.RLock()
	key, base, hasBase := f.key, f.base, f.hasBase
	p := print{Gen: f.gen, AttrGen: f.attrGen}
	f.mu.RUnlock()
	there, err := f.stage.cfg.Store.Head(ctx, key)
	if errors.Is(err, cosapi.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if hasBase && there.Version == base.Version || !there.HasCRC64 || f.recognise(there) != nil {
		return nil
	}
	ours, _, err := f.sameContent(ctx, there)
	if err != nil || !ours {
		return err
	}
	p.Size, p.CRC = there.Size, there.CRC64
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unsure { // it has not been stored or renamed meanwhile
		f.noteLocked(p)
	}
	return nil
}
