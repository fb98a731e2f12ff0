package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// An audit reads every page, and reports a defect instead of stopping.
func TestLoadSound(t *testing.T) {
	for _, c := range []struct {
		when    string
		plant   func(m *ledgertest.Memory, version *registry.Version)
		broken  string // "" if the ledger is sound
		entries int
		gone    bool
		err     bool
	}{
		{when: "it holds, over two pages", entries: PageEntries + 3},
		{
			when:  "there is none",
			plant: func(m *ledgertest.Memory, v *registry.Version) { m.Places, m.Anchors, v.Tags = nil, nil, nil },
			gone:  true,
		},
		{when: "an entry of the first page was edited", broken: "entry 5", entries: 4, plant: func(
			m *ledgertest.Memory, _ *registry.Version,
		) {
			m.Pages["page-1"][outcomeKey(5)] = edited(m.Pages["page-1"][outcomeKey(5)])
		}},
		{when: "an entry of the last page was edited", broken: fmt.Sprintf(
			"entry %d", PageEntries+2,
		),
			entries: PageEntries + 1, plant: func(m *ledgertest.Memory, _ *registry.Version) {
				key := linkKey(PageEntries + 2)
				m.Pages["page-2"][key] = edited(m.Pages["page-2"][key])
			}},
		{
			when: "a page was deleted", broken: "no page page-2",
			plant: func(m *ledgertest.Memory, _ *registry.Version) { delete(m.Pages, "page-2") },
		},
		{
			when: "the anchor was removed", broken: "was removed",
			plant: func(m *ledgertest.Memory, _ *registry.Version) { delete(m.Anchors, "churn") },
		},
		{
			when: "the experiment is gone, but the anchor names the ledger", entries: PageEntries + 3,
			plant: func(m *ledgertest.Memory, _ *registry.Version) { m.Places = nil },
		},
		{
			when: "the experiment is deleted, but the anchor names the ledger", entries: PageEntries + 3,
			plant: func(m *ledgertest.Memory, _ *registry.Version) {
				p := m.Places["churn"]
				p.Deleted = true
				m.Places["churn"] = p
			},
		},
		{when: "a version tells of an entry that is not " +
			"there", broken: "version 3 was promoted by entry 99", plant: func(
			_ *ledgertest.Memory, v *registry.Version,
		) {
			v.Tags = map[string]string{registry.TagRecord: `{"ledger":"page-1","epoch":99,"sha256":"x"}`}
		}},
		{when: "the server fails", err: true, plant: func(m *ledgertest.Memory, _ *registry.Version) {
			m.Before = func(string, string) error {
				return &registry.Error{Reason: registry.ServerError, Msg: "503"}
			}
		}},
	} {
		m := ledgertest.New()
		l := open(m)
		for n := 1; n <= PageEntries+3; n++ {
			promote(t, l, n)
		}
		version := registry.Version{Number: 3}
		if c.plant != nil {
			c.plant(m, &version)
		}
		model := registry.Model{Name: "churn", Tags: map[string]string{}}
		if text := m.Anchors["churn"]; text != "" {
			model.Tags[registry.TagAnchor] = text
		}
		got, err := LoadSound(ctx, Reader{Store: m, Model: "churn"}, model, []registry.Version{version})
		wrong := c.broken == "" && got.Broken != "" || !strings.Contains(got.Broken, c.broken)
		if (err != nil) != c.err || wrong || got.Exists == (c.gone || c.err) {
			t.Errorf("%s: exists %v, broken %q, %v", c.when, got.Exists, got.Broken, err)
		}
		if n := len(got.Chain.Entries); c.entries > 0 && n != c.entries {
			t.Errorf("%s: %d entries, want %d", c.when, n, c.entries)
		}
	}
}
