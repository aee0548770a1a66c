package main

import (
	"fmt"
	"time"
)

const (
	paceWindow = 10 * time.Second       // over which the rate is taken
	paceStep   = 250 * time.Millisecond // between samples
)

// pace measures the rate of a transfer over the last paceWindow. Time counts
// and not calls: reports come in bursts, whole buffers at once and then none
// while the network is waited for. Without reports the rate sinks.
type pace struct {
	samples []paceSample // of at most a window and one before, oldest first
	done    int64        // bytes by the last report
	total   int64        // bytes; 0: not known
}

type paceSample struct {
	at   time.Time
	done int64
}

// report takes in how far the transfer is.
func (p *pace) report(now time.Time, done, total int64) {
	p.done, p.total = done, total
	if n := len(p.samples); n > 0 && now.Sub(p.samples[n-1].at) < paceStep {
		return
	}
	p.samples = append(p.samples, paceSample{now, done})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= paceWindow {
		p.samples = p.samples[1:]
	}
}

// rate is in bytes per second; 0 before anything can be said.
func (p *pace) rate(now time.Time) float64 {
	if len(p.samples) == 0 {
		return 0
	}
	first := p.samples[0]
	seconds := now.Sub(first.at).Seconds()
	if seconds < paceStep.Seconds() {
		return 0
	}
	return float64(p.done-first.done) / seconds
}

// text is the rate and the time left, for the end of a bar.
func (p *pace) text(now time.Time) string {
	rate := p.rate(now)
	text := byteCount(rate).String() + "/s"
	if rate < 1 || p.total <= 0 {
		return text + " ETA -"
	}
	left := time.Duration(float64(p.total-p.done) / rate * float64(time.Second))
	return fmt.Sprintf("%s ETA %v", text, left.Round(time.Second))
}
