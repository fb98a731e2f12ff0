package state

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

// Dump describes the state, without times, metrics and artifacts, as indented JSON. Equal states have equal dumps.
func (s *State) Dump() []byte {
	var out []dumpedSpace
	for _, name := range slices.Sorted(maps.Keys(s.Spaces)) {
		out = append(out, s.Spaces[name].dump())
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

func (sp *Space) dump() dumpedSpace {
	out := dumpedSpace{Workspace: sp.Name}
	for _, name := range slices.Sorted(maps.Keys(sp.Models)) {
		out.Models = append(out.Models, sp.Models[name].dump())
	}
	names := map[string]string{}
	for _, e := range sp.Experiments {
		names[e.ID] = e.Name
		out.Experiments = append(out.Experiments, dumpedExperiment{e.Name, e.Tags.asMap(), e.Stage == Deleted})
	}
	for _, r := range sp.Runs {
		out.Runs = append(
			out.Runs,
			dumpedRun{
				r.ID,
				r.Name,
				names[r.Experiment],
				r.Status,
				r.Lifecycle == Deleted,
				r.Params.asMap(),
				r.Tags.asMap(),
			},
		)
	}
	for _, m := range sp.Logged {
		out.Logged = append(out.Logged, dumpedLogged{m.ID, m.Name, m.Tags.asMap()})
	}
	slices.SortFunc(out.Experiments, func(a, b dumpedExperiment) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Runs, func(a, b dumpedRun) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(out.Logged, func(a, b dumpedLogged) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (m *Model) dump() dumpedModel {
	out := dumpedModel{Name: m.Name, Description: m.Description, Tags: m.Tags.asMap(), Aliases: map[string]int64{}}
	for _, a := range m.Aliases {
		out.Aliases[a.Name] = a.Version
	}
	for _, v := range m.Versions {
		out.Versions = append(out.Versions, dumpedVersion{
			Version: v.Number, Stage: v.Stage, Source: v.Source, Run: TextOf(v.RunID), RunLink: TextOf(v.RunLink),
			Status: v.Status, Description: TextOf(v.Description), Tags: v.Tags.asMap(), Deleted: v.Deleted,
		})
	}
	slices.SortFunc(out.Versions, func(a, b dumpedVersion) int { return cmp.Compare(a.Version, b.Version) })
	return out
}
