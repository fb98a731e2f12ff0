package gather

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Facts reads everything that the decision may depend on. Usually this takes two rounds of parallel requests: the
// first round resolves the names, and the second reads the runs and files. A third round reads the facts that only
// some gates need. Facts fails if no decision is possible, because the server or the candidate is unusable or the
// target alias points to a deleted version. Any other fact that cannot be read is marked as unreadable, with the
// reason.
func Facts(ctx context.Context, c *mlflow.Client, q fact.Query, n fact.Needs) (fact.Facts, error) {
	return FactsFrom(ctx, nil, c, q, n)
}

// FactsFrom is like Facts for a candidate that is on another server, from which it has to be copied. If from is nil,
// the candidate is on the server of c. Earlier copies are looked for only if n asks for the files, without which
// nothing can be copied.
func FactsFrom(ctx context.Context, from, c *mlflow.Client, q fact.Query, n fact.Needs) (fact.Facts, error) {
	g := newGathering(from, c, q, n)
	if err := readCandidate(ctx, g); err != nil {
		return fact.Facts{}, err
	}
	if g.isElsewhere() && n.Files {
		if err := (copied{g.candidate()}).find(ctx); err != nil {
			return fact.Facts{}, err
		}
	}
	g.facts.Now = c.Registry.Meter().ServerTime
	return g.facts, nil
}

// newGathering starts to gather facts from the server of c. If from is not nil, the candidate is on its server.
func newGathering(from, c *mlflow.Client, q fact.Query, n fact.Needs) *gathering {
	g := &gathering{
		c: c, q: q, needs: n, holderKeys: holderKeys(q, n), provenance: provenance{c: c, roots: q.MovedRoots},
		facts: fact.Facts{
			Server: c.Address, Target: q.Target, Holders: map[registry.Ref]registry.Known[fact.Subject]{},
		},
	}
	if from != nil {
		g.source = provenance{c: from, roots: q.MovedRoots}
		g.facts.Origin = &fact.Origin{
			Server: from.Address, Version: registry.Absent[registry.Version]("the candidate is not a version"),
		}
	}
	return g
}

// readCandidate reads the candidate, the versions to compare it with, and the details that gates need.
func readCandidate(ctx context.Context, g *gathering) error {
	if err := g.candidate().findRun(ctx); err != nil {
		return err
	}
	if err := g.firstRound(ctx); err != nil {
		return err
	}
	if err := g.secondRound(ctx); err != nil {
		return err
	}
	g.candidate().onSplitServers(ctx)
	if err := g.candidate().findVersion(ctx); err != nil {
		return err
	}
	g.add(g.readDetails(ctx))
	return nil
}

// add adds the details to the facts.
func (g *gathering) add(d details) {
	g.facts.Evidence = d.evidence
	for i, key := range g.holderKeys {
		if _, ok := g.facts.Holders[key].Get(); !ok {
			continue
		}
		g.facts.Holders[key] = registry.Is(d.holders[i])
		if i == 0 && !g.q.Target.Empty() {
			g.facts.Holders[fact.Incumbent] = registry.Is(d.holders[i])
		}
	}
}

// gathering contains the results of the rounds so far.
type gathering struct {
	c            *mlflow.Client
	provenance   provenance // reads from c
	source       provenance // reads from the candidate's server; zero if that is c
	q            fact.Query
	needs        fact.Needs
	holderKeys   []registry.Ref
	facts        fact.Facts
	holders      map[registry.Ref]registry.Known[registry.Version]
	versions     []registry.Version // of the model if a stage is involved, or else of the run
	allVersions  bool               // whether versions contains all versions of the model
	noAliases    atomic.Bool        // whether the server does not support aliases
	earlyListing *listing           // the candidate's files, if they were listed ahead of time
	copyOf       registry.Version   // the version of a different registered model that will be copied
	byTag        bool               // whether the other server has no aliases, so a tag led to the candidate
	further      []askedAlias       // the additional aliases that a promotion assigns or removes
}

// holderKeys lists the aliases and stages that point to the versions to which the candidate is compared. The target's
// alias and stage come first.
func holderKeys(q fact.Query, n fact.Needs) []registry.Ref {
	out := q.Target.Refs()
	for _, key := range n.Holders {
		if key != fact.Incumbent && !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out
}

// firstRound sends the first round of requests, which resolve the names.
func (g *gathering) firstRound(ctx context.Context) error {
	root := candidateRoot{}
	if err := g.askNames(ctx, &root, true); err != nil {
		return err
	}
	return g.candidate().checkRoot(ctx, root)
}

// askNames resolves the names, and finds the versions to compare with in the responses. If allVersions is true, it
// refuses a model whose versions are hidden.
func (g *gathering) askNames(ctx context.Context, root *candidateRoot, allVersions bool) error {
	answers, err := g.sendQuestions(ctx, root)
	if err == nil {
		err = g.refusePrompt()
	}
	if err == nil && allVersions {
		err = g.refuseHidden()
	}
	if err != nil {
		return err
	}
	return g.findHolders(ctx, root, answers)
}

// sendQuestions sends the requests in the first round.
func (g *gathering) sendQuestions(
	ctx context.Context, root *candidateRoot,
) ([]registry.Known[registry.Version], error) {
	holders := make([]registry.Known[registry.Version], len(g.holderKeys))
	asks := []func() error{
		func() error { return g.c.InWorkspace(ctx) },
		func() (err error) {
			g.facts.Model, g.facts.Similar.ModelTwin, err = g.c.Models.GetOrTwin(ctx, g.q.Model)
			return err
		},
		func() error { return g.provenance.nameExperiments(ctx, g.needs.EvaluatedIn) },
	}
	if g.isElsewhere() {
		asks = append(
			asks,
			func() error { return g.source.c.InWorkspace(ctx) },
			func() error { return g.source.nameExperiments(ctx, g.needs.EvaluatedIn) },
		)
	}
	if g.q.Candidate != (registry.Candidate{}) {
		asks = append(asks, func() error { return g.candidate().readRoot(ctx, root) })
	}
	asks = append(asks, g.askFurther(ctx)...)
	stages := false
	for i, key := range g.holderKeys {
		if number, ok := key.Version(); ok {
			asks = append(asks, func() (err error) {
				holders[i], err = g.c.Versions.Get(ctx, g.q.Model, number)
				return err
			})
			continue
		}
		alias, isAlias := key.Alias()
		if !isAlias {
			stages = true
			continue
		}
		asks = append(asks, func() (err error) {
			holders[i], err = g.byAlias(ctx, g.q.Model, alias)
			return err
		})
	}
	g.allVersions = stages
	if stages {
		asks = append(
			asks,
			func() (err error) { g.versions, err = g.c.Versions.Search(ctx, g.q.Model, mlflow.Match{}); return err },
		)
	}
	return holders, parallel.Do(asks...)
}

// findHolders finds the versions to compare with in the responses: by stage, by alias, or by tag if the server does not
// support aliases. It checks the result for each alias against the registered model.
func (g *gathering) findHolders(
	ctx context.Context, root *candidateRoot, holders []registry.Known[registry.Version],
) error {
	if g.noAliases.Load() {
		if err := g.readTags(ctx, root); err != nil {
			return err
		}
	}
	g.holders = map[registry.Ref]registry.Known[registry.Version]{}
	for i, key := range g.holderKeys {
		g.holders[key] = holders[i]
	}
	g.stageHolders()
	if err := g.aliasHolders(ctx); err != nil || g.facts.Fallback != nil {
		return err
	}
	return g.checkAliases(ctx, g.further)
}

// secondRound reads the candidate's MLmodel file, and the runs of the versions to compare with.
func (g *gathering) secondRound(ctx context.Context) error {
	holders := make([]registry.Known[fact.Subject], len(g.holderKeys))
	asks := []func() error{func() error { return g.candidate().resolve(ctx) }}
	for i, key := range g.holderKeys {
		asks = append(asks, func() (err error) { holders[i], err = g.subject(ctx, g.holders[key]); return err })
	}
	if g.facts.Model.IsAbsent() {
		asks = append(asks, func() (err error) {
			g.facts.Similar.Models, err = g.c.Models.Near(ctx, g.q.Model, g.facts.Similar.ModelTwin)
			return err
		})
	}
	if !g.allVersions && g.facts.Source.RunID != "" && !g.facts.Model.IsAbsent() && !g.isElsewhere() {
		asks = append(asks, func() (err error) {
			g.versions, err = g.c.Versions.Search(ctx, g.q.Model, mlflow.Match{Run: g.facts.Source.RunID})
			return err
		})
	}
	if err := parallel.Do(asks...); err != nil {
		return err
	}
	for i, key := range g.holderKeys {
		g.facts.Holders[key] = holders[i]
	}
	if len(g.holderKeys) > 0 && !g.q.Target.Empty() {
		g.facts.Holders[fact.Incumbent] = holders[0]
		if t := g.q.Target; t.Alias != "" && t.Stage != "" && holders[0].IsAbsent() {
			g.facts.Holders[fact.Incumbent] = holders[1] // the version in the stage is live too
		}
	}
	return nil
}

// aliasHolders compares the responses from the alias endpoint with the aliases of the registered model. Both are
// needed to distinguish a missing alias from one that points to a deleted version. If the two differ in any other way,
// the alias is currently being moved.
func (g *gathering) aliasHolders(ctx context.Context) error {
	m := g.facts.Model.OrZero()
	for _, key := range g.holderKeys {
		alias, isAlias := key.Alias()
		if !isAlias {
			continue
		}
		if g.facts.Fallback != nil {
			g.holders[key] = g.tagHolder(g.versions, alias)
			continue
		}
		number, named := m.Aliases[alias]
		v, there := g.holders[key].Get()
		switch {
		case !named && !there:
			g.holders[key] = registry.Absent[registry.Version](
				fmt.Sprintf("no version of %s has the alias %s", g.q.Model, alias),
			)
		case named && there && v.Number == number:
		case named && !there && g.holders[key].IsAbsent():
			g.holders[key] = registry.Unreadable[registry.Version](
				fmt.Sprintf("alias %s of %s points to version %d, which does not exist", alias, g.q.Model, number),
			)
			if alias == g.q.Target.Alias {
				return errDangling(g.q.Model, alias, number)
			}
		case !named && there:
			if err := g.noteTwin(ctx, alias, g.holders[key]); err != nil {
				return err
			}
			twin := g.facts.Similar.Aliases[alias]
			why := fmt.Sprintf("%s has no alias %s: the database confuses it with %s", g.q.Model, alias, twin)
			g.holders[key] = registry.Absent[registry.Version](why)
		default:
			return mlflow.AliasMoved(g.q.Model, alias)
		}
	}
	return nil
}

// noteTwin records which alias the database confuses with the given one. The two are confused if the alias endpoint
// finds a version but the model does not list the alias.
func (g *gathering) noteTwin(ctx context.Context, alias string, pointed registry.Known[registry.Version]) error {
	_, listed := g.facts.Model.OrZero().Aliases[alias]
	v, there := pointed.Get()
	if listed || !there {
		return nil
	}
	twin, err := g.c.Models.SameAlias(ctx, g.q.Model, alias, v.Number)
	if err != nil {
		return err
	}
	if g.facts.Similar.Aliases == nil {
		g.facts.Similar.Aliases = map[string]string{}
	}
	g.facts.Similar.Aliases[alias] = twin
	return nil
}

func errDangling(model, alias string, number int) error {
	return &registry.Error{
		Reason: registry.DanglingAlias,
		Msg:    fmt.Sprintf("alias %s of %s points to version %d, which was deleted", alias, model, number),
		Hint: fmt.Sprintf(
			"the incumbent is unknown, so nothing is compared or moved. Remove the alias with: mlflow-promote doctor "+
				"--model %s --repair dangling-aliases\n    or, if no gates protect it, point it to an existing "+
				"version: mlflow-promote alias --model %s --assign %s=VERSION",
			format.ShellWord(model),
			format.ShellWord(model),
			format.ShellWord(alias),
		),
	}
}

// stageHolders finds the newest version in each requested stage, and all versions in the target stage.
func (g *gathering) stageHolders() {
	for _, key := range g.holderKeys {
		stage, isStage := key.Stage()
		if !isStage {
			continue
		}
		numbers := mlflow.InStage(g.versions, stage)
		g.holders[key] = registry.Absent[registry.Version](fmt.Sprintf("no version of %s is in %s", g.q.Model, key))
		for _, v := range g.versions {
			if v.Stage == stage {
				g.holders[key] = registry.Is(v)
			}
		}
		if len(numbers) > 1 {
			if g.facts.Shared == nil {
				g.facts.Shared = map[string]registry.Versions{}
			}
			g.facts.Shared[stage] = numbers
			g.holders[key] = registry.Unreadable[registry.Version](
				fmt.Sprintf(
					"several versions are in %s of %s: %s; the incumbent is ambiguous",
					key,
					g.q.Model,
					numbers,
				),
			)
		}
		if stage == g.q.Target.Stage {
			g.facts.StageHolders = numbers
		}
	}
}

// subject reads a version's run and logged model.
func (g *gathering) subject(
	ctx context.Context, held registry.Known[registry.Version],
) (registry.Known[fact.Subject], error) {
	v, ok := held.Get()
	if !ok {
		if held.IsAbsent() {
			return registry.Absent[fact.Subject](held.Why()), nil
		}
		return registry.Unreadable[fact.Subject](held.Why()), nil
	}
	s := fact.Subject{Ref: mlflow.VersionRef(v), Version: held}
	err := g.provenance.ofVersion(ctx, &s, v)
	return registry.Is(s), err
}

// refusePrompt refuses a registered model that is a prompt. Prompts are stored in the registry but are not models.
func (g *gathering) refusePrompt() error {
	if m, ok := g.facts.Model.Get(); ok && m.Tags[registry.PromptTag] == "true" {
		return &registry.Error{
			Reason: registry.Unsupported, Msg: fmt.Sprintf("registered model %q is a prompt in MLflow's prompt "+
				"registry", m.Name),
			Hint: "prompts cannot be promoted: set the model input to a registered model",
		}
	}
	return nil
}

// refuseHidden refuses a model whose versions are hidden. If one version is marked as a prompt, no search returns any
// version of the model, so its stages look empty.
func (g *gathering) refuseHidden() error {
	m := g.facts.Model.OrZero()
	if !m.Hidden && (!g.allVersions || len(g.versions) > 0 || m.Newest == 0) {
		return nil
	}
	return &registry.Error{
		Reason: registry.Unsupported, Msg: fmt.Sprintf("the server hides the versions of %s from search", m.Name),
		Hint: "one of the versions carries the tag " + registry.PromptTag + ", which marks prompts; delete that " +
			"tag in MLflow",
	}
}

// findVersion finds out whether the candidate is already registered, and finds duplicates. Duplicates are versions of
// the same run that carry our request tag or have the same source.
func (g candidate) findVersion(ctx context.Context) error {
	// The highest number must not be read after the versions. Otherwise, a version that a different process creates
	// between the two reads would be counted but not found. The model is read in the round before the versions of a
	// run. If all versions are read, they are read in the same round as the model, and the highest number is taken from
	// them.
	if !g.allVersions {
		g.facts.Newest = g.facts.Model.OrZero().Newest
	}
	var same []registry.Version
	for _, v := range g.versions {
		g.facts.Newest = max(g.facts.Newest, v.Number)
		if v.Tags[registry.TagDuplicateOf] == "" && !g.isElsewhere() &&
			registry.SameRegistration(v, g.facts.Source, g.facts.Candidate.Run.OrZero()) {
			same = append(same, v)
		}
	}
	if !g.facts.Candidate.Version.IsAbsent() || len(same) == 0 {
		return nil
	}
	same, err := g.withSameFiles(ctx, same)
	if err != nil || len(same) == 0 {
		return err
	}
	g.choose(same)
	return nil
}

// choose makes one of the versions of the same registration the candidate's version, and records the others as twins.
// If the target points to one of them, that version counts, and otherwise the one with the lowest number. This prevents
// a live duplicate from being compared with itself.
func (g candidate) choose(same []registry.Version) {
	incumbent := g.facts.Incumbent().OrZero().Version.OrZero().Number
	counts := max(0, slices.IndexFunc(same, func(v registry.Version) bool { return v.Number == incumbent }))
	g.facts.Candidate.Version = registry.Is(same[counts])
	for _, v := range slices.Delete(same, counts, counts+1) {
		g.facts.Twins.All = append(g.facts.Twins.All, v.Number)
		if v.Tags[registry.TagRequest] == g.facts.Source.Request {
			g.facts.Twins.Unmarked = append(g.facts.Twins.Unmarked, v.Number)
		}
	}
}

// withSameFiles keeps only the copies that have the same files as the candidate. The source of a copy is a name,
// which may have referred to a different version when the copy was made. If the candidate is not a copy, all versions
// are kept.
func (g candidate) withSameFiles(ctx context.Context, same []registry.Version) ([]registry.Version, error) {
	if g.copyOf.Number == 0 {
		return same, nil
	}
	places := make([]registry.Known[string], len(same)+1)
	var asks []func() error
	for i, v := range append([]registry.Version{g.copyOf}, same...) {
		asks = append(asks, func() (err error) { places[i], err = g.c.Versions.DownloadURI(ctx, v); return err })
	}
	if err := parallel.Do(asks...); err != nil {
		return nil, err
	}
	of, known := places[0].Get()
	var kept []registry.Version
	for i, v := range same {
		at, ok := places[i+1].Get()
		if known && ok && (registry.SameLocation(at, of) || at == v.Source) {
			kept = append(kept, v)
		}
	}
	return kept, nil
}
