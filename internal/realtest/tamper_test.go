//go:build real

package realtest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tamperedServers lists the servers whose tables are edited. Without -whole, only the newest one is used.
var tamperedServers = []struct {
	name  string
	o     Options
	whole bool
}{
	{"3.17.2 on PostgreSQL", Options{Store: "postgresql", Workers: 1}, false},
	{"2.22.5 on SQLite", Options{Version: "2.22.5", Workers: 1}, true},
	{"1.30.1 on SQLite", Options{Version: "1.30.1", Workers: 1}, true},
}

// Someone who knows the database's password edits the ledger. The program must notice every field that is changed or
// removed, every removed entry, a shortened ledger and an edited anchor. The `history` command must report the first
// affected entry. If the whole chain and its anchor are rewritten, only a copy kept elsewhere can reveal this.
func TestTampering_BySQL(t *testing.T) {
	binary := program(t)
	t.Log("| server | entries | fields edited | ways | shown by history | promotions on top refused |")
	for _, at := range tamperedServers {
		if at.whole && !*whole {
			continue
		}
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			s, err := MLflow(t.Context(), at.o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			db, err := s.Database(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Stop()
			k := &tampering{t: t, tool: tool{t: t, binary: binary, url: s.URL}, s: s, db: db}
			k.setUp()
			k.fields()
			k.entries()
			k.anchor()
			k.rewrite()
			t.Logf(
				"| %s | %d | %d | %d | %d | %d of %d |", at.name, k.last, k.rows, k.ways, k.shown, k.stopped, k.tried,
			)
		})
	}
}

const tampered = "tampered"

type tampering struct {
	t    *testing.T
	tool tool
	s    *Server
	db   *Database
	kept string // the path of a saved history

	first, second string // the ids of the ledger's pages; the first one is full
	last          int    // the number of the last entry
	anchored      string // the anchor's value

	rows, ways, shown, stopped int
	tried                      int // the number of edits after which a promotion was attempted
}

func (k *tampering) sql(sql string, args object) [][]string {
	k.t.Helper()
	rows, changed, err := k.db.Exec(sql, args)
	if err != nil {
		k.t.Fatal(err)
	}
	if !strings.HasPrefix(sql, "SELECT") && changed == 0 {
		k.t.Fatalf("nothing was changed: %s %v", sql, args)
	}
	return rows
}

func (k *tampering) promote(version int, env ...string) said {
	k.t.Helper()
	return k.tool.run(env, "promote", "--model", tampered, "--candidate", fmt.Sprintf(
		"models:/%s/%d", tampered, version,
	),
		"--stage", "Production", "--thresholds", "acc >= 0.5", "--override", "downgrade")
}

func (k *tampering) history(more ...string) said {
	k.t.Helper()
	return k.tool.run(nil, append([]string{"history", "--model", tampered}, more...)...)
}

// setUp promotes until one page of the ledger is full and the next one contains three entries.
func (k *tampering) setUp() {
	must := func(path string, body object) {
		if err := k.s.Call(k.t.Context(), http.MethodPost, path, body, nil); err != nil {
			k.t.Fatal(err)
		}
	}
	must("registered-models/create", object{"name": tampered})
	for range 2 {
		logged, err := k.s.Run(k.t.Context(), Spec{Name: tampered, Metrics: map[string]string{"acc": "0.9"}})
		if err != nil {
			k.t.Fatal(err)
		}
		source, err := k.s.Folder(k.t.Context(), logged.ArtifactURI, "model")
		if err != nil {
			k.t.Fatal(err)
		}
		must("model-versions/create", object{"name": tampered, "source": source, "run_id": logged.RunID})
	}
	for k.last = 0; k.last < 35; k.last++ {
		if got := k.promote(
			1+k.last%2, "GITHUB_RUN_ID="+strconv.Itoa(k.last),
		); got.Reason != "ok" || got.RecordID == "" {
			k.t.Fatalf("%s: %s", got.Reason, got.Error)
		}
	}
	sound := k.history()
	if sound.status != 0 || len(sound.History.Pages) != 2 || len(sound.History.Entries) != k.last {
		k.t.Fatalf("%d pages, %s", len(sound.History.Pages), sound.Error)
	}
	k.first, k.second = sound.History.Pages[0].Page, sound.History.Pages[1].Page
	k.kept = filepath.Join(k.t.TempDir(), "kept.json")
	if err := os.WriteFile(k.kept, sound.text, 0o600); err != nil {
		k.t.Fatal(err)
	}
	k.anchored = k.sql("SELECT value FROM registered_model_tags WHERE name = :name AND key = 'promote.ledger'", object{
		"name": tampered,
	})[0][0]
}

// noticed checks that the history command reports the edit and, if entry is given, reports it for that entry. If
// promote is true, because the newest page or the way to it was edited, noticed also checks that no promotion succeeds
// after the edit.
func (k *tampering) noticed(what string, entry int, promote bool, reasons ...string) {
	k.t.Helper()
	k.ways++
	reasons = append(reasons, "ledger-lost")
	got := k.history()
	switch {
	case got.status != 3 || !slices.Contains(reasons, got.Reason):
		k.t.Errorf("%s: history ends with status %d, %s", what, got.status, got.Reason)
	case entry != 0 && (got.History == nil || got.History.At != entry || got.History.Broken == ""):
		k.t.Errorf("%s: history does not show entry %d as the first that is broken: %s", what, entry, got.Error)
	default:
		k.shown++
	}
	if !promote {
		return
	}
	k.tried++
	switch got := k.promote(1 + k.last%2); {
	case got.status != 3 || !slices.Contains(reasons, got.Reason):
		k.t.Errorf("%s: promote ends with status %d, %s: %s", what, got.status, got.Reason, got.Error)
	default:
		k.stopped++
	}
}

// fields edits and removes every value on the newest page. On the full page before it, only some values are edited
// unless -whole is set.
func (k *tampering) fields() {
	for _, page := range []string{k.second, k.first} {
		newest := page == k.second
		for i, row := range k.sql("SELECT key, value FROM params WHERE run_uuid = :page ORDER BY key", object{
			"page": page,
		}) {
			key, value := row[0], row[1]
			if !newest && !*whole && numbered(key) != 0 && i%12 != 0 {
				continue
			}
			k.rows++
			where := object{"page": page, "key": key, "value": value}
			entry, reasons := numbered(key), []string{}
			if key == "format" {
				reasons = append(reasons, "unsupported") // the page looks as if a newer version had written it
			}
			where["other"] = otherEnd(value)
			k.sql("UPDATE params SET value = :other WHERE run_uuid = :page AND key = :key", where)
			k.noticed("editing "+key, entry, newest, reasons...)
			k.sql("UPDATE params SET value = :value WHERE run_uuid = :page AND key = :key", where)
			if !newest && !*whole {
				continue
			}
			k.sql("DELETE FROM params WHERE run_uuid = :page AND key = :key", where)
			if newest && key == fmt.Sprintf("d%06d", k.last) {
				k.lastOutcome()
			} else {
				k.noticed("removing "+key, entry, newest)
			}
			k.sql("INSERT INTO params (run_uuid, key, value) VALUES (:page, :key, :value)", where)
		}
	}
}

// lastOutcome removes the last entry's outcome, as if the run had been interrupted. After that, no promotion may
// succeed, and a copy kept elsewhere shows the difference.
func (k *tampering) lastOutcome() {
	k.ways++
	k.tried++
	if got := k.promote(1 + k.last%2); got.status != 3 || got.Reason != "conflict" {
		k.t.Errorf("removing the last outcome: promote ends with status %d, %s", got.status, got.Reason)
	} else {
		k.stopped++
	}
	if got := k.history("--records-file", k.kept); got.status != 3 || got.Reason != "ledger-lost" ||
		got.History.At != k.last {
		k.t.Errorf("removing the last outcome: history ends with status %d, %s: %s", got.status, got.Reason, got.Error)
	} else {
		k.shown++
	}
}

// entries removes whole entries, including those at the end of the ledger.
func (k *tampering) entries() {
	for first := k.last - 2; first <= k.last; first++ {
		for last := first; last <= k.last; last += max(1, k.last-first) {
			var gone [][]string
			for _, row := range k.sql("SELECT key, value FROM params WHERE run_uuid = :page", object{
				"page": k.second,
			}) {
				if n := numbered(row[0]); n >= first && n <= last {
					gone = append(gone, row)
					k.sql("DELETE FROM params WHERE run_uuid = :page AND key = :key", object{
						"page": k.second,
						"key":  row[0],
					})
				}
			}
			k.noticed(fmt.Sprintf("removing entries %d to %d of %d", first, last, k.last), first, true)
			for _, row := range gone {
				k.sql("INSERT INTO params (run_uuid, key, value) VALUES (:page, :key, :value)", object{
					"page":  k.second,
					"key":   row[0],
					"value": row[1],
				})
			}
		}
	}
	deleted := object{"page": k.second, "now": "deleted"}
	k.sql("UPDATE runs SET lifecycle_stage = :now WHERE run_uuid = :page", deleted)
	k.noticed("deleting the newest page", 0, true)
	deleted["now"] = "active"
	k.sql("UPDATE runs SET lifecycle_stage = :now WHERE run_uuid = :page", deleted)
	k.nameDeleted()
}

// nameDeleted deletes the experiment that only holds the ledger's name. The anchor still leads to the pages, so nothing
// is lost.
func (k *tampering) nameDeleted() {
	k.ways++
	gone := object{"name": "mlflow-promotions/" + tampered, "now": "deleted"}
	k.sql("UPDATE experiments SET lifecycle_stage = :now WHERE name = :name", gone)
	if got := k.history(); got.status != 0 || len(got.History.Entries) != k.last {
		k.t.Errorf("deleting the experiment of the name: history ends with status %d: %s", got.status, got.Error)
	} else {
		k.shown++
	}
	gone["now"] = "active"
	k.sql("UPDATE experiments SET lifecycle_stage = :now WHERE name = :name", gone)
}

// anchor edits each field of the anchor, and then removes the anchor.
func (k *tampering) anchor() {
	const set = "UPDATE registered_model_tags SET value = :value WHERE name = :name AND key = 'promote.ledger'"
	for _, field := range []string{`"run":"`, `"epoch":`, `"sha256":"`} {
		at := strings.Index(k.anchored, field) + len(field)
		edited := k.anchored[:at] + "7" + k.anchored[at+1:]
		if edited == k.anchored {
			edited = k.anchored[:at] + "8" + k.anchored[at+1:]
		}
		k.sql(set, object{"name": tampered, "value": edited})
		k.noticed("editing the anchor's "+field, 0, true)
	}
	k.sql(set, object{"name": tampered, "value": "x"})
	k.noticed("garbling the anchor", 0, true)
	k.sql(set, object{"name": tampered, "value": k.anchored})
	const move = "UPDATE registered_model_tags SET key = :to WHERE name = :name AND key = :from"
	k.sql(move, object{"name": tampered, "from": "promote.ledger", "to": "moved"})
	k.noticed("removing the anchor", 0, true)
	k.sql(move, object{"name": tampered, "from": "moved", "to": "promote.ledger"})
	if got := k.history("--records-file", k.kept); got.status != 0 {
		k.t.Fatalf("after all was put right again: %s", got.Error)
	}
}

// rewrite replaces the ledger with a different valid one, in the same runs and with a matching anchor and tags. Anyone
// who has this program and the database's password can do so. The chain does not show the change, but a copy kept
// elsewhere does.
func (k *tampering) rewrite() {
	home := "mlflow-promotions/" + tampered
	k.sql("UPDATE experiments SET name = 'aside' WHERE name = :name", object{"name": home})
	k.sql("DELETE FROM registered_model_tags WHERE name = :name AND key = 'promote.ledger'", object{"name": tampered})
	k.sql("DELETE FROM model_version_tags WHERE name = :name AND key = 'promote.record'", object{"name": tampered})
	for n := range 3 {
		if got := k.promote(1+(k.last+n)%2, "GITHUB_TRIGGERING_ACTOR=mallory"); got.Reason != "ok" {
			k.t.Fatalf("%s: %s", got.Reason, got.Error)
		}
	}
	forged := k.history().History.Pages[0].Page
	k.sql("DELETE FROM params WHERE run_uuid = :a OR run_uuid = :b", object{"a": k.first, "b": k.second})
	k.sql("UPDATE params SET run_uuid = :to WHERE run_uuid = :from", object{"from": forged, "to": k.first})
	for _, table := range []string{"registered_model_tags", "model_version_tags"} {
		k.sql("UPDATE "+table+" SET value = REPLACE(value, :from, :to) WHERE name = :name AND key IN "+
			"('promote.ledger', 'promote.record')",
			object{"from": forged, "to": k.first, "name": tampered})
	}
	k.sql("UPDATE experiments SET name = 'forged' WHERE name = :name", object{"name": home})
	k.sql("UPDATE experiments SET name = :name WHERE name = 'aside'", object{"name": home})
	k.sql("UPDATE experiment_tags SET value = :first WHERE key = 'tail' AND value = :second", object{
		"first":  k.first,
		"second": k.second,
	})
	if got := k.history(); got.status != 0 || len(got.History.Entries) != 3 ||
		got.History.Entries[0].Record.Actor != "mallory" {
		k.t.Errorf("a chain that was rewritten as a whole can be told by itself: status %d, %s", got.status, got.Error)
	}
	if got := k.history("--records-file", k.kept); got.status != 3 || got.Reason != "ledger-lost" ||
		got.History.At != 1 {
		k.t.Errorf(
			"a chain that was rewritten as a whole is not told with a kept copy: status %d, %s", got.status, got.Error,
		)
	}
}

// numbered returns the number of the entry that a key belongs to, or 0 for a key that belongs to the page itself.
func numbered(key string) int {
	if len(key) < 7 || !strings.Contains("ehdr", key[:1]) {
		return 0
	}
	n, _ := strconv.Atoi(key[1:7])
	return n
}

// otherEnd returns the value with its last character replaced by a different one of the same kind.
func otherEnd(value string) string {
	end := "1"
	if strings.HasSuffix(value, end) {
		end = "2"
	}
	return value[:len(value)-1] + end
}
