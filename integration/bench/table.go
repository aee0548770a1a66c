package main

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// unit is what a row counts.
type unit int

const (
	byteUnit unit = iota
	fileUnit
	readUnit
	timeUnit // one act; the time it takes counts
)

// format writes the speed of a sample.
func (u unit) format(s sample) string {
	switch u {
	case byteUnit:
		return fmt.Sprintf("%.0f MB/s", s.rate()/1e6)
	case fileUnit:
		return fmt.Sprintf("%.0f files/s", s.rate())
	case readUnit:
		return fmt.Sprintf("%.0f reads/s", s.rate())
	}
	return fmt.Sprintf("%.1f ms", s.elapsed.Seconds()*1e3)
}

// table prints Markdown, a line as soon as it is known.
type table struct{ w io.Writer }

func newTable(w io.Writer) *table { return &table{w: w} }

const lineFormat = "| %-42s | %-7s | %-18s | %13s | %8s | %8s | %10s | %8s |\n"

func (t *table) head(b *bed) {
	kernel, _ := exec.Command("uname", "-r").Output()
	size := ""
	if b.o.quick {
		size = ", quick: small jobs, rough figures"
	}
	fmt.Fprintf(t.w, "%s, Linux %s, %d CPUs, %d runs%s\n", time.Now().Format(time.DateOnly),
		strings.TrimSpace(string(kernel)), runtime.NumCPU(), b.o.runs, size)
	if len(b.missing) > 0 {
		fmt.Fprintf(t.w, "not installed, so not measured: %s\n", strings.Join(b.missing, ", "))
	}
	fmt.Fprintf(t.w, "\n"+lineFormat, "row", "latency", "who", "speed", "of limit", "requests", "moved MiB", "peak MiB")
	fmt.Fprintf(t.w, lineFormat, "---", "---", "---", "---:", "---:", "---:", "---:", "---:")
}

// rows prints what the contenders of a row did.
func (t *table) rows(r row, latency time.Duration, results []result) {
	limit := 0.0
	for i, res := range results {
		s := res.median()
		if res.err != nil {
			fmt.Fprintf(t.w, "| %-42s | %-7s | %-18s | did not finish: %s |\n", r.name, latency, res.name, firstLine(res.err))
			continue
		}
		ratio := ""
		if r.limit != nil && i == 0 {
			limit = s.rate()
		} else if limit > 0 {
			ratio = fmt.Sprintf("%.2f", s.rate()/limit)
		}
		peak := ""
		if s.peak > 0 {
			peak = fmt.Sprintf("%d", s.peak>>20)
		}
		fmt.Fprintf(t.w, lineFormat, r.name, latency, res.name, r.unit.format(s), ratio,
			fmt.Sprint(s.counted.requests()), fmt.Sprintf("%.1f", float64(s.counted.moved())/(1<<20)), peak)
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
