package policy

import (
	"testing"
	"time"
)

// The last day of a period is included in full, in UTC.
func TestParse_LedgerKeys(t *testing.T) {
	p, err := Parse("p.yml", []byte(corpus(t, "accepted.txt")["a ledger with keys"]))
	if err != nil {
		t.Fatal(err)
	}
	day := func(month time.Month, n int) time.Time { return time.Date(2026, month, n, 0, 0, 0, 0, time.UTC) }
	l := p.Ledger
	if len(l.Ring) != 2 || l.Experiment != "team promotions" {
		t.Fatalf("%+v", l)
	}
	k := l.Ring[0]
	if k.Name != "prod-2026" || !k.Until.Equal(day(13, 1)) || !k.NotBetween[0].Equal(day(5, 4)) ||
		!k.NotBetween[1].Equal(day(5, 11)) {
		t.Errorf("%+v", k)
	}
	if k := l.Ring[1]; k.Name != "prod-2027" || !k.Until.IsZero() || !k.NotBetween[1].IsZero() {
		t.Errorf("%+v", k)
	}
}
