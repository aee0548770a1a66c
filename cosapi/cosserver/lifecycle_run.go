package cosserver

import (
	"context"
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"time"
)

// LifecycleReport counts what ApplyLifecycle did.
type LifecycleReport struct {
	Expired      int // current versions, and delete markers without versions
	OldExpired   int // noncurrent versions removed
	Transitioned int
	Aborted      int // uploads
}

// ApplyLifecycle carries out the lifecycle rules of all buckets once, by
// Config.Now. Real COS runs them once a day and counts whole days from
// midnight; here a day is 24 hours after the write.
func (s *Server) ApplyLifecycle(ctx context.Context) (LifecycleReport, error) {
	run := lifecycleRun{st: s.store, ctx: ctx, now: s.cfg.Now().UTC()}
	marker := ""
	for {
		buckets, more, err := s.store.buckets(marker, maxBuckets)
		if err != nil {
			return run.report, err
		}
		for _, b := range buckets {
			marker = b.name
			if err := run.bucket(b); err != nil && !isCode(err, "NoSuchBucket") {
				return run.report, err
			}
		}
		if !more {
			return run.report, nil
		}
	}
}

// applyLifecycles is the goroutine behind Config.LifecycleEvery.
func (s *Server) applyLifecycles(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			report, err := s.ApplyLifecycle(ctx)
			if err != nil && !errors.Is(err, context.Canceled) {
				s.cfg.Log.Error("lifecycle rules not carried out", "err", err)
			}
			if report != (LifecycleReport{}) {
				s.cfg.Log.Info("lifecycle rules carried out", "report", report)
			}
		}
	}
}

type lifecycleRun struct {
	st     *store
	ctx    context.Context
	now    time.Time
	report LifecycleReport
}

// bucket goes through a bucket's versions and uploads, page by page.
func (r *lifecycleRun) bucket(b namedBucket) error {
	doc, set := b.Configs["lifecycle"]
	if !set {
		return nil
	}
	var d lifecycleDocument
	if err := xml.Unmarshal(doc, &d); err != nil {
		return err
	}
	rules := slices.DeleteFunc(d.Rules, func(rule lifecycleRule) bool { return rule.Status != statusEnabled })
	q, idMarker := listQuery{max: maxRows}, ""
	var newer versionRow // the row before, which is newer if the key is the same
	for more := true; more; {
		rows, next, err := r.st.listVersions(b.name, q, idMarker)
		if err != nil {
			return err
		}
		for i, row := range rows {
			only := i+1 == len(rows) && !next || i+1 < len(rows) && rows[i+1].name != row.name
			if err := r.version(b.name, rules, row, newer, only); err != nil {
				return err
			}
			newer = row
		}
		if more = next; more {
			q.marker, idMarker = rows[len(rows)-1].name, rows[len(rows)-1].VersionID
		}
	}
	return r.uploads(b.name, rules)
}

// version applies the first rule that has something to do with a version.
// only says that nothing older of the key is left.
func (r *lifecycleRun) version(bucket string, rules []lifecycleRule, row, newer versionRow, only bool) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	for _, rule := range rules {
		remove, class := rule.verdict(row, newer, only, r.now)
		if !remove && class == "" || !strings.HasPrefix(row.name, rule.prefix()) {
			continue
		}
		if ok, err := r.tagged(bucket, row, rule.tags()); err != nil || !ok {
			return err
		}
		return r.apply(bucket, row, remove, class)
	}
	return nil
}

// verdict says what a rule wants of a version: its removal, or another class.
func (rule *lifecycleRule) verdict(row, newer versionRow, only bool, now time.Time) (remove bool, class string) {
	expiration, transitions, since := rule.Expiration, rule.Transitions, row.Modified
	if !row.latest {
		expiration, transitions, since = rule.OldExpiration, rule.OldTransitions, newer.Modified
	}
	if row.DeleteMarker && row.latest {
		return only && expiration != nil && isTrue(expiration.ExpiredMarker), ""
	}
	if expiration != nil && expiration.due(since, now) {
		return true, ""
	}
	for _, t := range transitions {
		if !row.DeleteMarker && t.due(since, now) && t.StorageClass != className(row.StorageClass) {
			class = t.StorageClass
		}
	}
	return false, class
}

// due tells whether an event's time has come for something that began at since.
func (e *lifecycleEvent) due(since, now time.Time) bool {
	for _, n := range []*int{e.Days, e.NoncurrentDays, e.DaysAfterInitiation} {
		if n != nil {
			return !now.Before(since.Add(time.Duration(*n) * day))
		}
	}
	if e.Date == "" {
		return false
	}
	date, err := parseLifecycleDate(e.Date)
	return err == nil && !now.Before(date)
}

func (rule *lifecycleRule) filter() *lifecycleFilter {
	if rule.Filter.And != nil {
		return rule.Filter.And
	}
	return &rule.Filter
}

func (rule *lifecycleRule) prefix() string {
	if rule.Prefix != nil {
		return *rule.Prefix
	}
	return rule.filter().Prefix
}

func (rule *lifecycleRule) tags() []tag { return rule.filter().Tags }

// tagged tells whether a version has all the tags.
func (r *lifecycleRun) tagged(bucket string, row versionRow, tags []tag) (bool, error) {
	if len(tags) == 0 {
		return true, nil
	}
	o, _, err := r.st.lookup(bucket, row.name, row.VersionID)
	if isCode(err, "NoSuchKey") || isCode(err, "NoSuchVersion") {
		return false, nil // it went meanwhile
	}
	if err != nil {
		return false, err
	}
	for _, t := range tags {
		if !slices.Contains(o.Tags, t) {
			return false, nil
		}
	}
	return true, nil
}

// apply changes a version, provided it is still the one that was judged.
func (r *lifecycleRun) apply(bucket string, row versionRow, remove bool, class string) error {
	done := false
	err := r.st.update(func(c *change) error {
		done = false
		at, raw, err := find(c, bucket, row.name, row.VersionID)
		if isCode(err, "NoSuchKey") || isCode(err, "NoSuchVersion") {
			return nil // it went meanwhile
		}
		if err != nil {
			return err
		}
		o, err := decodeObject(raw)
		if err != nil || !o.Modified.Equal(row.Modified) {
			return err
		}
		done = true
		if !remove {
			o.StorageClass = class
			value, err := o.encode()
			if err != nil {
				return err
			}
			return c.put(at.table, at.key, value)
		}
		version := row.VersionID
		if row.latest && !row.DeleteMarker {
			version = "" // as a DELETE would: a marker, in a versioned bucket
		}
		_, err = r.st.removeIn(c, bucket, row.name, version)
		return err
	})
	switch {
	case !done:
	case !remove:
		r.report.Transitioned++
	case row.latest:
		r.report.Expired++
	default:
		r.report.OldExpired++
	}
	return err
}

// uploads aborts those that were begun too long ago.
func (r *lifecycleRun) uploads(bucket string, rules []lifecycleRule) error {
	q, idMarker := listQuery{max: maxRows}, ""
	for more := true; more; {
		rows, next, err := r.st.uploads(bucket, q, idMarker)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := r.upload(bucket, rules, row); err != nil {
				return err
			}
			q.marker, idMarker = row.key, row.id
		}
		more = next
	}
	return nil
}

func (r *lifecycleRun) upload(bucket string, rules []lifecycleRule, row uploadRow) error {
	for _, rule := range rules {
		if rule.AbortUploads == nil || !strings.HasPrefix(row.key, rule.prefix()) || !rule.AbortUploads.due(row.initiated, r.now) {
			continue
		}
		err := r.st.abort(bucket, row.key, row.id)
		if err == nil {
			r.report.Aborted++
		} else if isCode(err, "NoSuchUpload") {
			err = nil
		}
		return err
	}
	return nil
}
