package gather

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/parallel"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// candidate reads the facts about the candidate, which may be on another server than the registry.
type candidate struct {
	*gathering
	c          *mlflow.Client // the candidate's server
	provenance *provenance    // reads from that server
}

// candidate returns a reader of the candidate.
func (g *gathering) candidate() candidate {
	if !g.isElsewhere() {
		return candidate{g, g.c, &g.provenance}
	}
	return candidate{g, g.source.c, &g.source}
}

// isElsewhere reports whether the candidate is on another server than the registry, so that it has to be copied.
func (g *gathering) isElsewhere() bool { return g.source.c != nil }

// candidateRoot is what the `candidate` input refers to: a run, a logged model or a version.
type candidateRoot struct {
	run     registry.Known[registry.Run]
	logged  registry.Known[registry.LoggedModel]
	version registry.Known[registry.Version]
}

func (g candidate) readRoot(ctx context.Context, out *candidateRoot) (err error) {
	switch q := g.q.Candidate; {
	case q.RunID != "":
		out.run, err = g.c.Runs.Get(ctx, q.RunID)
	case q.ModelID != "":
		out.logged, err = g.c.LoggedModels.Get(ctx, q.ModelID)
	case q.Alias != "":
		out.version, err = naming{g}.byAlias(ctx, q.Model, q.Alias)
	default:
		out.version, err = g.c.Versions.Get(ctx, q.Model, q.Number)
	}
	return err
}

// checkRoot checks the root and prepares its registration request. The MLmodel file is not known at this point.
func (g candidate) checkRoot(ctx context.Context, root candidateRoot) error {
	g.facts.Candidate.Ref = g.q.Candidate.Text
	switch q := g.q.Candidate; {
	case q.RunID != "":
		return g.checkRun(root.run)
	case q.ModelID != "":
		return g.checkLogged(root.logged)
	default:
		return g.checkVersion(ctx, root.version)
	}
}

func (g candidate) checkRun(known registry.Known[registry.Run]) error {
	id := g.q.Candidate.RunID
	if err := unusableRun(known, id); err != nil {
		return err
	}
	g.facts.Candidate.Run = known
	g.facts.Candidate.Version = registry.Absent[registry.Version]("not registered yet")
	g.facts.Source = registry.Source{RunID: id, Path: g.q.Candidate.Path}
	return nil
}

func (g candidate) checkLogged(known registry.Known[registry.LoggedModel]) error {
	m, ok := known.Get()
	switch {
	case !ok:
		return mlflow.Gone(
			known.Why(), "check the id in the candidate input; the id is shown on the logged model's page in MLflow",
		)
	}
	if err := checkUploaded(m); err != nil {
		return err
	}
	g.facts.Candidate.Logged = known
	g.facts.Candidate.Version = registry.Absent[registry.Version]("not registered yet")
	g.facts.Source = registry.Source{
		RunID:       m.SourceRunID,
		ModelID:     m.ID,
		URI:         "models:/" + m.ID,
		ArtifactURI: m.ArtifactURI,
	}
	return nil
}

func (g candidate) checkVersion(ctx context.Context, known registry.Known[registry.Version]) error {
	v, ok := known.Get()
	q := g.q.Candidate
	if !ok {
		return naming{g}.noVersion(ctx, known.Why())
	}
	if err := (naming{g}).exactAlias(ctx, v); err != nil {
		return err
	}
	if q.Model == g.q.Model && !g.isElsewhere() {
		g.facts.Candidate.Version = known
		if of, err := registry.ParseSource(v.Source); v.RunID == "" && registry.LoggedIn(v.Source) == "" &&
			(err != nil || of.Number == 0) {
			return errNoRun(fmt.Sprintf("version %d of %s has no run", v.Number, v.Model))
		}
		return nil
	}
	if v.Tags[registry.PromptTag] == "true" || v.Status != "READY" && v.Status != "" {
		why := cmp.Or(v.StatusMessage, v.Status, "a prompt")
		return &registry.Error{
			Reason: registry.NotReady,
			Msg:    fmt.Sprintf("version %d of %s cannot be copied: %s", v.Number, v.Model, why),
			Hint:   "choose a version that is READY and is not a prompt",
		}
	}
	if g.isElsewhere() {
		if err := (copied{g}).noteOrigin(v); err != nil {
			return err
		}
	}
	v, err := naming{g}.withRun(ctx, v)
	if err != nil {
		return err
	}
	g.copyOf = v
	g.facts.Candidate.Version = registry.Absent[registry.Version]("not copied yet")
	g.facts.Source = registry.Source{RunID: v.RunID, URI: mlflow.VersionRef(v)}
	return nil
}

// exactAlias fails if the alias by which the database found the candidate's version only has a similar name. MariaDB
// and MySQL ignore case, accents and trailing spaces.
func (g naming) exactAlias(ctx context.Context, v registry.Version) error {
	q := g.q.Candidate
	if q.Alias == "" || g.byTag || !g.isElsewhere() && g.noAliases.Load() {
		return nil
	}
	m := g.facts.Model
	if q.Model != g.q.Model || g.isElsewhere() {
		var err error
		if m, err = g.c.Models.Get(ctx, q.Model); err != nil {
			return err
		}
	}
	if _, listed := m.OrZero().Aliases[q.Alias]; listed {
		return nil
	}
	twin, err := g.c.Models.SameAlias(ctx, q.Model, q.Alias, v.Number)
	if err != nil {
		return err
	}
	return mlflow.Gone(
		fmt.Sprintf("%s has no alias %s: the database confuses it with %s", q.Model, q.Alias, twin),
		fmt.Sprintf("did you mean %s? The database treats both names as equal", twin),
	)
}

// noVersion returns the error for a version or alias that does not exist, usually because its name is misspelt.
func (g naming) noVersion(ctx context.Context, why string) error {
	q := g.q.Candidate
	m := g.facts.Model
	if q.Model != g.q.Model || g.isElsewhere() {
		var err error
		if m, err = g.c.Models.Get(ctx, q.Model); err != nil {
			return err
		}
	}
	found, exists := m.Get()
	switch number, named := found.Aliases[q.Alias]; {
	case exists && named && q.Alias != "":
		return errDangling(q.Model, q.Alias, number)
	case exists && q.Alias != "" && len(found.Aliases) > 0:
		return mlflow.Gone(why, found.AliasMeant(q.Alias))
	case exists:
		newest, err := g.c.Models.Newest(ctx, found)
		if err != nil || newest == 0 {
			return cmp.Or(err, mlflow.Gone(why, fmt.Sprintf("%s has no versions", q.Model)))
		}
		return mlflow.Gone(
			why, fmt.Sprintf("the newest version of %s is %d; was the register step skipped?", q.Model, newest),
		)
	}
	return g.c.Models.NotFound(ctx, q.Model, m.Why())
}

// withRun returns the version that has the run: either v itself, or the version that v was copied from. MLflow 3
// accepts a version as a source only together with that version's run. A version of a logged model needs no run.
func (g naming) withRun(ctx context.Context, v registry.Version) (registry.Version, error) {
	first := mlflow.VersionRef(v)
	for range mlflow.LongestLineage {
		if v.RunID != "" || registry.LoggedIn(v.Source) != "" {
			return v, nil
		}
		of, err := registry.ParseSource(v.Source)
		if err != nil || of.Number == 0 {
			break
		}
		known, err := g.c.Versions.Get(ctx, of.Model, of.Number)
		if err != nil {
			return v, err
		}
		next, ok := known.Get()
		if !ok {
			return v, errNoRun(
				fmt.Sprintf("%s has no run of its own and is a copy of %s, which does not exist", first, v.Source),
			)
		}
		v = next
	}
	return v, errNoRun(fmt.Sprintf("version %d of %s has no run", v.Number, v.Model))
}

// resolve reads the candidate's MLmodel file, and its run if the run is not known yet. It also completes the source.
func (g candidate) resolve(ctx context.Context) error {
	defer func() { g.facts.Source.Request = request(g.q.Model, g.facts.Source) }()
	if v, ok := g.facts.Candidate.Version.Get(); ok {
		return g.readVersion(ctx, v)
	}
	source := g.facts.Source
	if run, ok := g.facts.Candidate.Run.Get(); ok {
		return g.findModel(ctx, run, source.Path)
	}
	s, t := &g.facts.Candidate, *g.provenance
	t.check = checkFinished(source.URI)
	err := parallel.Do(
		func() error {
			if source.ModelID == "" {
				return t.ofVersion(ctx, s, g.copyOf)
			}
			return t.read(ctx, s, source.URI, source.RunID)
		},
		func() error {
			if source.ModelID != "" {
				s.MLmodel = g.c.Artifacts.LoggedMLmodel(ctx, source.ModelID)
			} else {
				s.MLmodel = g.c.Artifacts.VersionMLmodel(ctx, g.copyOf)
			}
			return nil
		},
		g.listLogged(ctx, cmp.Or(source.ModelID, registry.LoggedIn(g.copyOf.Source))),
	)
	if err != nil {
		return err
	}
	borrowMLmodel(ctx, g.c, s, g.copyOf)
	return g.requireMLmodel(source.URI)
}

// checkFinished returns a function that applies the rules for runs to the run of a logged model or of a copied version.
func checkFinished(ref string) func(registry.Known[registry.Run]) error {
	return func(run registry.Known[registry.Run]) error {
		r, ok := run.Get()
		switch {
		case !ok:
			return mlflow.Gone(fmt.Sprintf("the run of %s: %s", ref, run.Why()),
				"without its run the lineage is lost; register the model from a run that exists")
		case r.Deleted:
			return mlflow.Gone(
				fmt.Sprintf("the run of %s, %s, is deleted", ref, r.ID),
				restoreRun(r.ID),
			)
		case r.Status != "FINISHED":
			return notFinished(fmt.Sprintf("the run of %s, %s,", ref, r.ID), r)
		}
		return nil
	}
}

// listLogged returns a function that lists the files of a logged model, or does nothing if id is "".
func (g candidate) listLogged(ctx context.Context, id string) func() error {
	return func() error {
		if id != "" {
			g.list(ctx, mlflow.Location{Model: id})
		}
		return nil
	}
}

// readVersion reads the run and the MLmodel file of a candidate that is already a version.
func (g candidate) readVersion(ctx context.Context, v registry.Version) error {
	err := parallel.Do(
		func() error { return g.provenance.ofVersion(ctx, &g.facts.Candidate, v) },
		func() error { g.facts.Candidate.MLmodel = g.c.Artifacts.VersionMLmodel(ctx, v); return nil },
		g.listLogged(ctx, registry.LoggedIn(v.Source)),
	)
	if err != nil {
		return err
	}
	borrowMLmodel(ctx, g.c, &g.facts.Candidate, v)
	return g.requireMLmodel(mlflow.VersionRef(v))
}

// fewModels is the maximum number of logged models that are read one by one. If a run has more, a single search reads
// them all.
const fewModels = 3

// findModel finds the model for runs:/ID/PATH. Since MLflow 3, this is usually a logged model with the name PATH. In
// older versions, and sometimes in MLflow 3, it is a folder in the run's artifacts.
func (g candidate) findModel(ctx context.Context, run registry.Run, path string) error {
	models, files, err := g.outputsOf(ctx, run)
	if err != nil {
		return err
	}
	var names []string
	var found, others []registry.LoggedModel
	for _, m := range models {
		if m.Name == path && (m.SourceRunID == run.ID || m.SourceRunID == "") {
			found = append(found, m)
		} else {
			others = append(others, m)
		}
		names = append(names, m.Name)
	}
	if len(found) > 0 {
		m := latest(run, found)
		for _, other := range found {
			if other.ID != m.ID {
				g.facts.Found.Namesakes = append(g.facts.Found.Namesakes, other.ID)
				others = append(others, other)
			}
		}
		g.facts.Candidate.Siblings = registry.Is(others)
		return g.useLogged(ctx, m, files[m.ID])
	}
	g.facts.Candidate.Siblings = registry.Is(others)
	if ok, err := g.fromRunFiles(ctx, run, path); ok || err != nil {
		return err
	}
	if len(run.Outputs) == 0 {
		return g.unlisted(ctx, run, path)
	}
	return noModel{g.c, run}.error(ctx, path, names)
}

// outputsOf reads the models that are in a run's experiment and that the run lists as outputs. If there are only a few,
// it also reads their MLmodel files by id.
func (g candidate) outputsOf(
	ctx context.Context, run registry.Run,
) ([]registry.LoggedModel, map[string]registry.Known[registry.MLmodel], error) {
	var models registry.Known[[]registry.LoggedModel]
	files := make([]registry.Known[registry.MLmodel], min(len(run.Outputs), fewModels))
	asks := []func() error{func() (err error) { models, err = g.provenance.siblings(ctx, run, ""); return err }}
	for i := range files {
		asks = append(
			asks,
			func() error { files[i] = g.c.Artifacts.LoggedMLmodel(ctx, run.Outputs[i].ModelID); return nil },
		)
	}
	switch {
	case len(run.Outputs) > fewModels: // it is not known yet which model is the candidate
		asks = asks[:1]
	case len(run.Outputs) == 1:
		asks = append(asks, g.listLogged(ctx, run.Outputs[0].ModelID))
	}
	if err := parallel.Do(asks...); err != nil {
		return nil, nil, err
	}
	byID := map[string]registry.Known[registry.MLmodel]{}
	for i, file := range files {
		byID[run.Outputs[i].ModelID] = file
	}
	list, ok := models.Get()
	if !ok {
		return nil, nil, mlflow.Gone(
			fmt.Sprintf("the models of run %s cannot be listed: %s", run.ID, models.Why()),
			"specify the model by its id, as in models:/m-…",
		)
	}
	return list, byID, nil
}

// unlisted looks for a logged model whose source is the run but which is not among the run's outputs. Such a model
// does not belong to the run, which the gates report.
func (g candidate) unlisted(ctx context.Context, run registry.Run, path string) error {
	models, err := g.c.LoggedModels.OfRun(ctx, run)
	if err != nil {
		return err
	}
	models = slices.DeleteFunc(models, func(m registry.LoggedModel) bool { return m.Name != path })
	if len(models) == 0 {
		return noModel{g.c, run}.error(ctx, path, nil)
	}
	return g.useLogged(ctx, latest(run, models), registry.Known[registry.MLmodel]{})
}

// fromRunFiles looks for the model in the run's own artifacts.
func (g candidate) fromRunFiles(ctx context.Context, run registry.Run, path string) (bool, error) {
	var there bool
	var model registry.Known[registry.MLmodel]
	err := parallel.Do(
		func() (err error) {
			there, err = g.holdsMLmodel(ctx, mlflow.Location{Run: run.ID, Path: path})
			return err
		},
		func() error { model = g.c.Artifacts.RunMLmodel(ctx, run.ID, path); return nil },
	)
	switch {
	case mlflow.IsFailure(err) && !model.IsAbsent() && mayContain(run, path):
		g.facts.Found.Unseen = mlflow.Short(err)
	case err != nil && !mlflow.IsStatus(err, 400, "INVALID_PARAMETER_VALUE"):
		return false, errUnlistable(run, err)
	case !there:
		return false, nil
	}
	g.facts.Candidate.MLmodel = model
	g.facts.Source.URI = run.Artifact(path)
	return true, g.provenance.read(ctx, &g.facts.Candidate, g.facts.Source.URI, run.ID)
}

// mayContain reports whether a run whose artifacts cannot be listed may have a model at a path. MLflow's client
// registers such a path unseen. Here, the path must not contradict what the run says about its models.
func mayContain(run registry.Run, path string) bool {
	logged := run.LoggedPaths()
	return slices.Contains(logged, path) || len(logged) == 0 && len(run.Outputs) == 0
}

// holdsMLmodel reports whether a folder in a run's artifacts contains an MLmodel file. If a gate needs the files,
// holdsMLmodel lists everything in the folder.
func (g candidate) holdsMLmodel(ctx context.Context, where mlflow.Location) (bool, error) {
	if g.needs.Files {
		g.list(ctx, where)
		return slices.ContainsFunc(
			g.earlyListing.files,
			func(f registry.File) bool { return f.Path == "MLmodel" },
		), g.earlyListing.err
	}
	files, err := g.c.Artifacts.RunFiles(ctx, where.Run, where.Path)
	return mlflow.HasMLmodel(files, where.Path), err
}

// latest chooses one of several logged models with the same name. Like MLflow's client, it chooses the one with the
// highest step. If several have this step, it chooses the newest of them.
func latest(run registry.Run, models []registry.LoggedModel) registry.LoggedModel {
	step := map[string]int64{}
	for _, o := range run.Outputs {
		step[o.ModelID] = o.Step
	}
	return slices.MaxFunc(models, func(a, b registry.LoggedModel) int {
		return cmp.Or(cmp.Compare(step[a.ID], step[b.ID]), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
}

// useLogged makes the logged model the candidate. file is its MLmodel file if that has already been read.
func (g candidate) useLogged(ctx context.Context, m registry.LoggedModel, file registry.Known[registry.MLmodel]) error {
	if err := checkUploaded(m); err != nil {
		return err
	}
	g.facts.Source.ModelID, g.facts.Source.ArtifactURI = m.ID, m.ArtifactURI
	g.facts.Source.URI = "models:/" + m.ID
	s := &g.facts.Candidate
	s.Logged, s.MLmodel = registry.Is(m), file
	err := parallel.Do(
		func() error { return g.provenance.read(ctx, s, g.facts.Source.URI, g.facts.Source.RunID) },
		func() error {
			if !file.Gathered() {
				s.MLmodel = g.c.Artifacts.LoggedMLmodel(ctx, m.ID)
			}
			return nil
		},
		func() error {
			if where := (mlflow.Location{Model: m.ID}); g.earlyListing == nil || g.earlyListing.where != where {
				g.list(ctx, where)
			}
			return nil
		},
	)
	if err != nil {
		return err
	}
	return g.requireMLmodel("logged model " + m.ID)
}

// requireMLmodel refuses a candidate that definitely has no MLmodel file. If the file may exist but cannot be read, the
// gates that need it decide.
func (g candidate) requireMLmodel(ref string) error {
	if g.facts.Candidate.MLmodel.IsAbsent() {
		return mlflow.Gone(ref+" has no MLmodel file", "the files were deleted or never uploaded; log the model again")
	}
	return nil
}

// checkUploaded refuses a logged model whose upload is incomplete.
func checkUploaded(m registry.LoggedModel) error {
	if m.Status == "LOGGED_MODEL_PENDING" || m.Status == "LOGGED_MODEL_UPLOAD_FAILED" {
		return &registry.Error{
			Reason: registry.NotReady, Msg: fmt.Sprintf("logged model %s is %s", m.ID, m.Status),
			Hint: map[bool]string{
				true:  "its upload is incomplete: wait for the run to end, or log the model again",
				false: "its upload failed: log the model again, or choose another candidate",
			}[m.Status == "LOGGED_MODEL_PENDING"],
		}
	}
	return nil
}

func errUnlistable(run registry.Run, err error) error {
	out := mlflow.Explain("list artifacts of run "+run.ID, err)
	if e, ok := out.(*registry.Error); ok && e.Reason == registry.ServerError {
		e.Hint = fmt.Sprintf("check the server's credentials for its artifact store %s", run.ArtifactURI)
	}
	return out
}

// request returns the digest that makes a registration safe to repeat. It is the same every time that this program
// registers the same files from the same run under the same name.
func request(model string, s registry.Source) string {
	what := s.Path
	if s.ModelID != "" {
		what = s.ModelID
	} else if what == "" {
		what = s.URI
	}
	return canonical.Digest("register/1", model, s.RunID, what)
}

func errNoRun(msg string) error {
	return &registry.Error{
		Reason: registry.NoRun,
		Msg:    msg,
		Hint:   "a version without a run has no lineage and no metrics: register a model that was logged in a run",
	}
}
