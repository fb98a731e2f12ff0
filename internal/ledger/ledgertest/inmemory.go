package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// InMemory performs an attacker's operations on a model's ledger in a Memory.
type InMemory struct {
	*Memory
	Who   Attacker
	Model string
	begun int
}

// theirs is the outsiders' experiment. The names of attackers' pages begin with x.
const (
	theirs = "theirs"
	theirX = "x"
)

// Ours returns the model's pages in the home experiment.
func (c *InMemory) Ours() []string {
	return c.pages(func(id string) bool { return c.ours(id) && c.Memory.Pages[id]["model"] == c.Model })
}

// Others returns all other pages.
func (c *InMemory) Others() []string {
	return c.pages(func(id string) bool { return !c.ours(id) || c.Memory.Pages[id]["model"] != c.Model })
}

func (c *InMemory) ours(id string) bool {
	return !strings.HasPrefix(id, theirX) && cmp.Or(c.Homes[id], home) == home
}

func (c *InMemory) pages(of func(id string) bool) []string {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(c.Memory.Pages)), func(id string) bool { return !of(id) })
	slices.SortStableFunc(ids, func(a, b string) int { return base(c.Memory.Pages[a]) - base(c.Memory.Pages[b]) })
	return ids
}

// Values returns a copy of the values on a page.
func (c *InMemory) Values(id string) map[string]string {
	kv := map[string]string{}
	maps.Copy(kv, c.Memory.Pages[id])
	return kv
}

// Begin creates a page that belongs to the attacker.
func (c *InMemory) Begin() string {
	c.begun++
	id := fmt.Sprint(theirX, c.begun)
	c.Memory.Pages[id] = map[string]string{}
	if c.Who == Outsider {
		c.Homes[id] = theirs
	}
	return id
}

// Add writes values to a page. An outsider can write only to their own pages.
func (c *InMemory) Add(id string, kv map[string]string) {
	if c.Who == Outsider && !strings.HasPrefix(id, theirX) {
		return
	}
	for len(kv) > maxBatch { // a batch contains at most 100 values
		some := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(kv))[:maxBatch] {
			some[key] = kv[key]
		}
		_ = c.Write(context.Background(), id, some) // fails if the attacker may not write there
		kv = maps.Clone(kv)
		for key := range some {
			delete(kv, key)
		}
	}
	_ = c.Write(context.Background(), id, kv)
}

const maxBatch = 100

// Replace replaces a page if the attacker can edit the database.
func (c *InMemory) Replace(id string, kv map[string]string) {
	if c.Who == Operator && id != "" {
		c.Memory.Pages[id] = maps.Clone(kv)
	}
}

// Remove removes a page if the attacker can edit the database.
func (c *InMemory) Remove(id string) {
	if c.Who == Operator {
		delete(c.Memory.Pages, id)
	}
}

// Place returns what the ledger's name points to.
func (c *InMemory) Place() registry.LedgerPlace { return c.Places[c.Model] }

// Point changes what the ledger's name points to. An outsider can do so only if the name belongs to them.
func (c *InMemory) Point(p registry.LedgerPlace) {
	was := c.Places[c.Model]
	if c.Who != Outsider || was.ID == theirX || c.Homes[was.First] == theirs {
		c.Places[c.Model] = p
	}
}

// Anchor sets or removes the anchor, which an outsider cannot do.
func (c *InMemory) Anchor(text string) {
	switch {
	case c.Who == Outsider:
	case text == "":
		delete(c.Anchors, c.Model)
	default:
		c.Anchors[c.Model] = text
	}
}
