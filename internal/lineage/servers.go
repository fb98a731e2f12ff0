package lineage

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// OtherServer is a model on another server, from which the version or its original was copied.
type OtherServer struct {
	registry.Hop
	// the ledger entry that says so; "" if only the version's tag says so, which anyone with edit rights can change
	Entry string `json:"entry,omitempty"`
}

// servers adds the other servers, oldest first. The ledger's entry counts. If none exists, the version's tag is
// shown.
func (l *Lineage) servers(t Traced) {
	entries, _ := t.Entries.Get()
	for _, e := range slices.Backward(entries) {
		r := e.Record
		if !e.Foreign && e.Outcome == ledger.EntryDone && r.To == t.Version.Number && len(r.CopiedFrom) > 0 {
			for _, h := range r.CopiedFrom {
				l.addServer(h, e.ID())
			}
			return
		}
	}
	hops, err := registry.ParseHops(t.Version.Tags[registry.TagOrigin])
	if err != nil {
		l.addLost("servers", "the tag "+registry.TagOrigin+" cannot be read: "+err.Error())
	}
	for _, h := range hops {
		l.addServer(h, "")
	}
}

func (l *Lineage) addServer(h registry.Hop, entry string) {
	h.Server = format.WithoutUserInfo(h.Server)
	l.Servers = append(l.Servers, OtherServer{h, entry})
}
