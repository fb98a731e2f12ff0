package inputs

import (
	"testing"
	"time"
)

func TestReadTime(t *testing.T) {
	zone := time.FixedZone("CEST", 2*60*60)
	for text, want := range map[string][2]string{
		"2026-05-03":                {"2026-05-02T22:00:00Z", "2026-05-03T21:59:59Z"},
		"3 May 2026":                {"2026-05-02T22:00:00Z", "2026-05-03T21:59:59Z"},
		"2026-05-03 10:00":          {"2026-05-03T08:00:00Z", "2026-05-03T08:00:00Z"},
		"2026-05-03T10:00":          {"2026-05-03T08:00:00Z", "2026-05-03T08:00:00Z"},
		"3 May 2026 10:00":          {"2026-05-03T08:00:00Z", "2026-05-03T08:00:00Z"},
		"2026-05-03 10:00:05":       {"2026-05-03T08:00:05Z", "2026-05-03T08:00:05Z"},
		"2026-05-03T10:00Z":         {"2026-05-03T10:00:00Z", "2026-05-03T10:00:00Z"},
		"2026-05-03 10:00 UTC":      {"2026-05-03T10:00:00Z", "2026-05-03T10:00:00Z"},
		"2026-05-03T10:00+05:30":    {"2026-05-03T04:30:00Z", "2026-05-03T04:30:00Z"},
		"2026-05-03 10:00 -07:00":   {"2026-05-03T17:00:00Z", "2026-05-03T17:00:00Z"},
		"2026-05-03T10:00:00-07:00": {"2026-05-03T17:00:00Z", "2026-05-03T17:00:00Z"},
	} {
		r := &reader{value: func(string) string { return text }, zone: zone}
		from, until := readTime(r, "at")
		if got := [2]string{from.Format(time.RFC3339), until.Format(time.RFC3339)}; got != want || len(r.problems) > 0 {
			t.Errorf("%s: %v %v, want %v", text, got, r.problems, want)
		}
	}
	for _, text := range []string{"yesterday", "2026-13-01", "10:00", "2026-05-03 10:00 CEST", "03/05/2026"} {
		r := &reader{value: func(string) string { return text }, zone: zone}
		if readTime(r, "at"); len(r.problems) != 1 {
			t.Errorf("%s: %v", text, r.problems)
		}
	}
}
