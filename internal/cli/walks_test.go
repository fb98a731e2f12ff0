package cli

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// A walk is the life of one model: promotions, rollbacks and `alias` commands by this program, one every hour, with
// moves by other clients in between.
type walk struct {
	server string
	others bool
	seed   uint64
}

func (w walk) String() string {
	return fmt.Sprintf("%s, seed %d, others %v", w.server, w.seed, w.others)
}

// steps returns the number of steps in a walk. Every tenth walk is so long that the ledger reaches a third page.
func (w walk) steps() int {
	if w.seed%10 == 0 {
		return 80
	}
	return 10
}

// signed reports whether the ledger is signed. It is signed in every second walk, and in every second long walk.
func (w walk) signed() bool {
	number := slices.Index(servers, w.server) + int(w.seed)
	if w.others {
		number++
	}
	return half(number)
}

// walked lists the targets in a walk. There are two of each kind, because a version may have several.
var walked = []string{"@champion", "@reader", "Production", "Staging"}

// assignments maps each target to its version.
type assignments map[string]string

// walking is the state of a walk. It remembers where this program left each target.
type walking struct {
	*storyRun
	*rand.Rand
	names    assignments
	left     assignments // the targets that this program has moved
	promoted []string    // inputs for the last command's target, if that command was a promotion that moved the target
	problems []string
}

// Whatever happens to a model, the history, the audit and the notes of promotions report exactly the moves that other
// clients made, and never a move that this program made. They also show correctly what was live at any time.
func TestWalks(t *testing.T) {
	n := campaign(t, "PROMOTE_WALKS", 3)
	var cases []walk
	signed := 0
	for _, server := range servers {
		for seed := range uint64(n) {
			for _, w := range []walk{{server, false, seed}, {server, true, seed}} {
				if cases = append(cases, w); w.signed() {
					signed++
				}
			}
		}
	}
	told, asked := make(chan int, len(cases)), make(chan int, len(cases))
	bubbles(t, cases, func(t *testing.T, w walk) []string {
		drifts, times, problems := w.play(t)
		told <- drifts
		asked <- times
		return problems
	})
	close(told)
	close(asked)
	drifts, times := 0, 0
	for n := range told {
		drifts += n
	}
	for n := range asked {
		times += n
	}
	t.Logf(
		"%d walks of 10 or 80 steps, seeds 0 to %d, %d of them signed; drift was found and reported %d times, and "+
			"history was asked %d times what was live",
		len(cases), n-1, signed, drifts, times,
	)
	if drifts == 0 || times == 0 {
		t.Error("nobody else moved anything, or nothing was asked")
	}
}

func (w walk) play(t *testing.T) (drifts, asked int, problems []string) {
	g := &walking{
		storyRun: story{w.server, "both", fourVersions}.begin(t),
		Rand:     rand.New(rand.NewPCG(w.seed, 0)),
		left:     assignments{},
	}
	g.signed = w.signed()
	start := time.Now()
	g.now = func() time.Time { return now.Add(time.Since(start)) }
	type moment struct {
		at          time.Time
		names, left assignments
	}
	var past []moment
	g.look(t)
	for step := range w.steps() {
		g.workflow, g.attempt = 100+step, 0
		if w.others && g.IntN(3) == 0 {
			g.meddle(t)
		} else {
			g.command(t)
		}
		drifts += g.compare(t, !w.others)
		g.canGoBack(t, !w.others)
		time.Sleep(30 * time.Minute)
		past = append(past, moment{g.now(), g.names, clone(g.left)})
		time.Sleep(30 * time.Minute)
	}
	for _, m := range past {
		asked += g.wasLive(t, m.at, m.names, m.left, !w.others)
	}
	return drifts, asked, g.problems
}

func clone(h assignments) assignments {
	out := assignments{}
	for ref, holders := range h {
		out[ref] = holders
	}
	return out
}

// look reads each target's version.
func (g *walking) look(t *testing.T) {
	g.names = assignments{}
	s := g.state(t)
	for _, ref := range walked {
		alias, isAlias := strings.CutPrefix(ref, "@")
		switch {
		case isAlias && g.server == "1.30.1":
			g.names[ref] = s.valueOf(plan.TagAlias, alias)
		case isAlias:
			g.names[ref] = s.valueOf(plan.SetAlias, alias)
		default:
			g.names[ref] = s.valueOf(plan.SetStage, ref)
		}
	}
}

func (g *walking) pick(of ...string) string { return of[g.IntN(len(of))] }

// command runs one command of this program.
func (g *walking) command(t *testing.T) {
	version := fmt.Sprint(1 + g.IntN(4))
	var args, about, onTarget []string
	on := func() {
		which := g.IntN(3)
		if which != 0 {
			alias := g.pick("champion", "reader")
			onTarget, about = append(onTarget, "--alias", alias), append(about, "@"+alias)
		}
		if which != 1 {
			stage := g.pick("Production", "Staging")
			onTarget, about = append(onTarget, "--stage", stage), append(about, stage)
		}
		args = append(args, onTarget...)
	}
	switch g.IntN(6) {
	case 0:
		args = []string{"rollback", "--model", "churn"}
		on()
	case 1:
		first, second := "champion", "reader"
		if g.IntN(2) == 0 {
			first, second = second, first
		}
		args = []string{"alias", "--model", "churn", "--policy-file", "testdata/assignable.yml", "--override", "hold"}
		args = append(args, "--assign", first+"="+g.pick("none", version))
		if about = []string{"@" + first}; g.IntN(2) == 0 {
			args, about = append(args, "--assign", second+"="+g.pick("none", version)), append(about, "@"+second)
		}
	default:
		args = []string{
			"promote", "--model", "churn", "--candidate", "models:/churn/" + version, "--thresholds", "acc >= 0.5",
			"--override", "downgrade, hold",
		}
		if on(); slices.Contains(args, "--stage") {
			args = append(args, "--archive-existing", g.pick("true", "true", "false"))
		}
	}
	before, foreign := g.names, false
	for _, ref := range about {
		if left, ours := g.left[ref]; ours && left != before[ref] {
			foreign = true
		}
	}
	r, status := g.run(t, args...)
	g.look(t)
	if g.promoted = nil; r.RecordID != "" && r.Changed && args[0] == "promote" {
		g.promoted = onTarget
	}
	if status != 0 && r.Reason != registry.NoRollbackTarget && r.Reason != registry.StageNotExclusive &&
		r.Reason != registry.BadInput {
		say(&g.problems, "%v: %s: %s", args, r.Reason, r.Error)
	}
	if r.RecordID == "" {
		return
	}
	if told := len(r.Outside) > 0; told != foreign {
		say(&g.problems, "%v: a move by others was told %v, and there was one %v: %v", args, told, foreign, r.Outside)
	}
	var entered string // a different stage, because a version can be in only one stage at a time
	for _, ref := range about {
		if !strings.HasPrefix(ref, "@") {
			entered = minus(g.names[ref], before[ref])
		}
	}
	for _, ref := range walked {
		left, ours := g.left[ref]
		switch {
		// a target that was already right is not in any record
		case slices.Contains(about, ref) && (ours || before[ref] != g.names[ref]):
			g.left[ref] = g.names[ref]
		case ours && !strings.HasPrefix(ref, "@"):
			g.left[ref] = minus(left, entered)
		}
	}
}

// minus returns the versions in list that are not in others.
func minus(list, others string) string {
	return strings.Join(
		slices.DeleteFunc(
			strings.Split(list, ","), func(n string) bool { return slices.Contains(strings.Split(others, ","), n) },
		),
		",",
	)
}

// meddle makes a move as a different client.
func (g *walking) meddle(t *testing.T) {
	version, alias := fmt.Sprint(1+g.IntN(4)), g.pick("champion", "reader")
	f := flow{double: g.double}
	tag := func(version, value string) {
		ask(t, f, "POST", "model-versions/set-tag", map[string]any{
			"name":    "churn",
			"version": version,
			"key":     registry.FallbackTag(alias),
			"value":   value,
		})
	}
	switch kind := g.IntN(3); {
	case kind == 0:
		ask(t, f, "POST", "model-versions/transition-stage", map[string]any{
			"name":                      "churn",
			"version":                   version,
			"stage":                     g.pick("Production", "Staging"),
			"archive_existing_versions": g.IntN(2) == 0,
		})
	case kind == 1 && g.server == "1.30.1":
		tag(version, "true")
		for _, other := range strings.Split(minus(g.names["@"+alias], version), ",") {
			if other != "" {
				tag(other, "false")
			}
		}
	case kind == 1:
		ask(t, f, "POST", "registered-models/alias", map[string]any{
			"name":    "churn",
			"version": version,
			"alias":   alias,
		})
	default:
		g.run(t, "promote", "--model", "churn", "--candidate", "models:/churn/"+version,
			"--stage", g.pick("Production", "Staging"), "--thresholds", "acc >= 0.5", "--override", "downgrade, hold", "--ledger", "off")
	}
	g.look(t)
}

// compare compares what the history and the audit report with what has happened.
func (g *walking) compare(t *testing.T, alone bool) (drifts int) {
	want := map[string]bool{}
	for ref, left := range g.left {
		if left != g.names[ref] {
			want[ref+" "+left+" > "+g.names[ref]] = true
		}
	}
	r, status := g.run(t, "history", "--model", "churn")
	if status != 0 {
		say(&g.problems, "history: %s: %s", r.Reason, r.Error)
		return 0
	}
	for _, told := range r.History.Outside {
		if !want[fmt.Sprint(told.Ref, " ", told.Was, " > ", told.Want)] {
			say(&g.problems, "history: told as moved by others, and was not: %+v", told)
		}
	}
	if len(r.History.Outside) != len(want) {
		say(&g.problems, "history: others have moved %v, and it tells %v", want, r.History.Outside)
	}
	found := 0
	noWay := map[string]bool{}
	audit := []string{"audit", "--model", "churn", "--scope", "all"}
	if g.signed {
		audit = keyed(t, "acc", audit)
	}
	report, _ := auditOf(t, g.double, audit[1:]...)
	for _, f := range report.Findings {
		switch f.Rule {
		case "moved-outside":
			found++
		case "no-rollback-target":
			noWay[cmp.Or(f.Stage, "@"+f.Alias)] = true
		case "ledger-broken", "promotion-unfinished":
			say(&g.problems, "audit: %s: %s", f.Rule, f.Message)
		}
	}
	if found != len(want) {
		say(&g.problems, "audit: others have moved %v, and it finds %d", want, found)
	}
	g.workflow += 1000 // a later attempt of the same workflow run would not go back further
	for _, ref := range walked {
		alias, isAlias := strings.CutPrefix(ref, "@")
		on := []string{"--alias", alias}
		if !isAlias {
			on = []string{"--stage", ref}
		}
		if !alone || g.names[ref] == "" || strings.Contains(g.names[ref], ",") { // the rule uses only the ledger
			continue
		}
		back, status := g.run(t, append([]string{"rollback", "--model", "churn", "--dry-run"}, on...)...)
		if refused := status != 0 && strings.Contains(back.Hint, "rejected versions"); refused != noWay[ref] {
			say(
				&g.problems, "audit: finds no way back for %s %v, and a rollback says %s to version %s: %s", ref,
				noWay[ref], back.Reason, back.Version, back.Hint,
			)
		}
	}
	return len(want)
}

// canGoBack compares what a promotion said about a later rollback with what a rollback would do now.
//
// On later pages of a ledger, a rollback may find a version although the promotion announced none, because the rollback
// reads earlier pages and the notes on all versions.
func (g *walking) canGoBack(t *testing.T, alone bool) {
	if g.promoted == nil {
		return
	}
	r, _ := g.run(t, "history", "--model", "churn")
	said := r.History.Entries[len(r.History.Entries)-1].Record.Return
	back, status := g.run(t, append([]string{"rollback", "--model", "churn", "--dry-run"}, g.promoted...)...)
	switch {
	case !alone, len(r.History.Pages) > 1 && said.None != "":
	case status == 0 && fmt.Sprint(said.To) != back.Version:
		say(
			&g.problems, "way back: promoted %v and said %+v, and a rollback goes to version %s", g.promoted, said,
			back.Version,
		)
	case status != 0 && said.None == "":
		say(
			&g.problems, "way back: promoted %v and said %+v, and a rollback says %s: %s", g.promoted, said,
			back.Reason, back.Error,
		)
	}
	g.promoted = nil
}

// wasLive compares the history's answer about what was live at a given time with what the targets pointed to at that
// time. Moves by other clients have no recorded time, so if there were any, the answer only has to include the truth.
// Otherwise, it must be exactly the truth.
func (g *walking) wasLive(t *testing.T, at time.Time, names, left assignments, alone bool) (asked int) {
	r, status := g.run(t, "history", "--model", "churn", "--at", at.UTC().Format(time.RFC3339))
	if status != 0 {
		say(&g.problems, "history at %s: %s: %s", at, r.Reason, r.Error)
		return 0
	}
	for ref, holders := range names {
		if was, ours := left[ref]; !ours || was != holders {
			continue
		}
		asked++
		rows, true_ := 0, false
		for _, l := range r.History.Live {
			if l.Ref.String() == ref && !l.Unknown {
				rows++
				true_ = true_ || l.Named.String() == holders
			}
		}
		if !true_ || alone && rows != 1 {
			say(
				&g.problems, "live at %s: %s named %q, and the answer is %+v", at.Format(time.RFC3339), ref, holders,
				r.History.Live,
			)
		}
	}
	return asked
}
