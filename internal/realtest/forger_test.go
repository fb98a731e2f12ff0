//go:build real

package realtest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// attempt is one forged ledger on a real server, as its forger sees it.
type attempt struct {
	m      *forgedModel
	pages  map[string]map[string]string // the values on each page; a page that may have changed since is removed
	begun  []string                     // the forger's own pages
	denied int                          // the number of requests that the server refused
}

func (a *attempt) Ours() []string { return slices.Clone(a.m.pages) }

func (a *attempt) Others() []string { return append(slices.Clone(a.begun), a.m.others...) }

func (a *attempt) Place() registry.LedgerPlace { return a.m.place }

// Values reads the page from the server.
func (a *attempt) Values(page string) map[string]string {
	if a.pages[page] == nil {
		a.pages[page] = a.m.s.params(a.m.t.Context(), page)
	}
	return maps.Clone(a.pages[page])
}

// throughAPI performs those forgeries that the login's permissions allow.
type throughAPI struct {
	*attempt
	login      Client
	experiment string // the experiment that contains the login's own pages
}

func (c *throughAPI) send(method, path string, body object, out any) bool {
	err := c.login.Call(c.m.t.Context(), method, path, body, out)
	if err != nil {
		c.denied++
	}
	return err == nil
}

// Begin creates a run that has the model's name.
func (c *throughAPI) Begin() string {
	id, err := c.login.page(c.m.t.Context(), c.experiment, c.m.name)
	if err != nil {
		c.m.t.Errorf("begin a page: %v", err)
	}
	c.begun, c.pages[id] = append(c.begun, id), map[string]string{}
	return id
}

// page creates a run that looks like one of the ledger's own.
func (c Client) page(ctx context.Context, experiment, model string) (string, error) {
	var out struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	err := c.Call(ctx, http.MethodPost, "runs/create", object{
		"experiment_id": experiment, "run_name": model, "start_time": 1,
	}, &out)
	return out.Run.Info.ID, err
}

// Add logs the values in batches of 100.
func (c *throughAPI) Add(page string, kv map[string]string) {
	delete(c.pages, page)
	for some := range slices.Chunk(pairs(kv), 100) {
		if !c.send(http.MethodPost, "runs/log-batch", object{"run_id": page, "params": some}, nil) {
			return
		}
	}
}

func (c *throughAPI) Replace(string, map[string]string) {} // no request can replace a parameter
func (c *throughAPI) Remove(string)                     {} // requires more than EDIT

func (c *throughAPI) Point(p registry.LedgerPlace) {
	for key, value := range map[string]string{"ledger": p.First, "tail": p.Tail} {
		if value != "" {
			c.send(http.MethodPost, "experiments/set-experiment-tag", object{
				"experiment_id": c.m.place.ID, "key": key, "value": value,
			}, nil)
		}
	}
	if p.Deleted {
		c.send(http.MethodPost, "experiments/delete", object{"experiment_id": c.m.place.ID}, nil)
	}
}

func (c *throughAPI) Anchor(text string) {
	body := object{"name": c.m.name, "key": registry.TagAnchor, "value": text}
	if text == "" {
		c.send(http.MethodDelete, "registered-models/delete-tag", body, nil)
		return
	}
	c.send(http.MethodPost, "registered-models/set-tag", body, nil)
}

// throughSQL edits the database. It creates its own pages as an administrator through the API, because the result is
// the same.
type throughSQL struct{ throughAPI }

func (c *throughSQL) script(statements ...Statement) {
	if _, _, err := c.m.db.Script(statements...); err != nil {
		c.m.t.Errorf("%v", err)
	}
}

func (c *throughSQL) Add(page string, kv map[string]string) {
	stored := c.Values(page)
	for key, value := range kv {
		if stored[key] != "" && stored[key] != value {
			return
		}
	}
	maps.Copy(stored, kv)
	c.Replace(page, stored)
}

func (c *throughSQL) Replace(page string, kv map[string]string) {
	if page != "" {
		c.pages[page] = maps.Clone(kv)
		c.script(replaced(page, kv)...)
	}
}

// replaced returns the statements that replace all values on a page with these.
func replaced(page string, kv map[string]string) []Statement {
	out := []Statement{{"DELETE FROM params WHERE run_uuid = :page", object{"page": page}}}
	var rows []object
	for key, value := range kv {
		rows = append(rows, object{"page": page, "key": key, "value": value})
	}
	if rows != nil {
		out = append(out, Statement{"INSERT INTO params (run_uuid, key, value) VALUES (:page, :key, :value)", rows})
	}
	return out
}

func (c *throughSQL) Remove(page string) {
	c.script(Statement{"UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = :page", object{"page": page}})
}

func (c *throughSQL) Point(p registry.LedgerPlace) {
	var out []Statement
	for key, value := range map[string]string{"ledger": p.First, "tail": p.Tail} {
		at := object{"id": c.m.place.ID, "key": key, "value": value}
		out = append(out, Statement{"DELETE FROM experiment_tags WHERE experiment_id = :id AND key = :key", at})
		if value != "" {
			const insert = "INSERT INTO experiment_tags (experiment_id, key, value) VALUES (:id, :key, :value)"
			out = append(out, Statement{insert, at})
		}
	}
	if p.Deleted {
		const deleted = "UPDATE experiments SET lifecycle_stage = 'deleted' WHERE experiment_id = :id"
		out = append(out, Statement{deleted, object{"id": c.m.place.ID}})
	}
	c.script(out...)
}

func (c *throughSQL) Anchor(text string) {
	at := object{"name": c.m.name, "key": registry.TagAnchor, "value": text}
	out := []Statement{{"DELETE FROM registered_model_tags WHERE name = :name AND key = :key", at}}
	if text != "" {
		const insert = "INSERT INTO registered_model_tags (name, key, value) VALUES (:name, :key, :value)"
		out = append(out, Statement{insert, at})
	}
	c.script(out...)
}

// params returns a run's parameters.
func (c Client) params(ctx context.Context, run string) map[string]string {
	var out struct {
		Run struct {
			Data struct {
				Params []struct{ Key, Value string }
			}
		}
	}
	kv := map[string]string{}
	if c.Call(ctx, http.MethodGet, "runs/get?run_id="+url.QueryEscape(run), nil, &out) == nil {
		for _, p := range out.Run.Data.Params {
			kv[p.Key] = p.Value
		}
	}
	return kv
}

// snapshot is the state to which a model's ledger and registry entry are restored after each forgery.
type snapshot struct {
	params map[string]map[string]string // parameters by page
	rows   map[string][][]string        // rows by table, for the tables below
}

// tables lists the tables to restore, with their columns and the condition that selects the rows.
var tables = []struct{ name, columns, where string }{
	{"registered_model_tags", "name, key, value", "name = :model"},
	{"model_version_tags", "name, version, key, value", "name = :model"},
	{"experiment_tags", "experiment_id, key, value", "experiment_id = :name"},
}

func (m *forgedModel) keys() object {
	return object{"model": m.name, "name": m.place.ID, "home": m.home, "named": "mlflow-promotions/" + m.name + "%"}
}

func (m *forgedModel) query(sql string) [][]string {
	m.t.Helper()
	rows, _, err := m.db.Exec(sql, m.keys())
	if err != nil {
		m.t.Fatal(err)
	}
	return rows
}

// save takes the snapshot.
func (m *forgedModel) save() {
	m.saved = snapshot{map[string]map[string]string{}, map[string][][]string{}}
	for _, page := range append(m.Ours(), m.others...) {
		m.saved.params[page] = m.s.params(m.t.Context(), page)
	}
	for _, t := range tables {
		m.saved.rows[t.name] = m.query("SELECT " + t.columns + " FROM " + t.name + " WHERE " + t.where)
	}
	m.saved.rows["model_versions"] = m.query(
		"SELECT version, current_stage, last_updated_time FROM model_versions WHERE name = :model",
	)
}

// Ours returns the pages of the honest ledger.
func (m *forgedModel) Ours() []string { return slices.Clone(m.pages) }

// restore reverts all changes to values, tags, stages and names since the snapshot. It also removes pages that are not
// in the snapshot.
func (m *forgedModel) restore() {
	var out []Statement
	for page, kv := range m.saved.params {
		out = append(out, replaced(page, kv)...)
	}
	for _, t := range tables {
		out = append(out, Statement{"DELETE FROM " + t.name + " WHERE " + t.where, m.keys()})
		columns := strings.Split(t.columns, ", ")
		var rows []object
		for _, row := range m.saved.rows[t.name] {
			values := object{}
			for i, c := range columns {
				values[c] = row[i]
			}
			rows = append(rows, values)
		}
		if rows != nil {
			out = append(out, Statement{
				"INSERT INTO " + t.name + " (" + t.columns + ") VALUES (:" + strings.Join(columns, ", :") + ")", rows,
			})
		}
	}
	var versions []object
	for _, row := range m.saved.rows["model_versions"] {
		versions = append(versions, object{"model": m.name, "version": row[0], "stage": row[1], "at": row[2]})
	}
	ours := "'" + strings.Join(slices.Sorted(maps.Keys(m.saved.params)), "', '") + "'"
	out = append(out,
		Statement{
			"UPDATE model_versions SET current_stage = :stage, last_updated_time = :at " +
				"WHERE name = :model AND version = :version", versions,
		},
		Statement{"UPDATE runs SET lifecycle_stage = 'active' WHERE run_uuid IN (" + ours + ")", object{}},
		Statement{
			"UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = :model AND experiment_id = :home " +
				"AND run_uuid NOT IN (" + ours + ")", m.keys(),
		},
		Statement{"UPDATE experiments SET lifecycle_stage = 'active' WHERE experiment_id = :name", m.keys()},
	)
	// a ledger that was created later under a different name
	known := "'" + strings.Join(m.experiments, "', '") + "'"
	out = append(out, Statement{
		"UPDATE experiments SET name = '" + fmt.Sprintf("gone-%d-", m.s.next()) +
			"' || name WHERE name LIKE :named AND name NOT IN (" + known + ")", m.keys(),
	})
	if _, _, err := m.db.Script(out...); err != nil {
		m.t.Fatal(err)
	}
}

var _ = []ledgertest.Carrier{&throughAPI{}, &throughSQL{}}
