package inputs

import (
	"testing"
	"time"
)

// A date means the whole day, even if its midnight does not exist or occurs twice.
func TestDayStart(t *testing.T) {
	for name, c := range map[string]struct {
		zone             string
		y, m, d          int
		want, wantFollow string
	}{
		"UTC":                       {"UTC", 2026, 5, 3, "2026-05-03T00:00:00Z", "2026-05-04T00:00:00Z"},
		"end of a month":            {"UTC", 2026, 12, 31, "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"},
		"45 minutes":                {"Asia/Kathmandu", 2026, 5, 3, "2026-05-02T18:15:00Z", "2026-05-03T18:15:00Z"},
		"23 hours":                  {"Europe/Berlin", 2026, 3, 29, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"25 hours":                  {"Europe/Berlin", 2026, 10, 25, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"no midnight":               {"America/Sao_Paulo", 2018, 11, 4, "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		"no midnight on the next":   {"America/Sao_Paulo", 2018, 11, 3, "2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z"},
		"no midnight in Cairo":      {"Africa/Cairo", 2024, 4, 26, "2024-04-25T22:00:00Z", "2024-04-26T21:00:00Z"},
		"two midnights":             {"America/Havana", 2024, 11, 3, "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"},
		"clocks back from midnight": {"America/Sao_Paulo", 2018, 2, 17, "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		got := dayStart(c.y, time.Month(c.m), c.d, zone).Format(time.RFC3339)
		next := dayStart(c.y, time.Month(c.m), c.d+1, zone).Format(time.RFC3339)
		if got != c.want || next != c.wantFollow {
			t.Errorf("%s: %s to %s, want %s to %s", name, got, next, c.want, c.wantFollow)
		}
	}
}
