package mlflowtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

type dumpedModel struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Aliases     map[string]int64  `json:"aliases,omitempty"`
	Versions    []dumpedVersion   `json:"versions,omitempty"`
}

type dumpedVersion struct {
	Version     int64             `json:"version"`
	Stage       string            `json:"stage"`
	Source      string            `json:"source,omitempty"`
	Run         string            `json:"run,omitempty"`
	RunLink     string            `json:"run_link,omitempty"`
	Status      string            `json:"status"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Deleted     bool              `json:"deleted,omitempty"`
}

type dumpedRun struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Experiment string            `json:"experiment"`
	Status     string            `json:"status"`
	Deleted    bool              `json:"deleted,omitempty"`
	Params     map[string]string `json:"params,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}

type dumpedExperiment struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags,omitempty"`
	Deleted bool              `json:"deleted,omitempty"`
}

type dumpedLogged struct {
	ID   string            `json:"id"`
	Name string            `json:"name"`
	Tags map[string]string `json:"tags,omitempty"`
}

type dumpedSpace struct {
	Workspace   string             `json:"workspace"`
	Models      []dumpedModel      `json:"models,omitempty"`
	Experiments []dumpedExperiment `json:"experiments,omitempty"`
	Runs        []dumpedRun        `json:"runs,omitempty"`
	Logged      []dumpedLogged     `json:"logged_models,omitempty"`
}

// Dump describes the state without times, as indented JSON. Equal states give equal texts. It contains models with
// versions, aliases and tags, experiments, runs with parameters and tags, and logged models with tags. Metrics and
// artifacts are left out, because no promotion may change them.
func (s *Server) Dump() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []dumpedSpace
	for _, name := range slices.Sorted(maps.Keys(s.spaces)) {
		out = append(out, s.spaces[name].dump())
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(out); err != nil {
		panic("mlflowtest: " + err.Error())
	}
	return b.Bytes()
}

func (sp *space) dump() dumpedSpace {
	out := dumpedSpace{Workspace: sp.name}
	for _, name := range slices.Sorted(maps.Keys(sp.models)) {
		out.Models = append(out.Models, sp.models[name].dump())
	}
	names := map[string]string{}
	for _, e := range sp.experiments {
		names[e.id] = e.name
		out.Experiments = append(out.Experiments, dumpedExperiment{e.name, e.tags.asMap(), e.stage == deleted})
	}
	for _, r := range sp.runs {
		out.Runs = append(
			out.Runs,
			dumpedRun{
				r.id,
				r.name,
				names[r.experiment],
				r.status,
				r.lifecycle == deleted,
				r.params.asMap(),
				r.tags.asMap(),
			},
		)
	}
	for _, m := range sp.logged {
		out.Logged = append(out.Logged, dumpedLogged{m.id, m.name, m.tags.asMap()})
	}
	slices.SortFunc(out.Experiments, func(a, b dumpedExperiment) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Runs, func(a, b dumpedRun) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(out.Logged, func(a, b dumpedLogged) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (m *model) dump() dumpedModel {
	out := dumpedModel{Name: m.name, Description: m.description, Tags: m.tags.asMap(), Aliases: map[string]int64{}}
	for _, a := range m.aliases {
		out.Aliases[a.name] = a.version
	}
	for _, v := range m.versions {
		out.Versions = append(out.Versions, dumpedVersion{
			Version: v.number, Stage: v.stage, Source: v.source, Run: pointed(v.runID), RunLink: pointed(v.runLink),
			Status: v.status, Description: pointed(v.description), Tags: v.tags.asMap(), Deleted: v.deleted,
		})
	}
	slices.SortFunc(out.Versions, func(a, b dumpedVersion) int { return cmp.Compare(a.Version, b.Version) })
	return out
}

func (t tags) asMap() map[string]string {
	out := map[string]string{}
	for _, e := range t {
		out[e.Key] = e.Value
	}
	return out
}
