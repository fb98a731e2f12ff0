package policy

import (
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// Ledger is the `ledger` section of a policy file.
type Ledger struct {
	Ring       signing.Ring // without keys, ledgers are not signed
	Experiment string       // experiment for new ledgers; "" for the default
}

var (
	keyFields = []tree.Field{
		tree.Required("public",
			tree.Pattern("a public key as ledger keygen prints it, such as ed25519:…",
				`^ed25519:[A-Za-z0-9+/]{43}=$`)),
		tree.Optional("until", tree.Date("last day that the key is valid, in UTC; by default it never expires")),
		tree.Optional("not-between",
			tree.Shape{
				Kind: tree.KindList, About: "first and last day (UTC) of a period when the key does not count, " +
					"for example because it was stolen", Size: 2, Item: itemShape(tree.Date("a day")),
			}),
	}
	keyNameShape    = tree.Pattern("a name of a-z, 0-9, '.', '_' and '-'", `^[a-z0-9][a-z0-9._-]{0,62}$`)
	experimentShape = tree.MaxLength(200, tree.Pattern("experiment for new ledgers, without '/'; default "+
		"mlflow-promotions", `^[^/\x00-\x1f]+$`))
	ledgerFields = []tree.Field{
		tree.Optional("keys",
			tree.MapOf("keys that sign ledgers; an entry counts only if one of these keys signed it", keyNameShape,
				tree.Object("a key", keyFields...))),
		tree.Optional("experiment", experimentShape),
	}
)

func itemShape(s tree.Shape) *tree.Shape { return &s }

// ledgerSection reads the `ledger` section, which must already have been checked against its shape.
func (r *reader) ledgerSection(n *tree.Node) Ledger {
	out := Ledger{Experiment: n.Str("experiment")}
	keys := n.Get("keys")
	if keys == nil {
		return out
	}
	for _, e := range keys.Entries {
		public, err := signing.ParsePublic(e.Value.Str("public"))
		if err != nil {
			r.Problems = append(r.Problems, e.Value.Problem("public", "the key %v", err).(tree.Problem))
			continue
		}
		if same, listed := out.Ring.Find(public.Fingerprint()); listed {
			r.Problems = append(r.Problems,
				e.Value.Problem("public", "the keys %s and %s are the same", same.Name, e.Key).(tree.Problem))
		}
		k := signing.Key{Name: e.Key, Public: public}
		if e.Value.Has("until") {
			k.Until = r.day(e.Value, "until", e.Value.Str("until")).AddDate(0, 0, 1)
		}
		if days := e.Value.Texts("not-between"); len(days) == 2 {
			k.NotBetween = [2]time.Time{
				r.day(e.Value, "not-between", days[0]), r.day(e.Value, "not-between", days[1]).AddDate(0, 0, 1),
			}
			if !k.NotBetween[0].Before(k.NotBetween[1]) {
				r.Problems = append(r.Problems,
					e.Value.Problem("not-between", "the first day is after the last one").(tree.Problem))
			}
		}
		out.Ring = append(out.Ring, k)
	}
	return out
}

// day parses a date and returns the beginning of that day in UTC.
func (r *reader) day(n *tree.Node, key, text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		r.Problems = append(r.Problems,
			n.Problem(key, "%q is not a date; want a date such as 2026-12-31", text).(tree.Problem))
	}
	return day
}
