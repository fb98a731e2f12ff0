package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// The programs that do the job.
const (
	stock = iota
	ours  // without the ledger, because the Python client has none
	ledger
)

// The versions of the model that the job registers.
const (
	first = iota
	next
)

// results contains all measurements, indexed by program, by version, and by whether the proxy was used (1) or not (0).
type results [3][2][2][]measured

func (r *results) add(who, version int, proxied bool, m measured) {
	p := &r[who][version][index(proxied)]
	*p = append(*p, m)
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r *results) print(w io.Writer, repeat int) {
	fmt.Fprintf(w, "\nregister, describe, 4 tags, check, alias: MLflow 3.17.2 on PostgreSQL, default workers; "+
		"medians of %d\n\n", repeat)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "\tPython client\tmlflow-promote\tratio\ttarget\twith the ledger")
	row := func(title, goal string, version int, proxied bool, figure func(measured) float64, unit string) {
		at := index(proxied)
		a, leastA := median(r[stock][version][at], figure)
		b, leastB := median(r[ours][version][at], figure)
		c, leastC := median(r[ledger][version][at], figure)
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f times less\t%s\t%s\n", title, shown(a, leastA, unit), shown(b, leastB, unit),
			a/b, goal, shown(c, leastC, unit))
	}
	wall := func(m measured) float64 { return ms(m.wall) }
	cpu := func(m measured) float64 { return ms(m.cpu) }
	memory := func(m measured) float64 { return float64(m.rss) / 1e6 }
	requests := func(m measured) float64 { return float64(m.requests) }
	rounds := func(m measured) float64 { return float64(m.rounds) }
	firstRequest := func(m measured) float64 { return ms(m.first) }
	row("wall time, existing model", "15 times", next, false, wall, "ms")
	row("wall time, first version", "15 times", first, false, wall, "ms")
	row("wall time, existing model, through the proxy", "15 times", next, true, wall, "ms")
	row("wall time, first version, through the proxy", "15 times", first, true, wall, "ms")
	row("processor time, existing model", "", next, false, cpu, "ms")
	row("peak memory, existing model", "5 times", next, false, memory, "MB")
	row("requests, existing model", "at most 18", next, true, requests, "")
	row("requests, first version", "", first, true, requests, "")
	row("dependent rounds, existing model", "at most 6", next, true, rounds, "")
	row("dependent rounds, first version", "at most 7", first, true, rounds, "")
	row("first request after the start", "at most 20 ms", next, true, firstRequest, "ms")
}

// printAudit prints the results of an audit as medians, with the minimum in brackets.
func printAudit(all, stock, floor, live []audited, many audited) {
	figure := func(runs []audited, of func(measured) float64) (middle, least float64) {
		var each []measured
		for _, r := range runs {
			each = append(each, r.measured)
		}
		return median(each, of)
	}
	wall := func(m measured) float64 { return m.wall.Seconds() }
	cpu := func(m measured) float64 { return m.cpu.Seconds() }
	rss := func(m measured) float64 { return float64(m.rss) / (1 << 20) }
	ours, _ := figure(all, wall)
	curl, _ := figure(floor, wall)
	py, _ := figure(stock, wall)
	fmt.Printf("\n1,000 models, 100,000 versions with 4 tags, 1,000 aliases: MLflow 3.17.2 on PostgreSQL, default "+
		"workers; medians of %d\n", len(all))
	fmt.Printf("  everything: audit %.1f s, curl page by page %.1f s, Python client %.1f s\n\n", ours, curl, py)
	fmt.Printf("wall ratio to curl floor: %.2f (target: at most 0.95)\n", ours/curl)
	ours, least := figure(all, cpu)
	py, _ = figure(stock, cpu)
	fmt.Printf("cpu ratio to python: %.2f (%.2f s, minimum %.2f, to %.2f s; target: at most 0.2)\n", ours/py, ours,
		least, py)
	middle, _ := figure(all, rss)
	fmt.Printf("peak rss MiB: %.0f (target: at most 64; Python client %.0f)\n", middle, second(figure(stock, rss)))
	fmt.Printf("requests: %d (target: at most 15 without look-ups; curl %d)\n", all[0].requests, floor[0].requests)
	middle, least = figure(live, wall)
	fmt.Printf("live wall s: %.2f (minimum %.2f; %d requests; target: less than 2)\n", middle, least, live[0].requests)
	fmt.Printf("peak rss MiB at 1,000,000 versions: %.0f (target: at most 96; %.0f s, %d requests, on a server that "+
		"computes them)\n",
		float64(many.rss)/(1<<20), many.wall.Seconds(), many.requests)
}

func second(middle, _ float64) float64 { return middle }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// shown formats a median and its minimum.
func shown(value, least float64, unit string) string {
	if unit == "" {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.0f %s (minimum %.0f)", value, unit, least)
}
