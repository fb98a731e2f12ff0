package auditpage

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// detail says how much of a model is written. The larger the page already is, the less detail the remaining models get.
type detail int

const (
	everything detail = iota
	lean              // omits details of versions that are not live and have no findings
	notable           // like lean, but omits those versions entirely
	nameOnly          // only the name, aliases, stages and findings
	nothing
)

// room is the page size up to which models are added at each level of detail.
var room = [nothing]int{everything: 16_000_000, lean: 20_000_000, notable: 22_000_000, nameOnly: Limit - 300_000}

// manyEntries says how many of a model's promotions are written at each level of detail, starting with the newest.
var manyEntries = [nothing]int{everything: 200, lean: 50, notable: 20}

// manyRows says how many rows of each register are written per model at each level of detail.
var manyRows = [nothing]int{everything: 500, lean: 200, notable: 50, nameOnly: 10}

// roomForFindings limits the page's size while findings are added about models that are not on the page. The space
// above it is reserved for the end of the page.
const roomForFindings = Limit - 100_000

// Limits on the length of strings, in bytes, and of lists.
const (
	longDescription = 2000
	longTag         = 300
	longText        = 1000 // for a message, a name or an address
	manyMetrics     = 20   // per run
	manyDatasets    = 20
	manyTags        = 50
)

// pageModel is a model in the form that the page's script expects. Times are Unix seconds, where 0 means unknown.
type pageModel struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Tags        int             `json:"tags,omitempty"` // index into Lists
	Created     int64           `json:"created,omitempty"`
	Updated     int64           `json:"updated,omitempty"`
	Hidden      bool            `json:"hidden,omitempty"`
	Unreadable  string          `json:"unreadable,omitempty"`
	Newest      int             `json:"newest,omitempty"`
	Read        int             `json:"read"`             // number of versions, including those not on the page
	Ledger      string          `json:"ledger,omitempty"` // why there is no ledger; "" if there is one
	Broken      string          `json:"broken,omitempty"` // why the chain is broken
	Before      registry.States `json:"before,omitempty"` // the targets' states before the page's first entry
	Promotions  int             `json:"promotions"`       // number of entries, including those not on the page
	Targets     []pageTarget    `json:"holders,omitempty"`
	Versions    columns         `json:"versions"`
	Runs        columns         `json:"runs"`
	Entries     columns         `json:"entries"`
	Findings    columns         `json:"findings"`
	Inventory   columns         `json:"inventory"`
	Exceptions  columns         `json:"exceptions"`
	Words       *words          `json:"words"`
	Lists       *lists          `json:"lists"`

	bare int // the number of versions without details
}

// pageTarget is an alias or stage and the version that it points to.
type pageTarget struct {
	Ref     string `json:"ref"`
	Version int    `json:"version"`
	Since   int64  `json:"since,omitempty"`
}

func newPageModel(a audit.Snapshot, findings []audit.Finding, d detail) *pageModel {
	w := newWords()
	m := &pageModel{
		Name:    a.Model.Name,
		Created: seconds(a.Model.Created), Updated: seconds(a.Model.Updated), Hidden: a.Model.Hidden,
		Unreadable: format.Truncate(a.Unreadable, longText), Broken: format.Truncate(a.Broken, longText),
		Newest: a.Model.Newest, Read: len(a.Versions),
		Words: w, Lists: newLists(w),
	}
	m.findings(findings)
	m.registers(a, manyRows[d])
	m.Targets = targets(a)
	m.entries(a.Ledger, manyEntries[d])
	if d == nameOnly {
		return m
	}
	m.Description, m.Tags = format.Truncate(a.Model.Description, longDescription), m.pairs(a.Model.Tags)
	m.versions(a, findings, d)
	return m
}

// versions adds the versions, and the runs of versions that are shown in detail.
func (m *pageModel) versions(a audit.Snapshot, findings []audit.Finding, d detail) {
	found := map[int]bool{}
	for _, f := range findings {
		found[f.Version] = true
	}
	var last registry.Version
	seen := map[string]bool{"": true}
	for _, v := range a.Versions {
		live := a.Live(v)
		bare := d > everything && !live && !found[v.Number]
		if bare && d == notable {
			continue
		}
		row := []cell{
			{"number", v.Number - last.Number},
			{"created", int(seconds(v.Created) - seconds(last.Created))},
			{"updated", int(seconds(v.Updated) - seconds(v.Created))},
			{"stage", m.Words.at(v.Stage)},
			{"status", m.Words.at(v.Status)},
			{"live", truth(live)},
			{"bare", truth(bare)},
		}
		last = v
		if bare {
			m.bare++
			v = registry.Version{}
		}
		m.Versions.add(append(row,
			cell{"run", m.Words.at(format.Truncate(v.RunID, longText))},
			cell{"source", m.source(v)},
			cell{"problem", m.Words.at(format.Truncate(v.StatusMessage, longText))},
			cell{"description", m.Words.at(format.Truncate(v.Description, longDescription))},
			cell{"tags", m.pairs(v.Tags)},
			cell{"size", filesSize(a.Files[v.Number])},
		)...)
		if !seen[v.RunID] {
			seen[v.RunID] = true
			m.run(v.RunID, a, live)
		}
	}
}

// source splits a version's source at its run ID. Most sources differ only in that ID.
func (m *pageModel) source(v registry.Version) int {
	text := format.Truncate(address(v.Source), longText)
	if v.RunID == "" || text == "" {
		return m.Lists.at(some(text))
	}
	return m.Lists.at(strings.Split(text, v.RunID))
}

// address removes the parts of an address that may be secret: the login before the host, and the query.
func address(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	text, _, asked := strings.Cut(format.WithoutUserInfo(text), "?")
	if asked {
		text += "?…"
	}
	return text
}

// some returns a list that contains the text, or nil if the text is empty.
func some(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// filesSize returns the total size of a version's files in bytes, or 0 if it is not known.
func filesSize(files registry.Known[[]registry.File]) int {
	sum := int64(0)
	for _, f := range files.OrZero() {
		sum += f.Size
	}
	return int(sum)
}

// run adds a run. Metrics are included only if the version is live.
func (m *pageModel) run(id string, a audit.Snapshot, live bool) {
	known, asked := a.Runs[id]
	if !asked {
		return
	}
	run, _ := known.Get()
	experiment := a.Experiments[run.ExperimentID].OrZero()
	var datasets []string
	for i, d := range run.Datasets {
		if i < manyDatasets {
			datasets = append(datasets, cut(d.Name), cut(d.Digest), cut(d.Context), cut(d.SourceType))
		}
	}
	var metrics []string
	for _, name := range slices.Sorted(maps.Keys(run.Metrics)) {
		if live && len(metrics) < 2*manyMetrics {
			metrics = append(metrics, cut(name), cut(run.Metrics[name].Raw))
		}
	}
	m.Runs.add(
		cell{"id", m.Words.at(format.Truncate(id, longText))},
		cell{"why", m.Words.at(known.Why())},
		cell{"name", m.Words.at(cut(run.Name))},
		cell{"user", m.Words.at(cut(run.User))},
		cell{"status", m.Words.at(cut(run.Status))},
		cell{"deleted", truth(run.Deleted)},
		cell{"start", int(seconds(run.Start))},
		cell{"end", int(seconds(run.End))},
		cell{"experiment", m.Words.at(cut(run.ExperimentID))},
		cell{"experimentName", m.Words.at(cut(experiment.Name))},
		cell{"experimentDeleted", truth(experiment.Deleted)},
		cell{"commit", m.Words.at(cut(run.Tags["mlflow.source.git.commit"]))},
		cell{"repository", m.Words.at(cut(address(run.Tags["mlflow.source.git.repoURL"])))},
		cell{"datasets", m.Lists.at(datasets)},
		cell{"metrics", m.Lists.at(metrics)},
	)
}

// cut limits the length of a short text, such as a tag.
func cut(text string) string { return format.Truncate(text, longTag) }

// pairs adds tags as a list in which keys and values alternate. It leaves out this program's records and digests, which
// are also in the ledger.
func (m *pageModel) pairs(tags map[string]string) int {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		switch {
		case key == registry.TagRequest || key == registry.TagRecord || key == registry.TagAnchor:
		case len(list) == 2*manyTags:
			list = append(list, "…", strconv.Itoa(len(tags))+" tags in all")
			return m.Lists.at(list)
		default:
			list = append(list, cut(key), cut(tags[key]))
		}
	}
	return m.Lists.at(list)
}

// entries adds the newest promotions from the ledger.
func (m *pageModel) entries(known registry.Known[ledger.Chain], most int) {
	chain, ok := known.Get()
	m.Ledger, m.Promotions = chain.Off, len(chain.Entries)
	if !ok {
		m.Ledger = known.Why()
	}
	if most == 0 {
		return
	}
	older := len(chain.Entries) - min(most, len(chain.Entries))
	m.Before = targetsAfter(ledger.Chain{Entries: chain.Entries[:older], Before: chain.Before})
	for _, e := range chain.Entries[older:] {
		at, _ := time.Parse(time.RFC3339, e.Record.At)
		m.Entries.add(
			cell{"epoch", e.Epoch},
			cell{"at", int(seconds(at))},
			cell{"ended", int(seconds(e.Ended))},
			cell{"command", m.Words.at(cut(e.Record.What()))},
			cell{"to", e.Record.To},
			cell{"actor", m.Words.at(cut(views.Who(e.Record.Origin)))},
			cell{"link", m.Words.at(cut(address(e.Link)))},
			cell{"outcome", m.Words.at(cut(e.Outcome))},
			cell{"reason", m.Words.at(cut(string(e.Reason)))},
			cell{"evidence", m.Words.at(format.Truncate(report.Evidence(e.Record), longText))},
			cell{"override", m.Words.at(cut(strings.Join(e.Record.Override, ", ")))},
			cell{"moves", m.shifts(e.Record.Moves)},
			cell{"outside", m.shifts(e.Record.Outside)},
		)
	}
}

// targetsAfter returns the version that each target points to after the last entry in the ledger.
func targetsAfter(l ledger.Chain) registry.States {
	out := registry.States{}
	maps.Copy(out, l.Before)
	for _, e := range l.Entries {
		for _, s := range slices.Concat(e.Record.Outside, e.Record.Moves) {
			if now, moved := l.LastRecorded(s.Ref); moved {
				out[s.Ref] = now
			}
		}
	}
	return out
}

// shifts adds moves as a flat list of target, before and after.
func (m *pageModel) shifts(shifts []registry.Shift) int {
	var list []string
	for _, s := range shifts {
		list = append(list, cut(s.Ref.String()), cut(s.Was.String()), cut(s.Want.String()))
	}
	return m.Lists.at(list)
}

// findings adds the findings about the model.
func (m *pageModel) findings(findings []audit.Finding) {
	for _, f := range findings {
		m.Findings.add(findingCells(f, m.Words)...)
	}
}

// registers adds the rows of the inventory and of the register of exceptions, starting with the open exceptions.
func (m *pageModel) registers(a audit.Snapshot, most int) {
	for _, v := range a.Inventory[:min(most, len(a.Inventory))] {
		m.Inventory.add(
			cell{"version", v.Version},
			cell{"ref", m.Words.at(cut(v.Ref.String()))},
			cell{"owner", m.Words.at(cut(v.Owner))},
			cell{"verdict", m.Words.at(v.Verdict)},
			cell{"by", m.Words.at(cut(v.By))},
			cell{"approvers", m.Words.at(cut(fact.ApprovedBy(v.Approvers, v.Unknown)))},
			cell{"since", int(seconds(v.Since))},
			cell{"entry", m.Words.at(cut(v.Entry))},
			cell{"signed", m.Words.at(cut(v.Signed))},
		)
	}
	rows := slices.Clone(a.Exceptions)
	slices.SortStableFunc(rows, func(x, y audit.Exception) int {
		return slices.Index(exceptionStates, x.State) - slices.Index(exceptionStates, y.State)
	})
	for _, x := range rows[:min(most, len(rows))] {
		m.Exceptions.add(exceptionCells(x, m.Words)...)
	}
}

// exceptionStates lists the states in the order of the page.
var exceptionStates = []audit.ExceptionState{audit.ExceptionOpen, audit.ExceptionExpired, audit.ExceptionPast}

func exceptionCells(x audit.Exception, w *words) []cell {
	return []cell{
		{"kind", w.at(string(x.Kind))},
		{"what", w.at(cut(x.What))},
		{"version", x.Version},
		{"ref", w.at(cut(x.Ref.String()))},
		{"by", w.at(cut(x.By))},
		{"why", w.at(format.Truncate(x.Why, longText))},
		{"since", int(seconds(x.Since))},
		{"until", w.at(cut(x.Until))},
		{"state", w.at(string(x.State))},
		{"entry", w.at(cut(x.Entry))},
		{"signed", w.at(cut(x.Signed))},
	}
}

func findingCells(f audit.Finding, w *words) []cell {
	return []cell{
		{"rule", w.at(f.Rule)},
		{"severity", w.at(string(f.Severity))},
		{"model", w.at(cut(f.Model))},
		{"version", f.Version},
		{"alias", w.at(cut(f.Alias))},
		{"stage", w.at(cut(f.Stage))},
		{"message", w.at(format.Truncate(f.Message, longText))},
		{"fix", w.at(format.Truncate(f.Fix, longText))},
		{"file", w.at(cut(f.File))},
		{"line", f.Line},
		{"fingerprint", w.at(cut(f.Fingerprint))},
		{"accepted", w.at(format.Truncate(f.Accepted, longText))},
		{"trend", w.at(string(f.Trend))},
	}
}

// pageFindings contains findings about models that are not on the page.
type pageFindings struct {
	Findings   columns `json:"findings"`
	Exceptions columns `json:"exceptions"`
	Words      *words  `json:"words"`
}

func newPageFindings(findings []audit.Finding, exceptions []audit.Exception) pageFindings {
	p := pageFindings{Words: newWords()}
	for _, x := range exceptions {
		p.Exceptions.add(exceptionCells(x, p.Words)...)
	}
	for _, f := range findings {
		p.Findings.add(findingCells(f, p.Words)...)
	}
	return p
}

// targets returns the aliases and the live stages, each with the version that it points to and the time from which it
// has done so. The time comes from the ledger, or from the tag that a promotion sets.
func targets(a audit.Snapshot) []pageTarget {
	tags := map[int]map[string]string{}
	var out []pageTarget
	for _, v := range a.Versions {
		tags[v.Number] = v.Tags
		if tag := registry.StageTimeTag(v.Stage); tag != "" {
			since := pointsSince(a.Ledger, registry.StageRef(v.Stage), v.Number, v.Tags[tag])
			out = append(out, pageTarget{v.Stage, v.Number, since})
		}
	}
	for _, alias := range slices.Sorted(maps.Keys(a.Model.Aliases)) {
		ref, n := registry.AliasRef(alias), a.Model.Aliases[alias]
		since := pointsSince(a.Ledger, ref, n, tags[n][registry.AliasTimeTag(alias)])
		out = append(out, pageTarget{ref.String(), n, since})
	}
	slices.SortStableFunc(out, func(x, y pageTarget) int { return strings.Compare(x.Ref, y.Ref) })
	return out
}

// pointsSince returns the time from which a target has pointed to a version. tag is the time in the version's tag,
// which is used if the ledger has no entry.
func pointsSince(known registry.Known[ledger.Chain], ref registry.Ref, version int, tag string) int64 {
	for _, e := range slices.Backward(known.OrZero().Entries) {
		for _, s := range e.Record.Moves {
			if s.Ref == ref && e.Outcome == ledger.EntryDone && s.Want.Versions.Has(version) &&
				!s.Was.Versions.Has(version) {
				return seconds(e.Ended)
			}
		}
	}
	at, _ := time.Parse(time.RFC3339, tag)
	return seconds(at)
}

// seconds returns a time as the page stores it, or 0 if it is unknown or outside the range that browsers support.
func seconds(t time.Time) int64 {
	if year := t.Year(); t.IsZero() || year < 1 || year > 9999 {
		return 0
	}
	return t.Unix()
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
