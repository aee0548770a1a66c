package main

import "time"

// rows are all jobs, those of reading first. Their names are what --rows
// matches.
func rows(s scale) []row {
	all := serverRows(s)
	all = append(all, sequentialRows(s)...)
	all = append(all, randomRows(s)...)
	all = append(all, smallReadRows(s)...)
	all = append(all, largeWriteRows(s)...)
	all = append(all, smallWriteRows(s)...)
	return append(all, nameRows(s)...)
}

// near and far are for rows that make sense with one latency only.
func near() []time.Duration { return []time.Duration{0} }
func far() []time.Duration  { return []time.Duration{20 * time.Millisecond} }
