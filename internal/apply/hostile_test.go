package apply_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

func (p protocol) hostile() bool { return p >= signed }

// keyOf returns the key of a promoter. The founder has the number -1.
func keyOf(who int) signing.KeyPair {
	k, err := signing.Generate(bytes.NewReader(bytes.Repeat([]byte{byte(who + 2)}, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

// ring returns the keys of the founder and the given promoters.
func ring(who ...int) (r signing.Ring) {
	for _, n := range append(who, -1) {
		r = append(r, signing.Key{Name: fmt.Sprint(n), Public: keyOf(n).Public()})
	}
	return r
}

// forgeries lists what the hostile writer can do with an editor's permissions.
var forgeries = []struct {
	name string
	do   func(m *ledgertest.Memory)
}{
	{"an unsigned claim", func(m *ledgertest.Memory) {
		l := &ledger.Ledger{
			Store: m, Founder: m, Model: "churn", Now: func() time.Time { return began }, Ring: ring(), Unsigned: true,
			Pause: func(context.Context, int) bool { return false },
		}
		v, _ := l.Look(context.Background())
		p := &ledger.Promotion{Ledger: l, View: v, Record: func(int) ledger.Record {
			return ledger.Record{Model: "churn", To: 66, Target: target}
		}}
		_ = p.Begin(context.Background(), 66)
	}},
	{"a forged outcome", func(m *ledgertest.Memory) { write(m, 0, "d%06d", "done|ok|1|2026-05-03T10:00:00Z|x") }},
	{"junk in the next number", func(m *ledgertest.Memory) { write(m, 1, "h%06d", "x") }},
	{"a signature of the open entry", func(m *ledgertest.Memory) { write(m, 0, "o%06d", "x") }},
	{"another next page", func(m *ledgertest.Memory) { write(m, 0, "next", "x") }},
}

// write stores a value under the newest claim's number plus the given distance.
func write(m *ledgertest.Memory, after int, key, value string) {
	last := 0
	for k := range m.Pages["page-1"] {
		var n int
		if _, err := fmt.Sscanf(k, "e%06d", &n); err == nil {
			last = max(last, n)
		}
	}
	if strings.Contains(key, "%") {
		key = fmt.Sprintf(key, last+after)
	}
	_ = m.Write(context.Background(), "page-1", map[string]string{key: value})
}
