package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// server is a registry with one alias and one stage. It records the writes that it receives, and its hooks simulate
// faults.
type server struct {
	state   map[string]string // keyed by target, as Ref formats it
	writes  []string
	do      func(context.Context, plan.Step) error // called before the write takes effect
	after   func(plan.Step) error
	observe func(plan.Step) error
	version registry.Known[registry.Version] // the version to be moved
	place   registry.Known[string]           // the location of the version's files
	copied  registry.Copied
	copyErr error
	created plan.Step // the step that created a version
}

func (s *server) Observe(_ context.Context, step plan.Step) (registry.State, []registry.Version, error) {
	if s.observe != nil {
		if err := s.observe(step); err != nil {
			return registry.State{}, nil, err
		}
	}
	return registry.ParseState(s.state[step.Name]), nil, nil
}

func (s *server) Version(context.Context, string, int) registry.Known[registry.Version] {
	if s.version.Gathered() {
		return s.version
	}
	return registry.Is(registry.Version{})
}

func (s *server) Place(context.Context, string, int) registry.Known[string] { return s.place }

func (s *server) Copy(_ context.Context, step plan.Step) (registry.Copied, bool, error) {
	s.writes = append(s.writes, string(step.Do)+" "+step.Source.URI)
	return s.copied, s.copyErr == nil, s.copyErr
}

func (s *server) Do(ctx context.Context, step plan.Step) (string, bool, error) {
	if s.do != nil {
		if err := s.do(ctx, step); err != nil {
			return "", false, err
		}
	}
	if step.Do == plan.SetTag { // tags are written in parallel, so their order is not recorded
		return "", true, nil
	}
	s.writes = append(s.writes, string(step.Do)+" "+step.Name+" "+step.Want.String())
	if step.Kind() == plan.Move {
		s.state[step.Name] = step.Want.String()
	}
	if s.after != nil {
		if err := s.after(step); err != nil {
			return "", false, err
		}
	}
	if step.Do == plan.CreateVersion {
		s.created = step
		return "2", true, nil
	}
	return "", true, nil
}

func thePlan() plan.Plan {
	return plan.Plan{Model: "churn", Steps: []plan.Step{
		{Do: plan.CreateVersion, Model: "churn", Want: registry.PointsTo(registry.NextVersion)},
		{
			Do: plan.SetAlias, Model: "churn", Name: "champion", Was: registry.PointsTo(1),
			Want: registry.PointsTo(registry.NextVersion),
		},
		{
			Do: plan.SetStage, Model: "churn", Name: "Production", Was: registry.PointsTo(1),
			Want: registry.PointsTo(registry.NextVersion), Archive: true,
		},
		{Do: plan.SetTag, Model: "churn", Name: registry.TagRecord, Want: registry.Text(plan.TheRecord)},
	}}
}

func fresh() *server {
	return &server{state: map[string]string{"champion": "1", "Production": "1"}}
}

func applied(ctx context.Context, s *server) plan.Receipt {
	return Run(ctx, s, thePlan(), Options{
		Now:    func() time.Time { return time.Unix(0, 0) },
		Record: func(time.Time, int) string { return "{}" },
		Pause:  func(ctx context.Context, try int) bool { return ctx.Err() == nil && try < 9 },
	})
}

var (
	errRefused = &registry.Error{Reason: registry.Forbidden, Msg: "the login lacks the right"}
	errUnclear = &registry.Error{Reason: registry.Unknown, Msg: "the answer was lost"}
	errFailed  = &registry.Error{Reason: registry.Unknown, Over: true, Msg: "500"}
	errDown    = &registry.Error{Reason: registry.Unreachable, Msg: "connection refused"}
)

func only(ref string, err error) func(plan.Step) error {
	return func(s plan.Step) error {
		if s.Name == ref {
			return err
		}
		return nil
	}
}

// inTurn returns a function that fails successive writes of a step with these errors, and then succeeds.
func inTurn(ref string, errs ...error) func(context.Context, plan.Step) error {
	next := inTurnOf(errs...)
	return func(_ context.Context, s plan.Step) error {
		if s.Name != ref {
			return nil
		}
		return next(s)
	}
}

func inTurnOf(errs ...error) func(plan.Step) error {
	return func(plan.Step) error {
		if len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

func TestRun_Outcomes(t *testing.T) {
	const all = "create-version  {new}|set-alias champion 2|set-stage Production 2"
	for name, c := range map[string]struct {
		spoil  func(*server)
		reason registry.Reason
		ends   string // outcomes of the steps, in order
		writes string
	}{
		"no fault": {func(*server) {}, registry.OK, "done done done done", all},
		"the alias was moved before": {
			func(s *server) {
				s.state["champion"] = "9"
			}, registry.Conflict, "done not done not done not done", "create-version  {new}"},
		"the guard cannot be read": {
			func(s *server) {
				s.observe = only("Production", errDown)
			}, registry.Unreachable, "done not done not done not done", "create-version  {new}"},
		"the version is refused": {
			func(s *server) {
				s.do = func(_ context.Context, step plan.Step) error { return only("", errRefused)(step) }
			},
			registry.Forbidden, "not done not done not done not done", ""},
		"the second move is refused": {
			func(s *server) {
				s.do = func(_ context.Context, step plan.Step) error { return only("Production", errRefused)(step) }
			},
			registry.Forbidden, "done done not done not done", "create-version  {new}|set-alias champion 2"},
		"the answer to a move is lost after its effect": {
			func(s *server) { s.after = only("Production", errUnclear) }, registry.OK, "done done done done", all},
		"the answer to the first of two moves is lost after its effect": {
			func(s *server) { s.after = only("champion", errUnclear) }, registry.OK, "done done done done", all},
		"one move is overtaken, the answer to another is lost": {
			func(s *server) {
				s.after = func(step plan.Step) error {
					if step.Name == "Production" {
						s.state["champion"] = "9"
						return errUnclear
					}
					return nil
				}
			},
			registry.Conflict, "done not done done done", all},
		"the answer to a move is lost each time, and it may still arrive": {
			func(s *server) {
				s.do = func(_ context.Context, step plan.Step) error { return only("Production", errUnclear)(step) }
			},
			registry.Unknown, "done done unknown not done", "create-version  {new}|set-alias champion 2"},
		"the server fails at a move each time": {
			func(s *server) {
				s.do = func(_ context.Context, step plan.Step) error { return only("Production", errFailed)(step) }
			},
			registry.ServerError, "done done not done not done", "create-version  {new}|set-alias champion 2"},
		"the answer to a move is lost before its effect, and then the move is refused for good": {
			func(s *server) {
				s.do = inTurn("Production", errUnclear, errRefused, errRefused, errRefused, errRefused)
			},
			registry.Unknown, "done done unknown not done", "create-version  {new}|set-alias champion 2"},
		"the answer to a move is lost before its effect, and it is sent again": {
			func(s *server) {
				s.do = inTurn("Production", errUnclear, errRefused, errUnclear)
			}, registry.OK, "done done done done", all},
		"the answer to a move is lost, and so is the answer to the first read": {
			func(s *server) {
				s.after = func(step plan.Step) error {
					if step.Name == "Production" {
						s.observe = inTurnOf(errDown, errRefused)
						return errUnclear
					}
					return nil
				}
			},
			registry.OK, "done done done done", all},
		"the answer is lost and nothing can be read": {
			func(s *server) {
				s.after = func(step plan.Step) error {
					if step.Name == "champion" {
						s.observe = func(plan.Step) error { return errDown }
						return errUnclear
					}
					return nil
				}
			},
			registry.Unknown, "done unknown not done not done", "create-version  {new}|set-alias champion 2"},
		"the alias was moved again right afterwards": {
			func(s *server) {
				s.after = func(step plan.Step) error { // happens in parallel with the last move
					if step.Name == "Production" {
						s.state["champion"] = "9"
					}
					return nil
				}
			},
			registry.Conflict, "done not done done done", all},
		"two versions are in the stage": {
			func(s *server) {
				s.after = func(step plan.Step) error {
					if step.Name == "Production" {
						s.state["Production"] = "2,3"
					}
					return nil
				}
			},
			registry.StageNotExclusive, "done done not done done", all},
		"a note cannot be written": {
			func(s *server) {
				s.do = func(_ context.Context, step plan.Step) error {
					return only(registry.TagRecord, errRefused)(step)
				}
			},
			registry.OK, "done done done not done", all},
	} {
		t.Run(name, func(t *testing.T) {
			s := fresh()
			c.spoil(s)
			r := applied(context.Background(), s)
			if got := registry.ReasonOf(r.Err); got != c.reason {
				t.Errorf("reason %s (%v), want %s", got, r.Err, c.reason)
			}
			var ends []string
			for _, result := range r.Results {
				ends = append(ends, string(result.Done))
			}
			if diff := cmp.Diff(c.ends, strings.Join(ends, " ")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.writes, strings.Join(s.writes, "|")); diff != "" {
				t.Error(diff)
			}
			if c.reason == registry.OK && strings.Contains(c.ends, "not done") != (len(r.Warnings) == 1) {
				t.Errorf("warnings %v", r.Warnings)
			}
		})
	}
}

// If something else has already made a move, no request is sent for it, so its outcome is always known: either the move
// is confirmed, or it has not been made.
func TestRun_ConfirmedMoves(t *testing.T) {
	for name, c := range map[string]struct {
		after  func(*server)
		reason registry.Reason
		end    plan.Done
	}{
		"it is there": {func(*server) {}, registry.OK, plan.StepDone},
		"it cannot be read again": {
			func(s *server) { s.observe = only("champion", errDown) }, registry.Unreachable, plan.StepNotDone,
		},
		"the alias was moved again": {
			func(s *server) { s.state["champion"] = "9" }, registry.Conflict, plan.StepNotDone,
		},
	} {
		s := fresh()
		s.observe = func(plan.Step) error { // the check before the first move
			s.observe = func(step plan.Step) error {
				s.observe = func(plan.Step) error { return nil }
				c.after(s)
				return s.observe(step)
			}
			return nil
		}
		r := Run(context.Background(), s, plan.Plan{Model: "churn", Version: 1, Steps: []plan.Step{
			{
				Do: plan.SetAlias, Model: "churn", Version: 1, Name: "champion", Was: registry.PointsTo(1),
				Want: registry.PointsTo(1),
			},
		}}, Options{Now: func() time.Time { return time.Unix(0, 0) }})
		if got := registry.ReasonOf(r.Err); got != c.reason || r.Results[0].Done != c.end || r.Changed() ||
			len(s.writes) > 0 {
			t.Errorf("%s: %s (%v), %+v, written %v", name, got, r.Err, r.Results, s.writes)
		}
	}
}

// A run can be cancelled at any step. It sends no further writes, checks the outcome of the write in flight, and ends
// within five seconds.
func TestRun_CancelledAtAnyStep(t *testing.T) {
	for at := range 3 {
		for _, hangs := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d, server hangs %v", at, hangs), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					s := fresh()
					n := 0
					s.do = func(ctx context.Context, step plan.Step) error {
						n++
						if n != at+1 {
							return nil
						}
						cancel()
						if hangs {
							<-ctx.Done()
							return errUnclear
						}
						time.Sleep(time.Second)
						return nil
					}
					start := time.Now()
					r := applied(ctx, s)
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("took %s", took)
					}
					if len(s.writes) > at+1 {
						t.Errorf("wrote on after the signal: %v", s.writes)
					}
					if got := registry.ReasonOf(r.Err); r.Err == nil && at < 2 || r.Err != nil && got == registry.OK {
						t.Errorf("reason %s after a signal at step %d: %v", got, at, r.Results)
					}
					if len(r.Results) != 4 {
						t.Errorf("%d steps are accounted for, of 4", len(r.Results))
					}
				})
			})
		}
	}
}

func TestRun_DeadlinePassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s := fresh()
		s.do = func(_ context.Context, step plan.Step) error {
			if step.Do == plan.CreateVersion {
				time.Sleep(2 * time.Second)
			}
			return nil
		}
		r := applied(ctx, s)
		if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) || registry.ReasonOf(r.Err) == registry.Cancelled ||
			r.Err == nil {
			t.Errorf("%v", r.Err)
		}
	})
}

// Requested descriptions and tags are written before anything is moved. If any of these writes fails, nothing is moved.
func TestRun_TextsBeforeMoves(t *testing.T) {
	s := fresh()
	s.do = func(_ context.Context, step plan.Step) error { return only("owner", errRefused)(step) }
	p := thePlan()
	p.Steps = append(p.Steps, plan.Step{Do: plan.SetTag, Model: "churn", Name: "owner", Want: registry.Text("ann")})
	r := Run(
		context.Background(), s, p,
		Options{Now: func() time.Time { return time.Unix(0, 0) }, Record: func(time.Time, int) string { return "{}" }},
	)
	if registry.ReasonOf(r.Err) != registry.Forbidden || len(s.writes) != 1 || len(r.Results) != 5 {
		t.Errorf("%v\n%v\n%v", r.Err, s.writes, r.Results)
	}
}

// claims is a ledger that accepts every claim and records how the promotion ended.
type claims struct{ ended registry.Reason }

func (c *claims) Begin(context.Context, int) error { return nil }

func (c *claims) End(_ context.Context, result error, _ []registry.Ref) error {
	c.ended = registry.ReasonOf(result)
	return nil
}

// A run that is delayed until its claim has expired makes no further moves, because another run may have taken over.
func TestRun_LeaseExpired(t *testing.T) {
	for name, c := range map[string]struct {
		heldUp time.Duration
		reason registry.Reason
		writes int
	}{
		"in time":  {13 * time.Minute, registry.OK, 3},
		"too late": {14 * time.Minute, registry.Conflict, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s, l := fresh(), &claims{}
			clock := time.Unix(0, 0)
			s.after = func(step plan.Step) error {
				if step.Name == "champion" {
					clock = clock.Add(c.heldUp)
				}
				return nil
			}
			r := Run(context.Background(), s, thePlan(), Options{
				Now: func() time.Time {
					return clock
				}, Record: func(time.Time, int) string { return "{}" }, Ledger: l, Lease: 15 * time.Minute,
			})
			if got := registry.ReasonOf(r.Err); got != c.reason || l.ended != c.reason || len(s.writes) != c.writes {
				t.Errorf("%s, the ledger is told %s: %v", got, l.ended, s.writes)
			}
		})
	}
}

// slow moves the alias while the claim is being written, as a user might do while a deployment is being created on
// GitHub.
type slow struct {
	claims
	server *server
}

func (l *slow) Begin(context.Context, int) error {
	time.Sleep(time.Second)
	l.server.state["champion"] = "9"
	return nil
}

// If the alias is moved by hand during a slow claim, the run notices this before it moves anything.
func TestRun_MovedDuringSlowClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fresh()
		r := Run(
			t.Context(), s, thePlan(),
			Options{
				Now: time.Now, Record: func(time.Time, int) string { return "{}" }, Ledger: &slow{server: s},
				Slow: true,
			},
		)
		if registry.ReasonOf(r.Err) != registry.Conflict || s.state["champion"] != "9" {
			t.Errorf("%v, and the alias names %s", r.Err, s.state["champion"])
		}
	})
}

func TestRun_VersionThatWasNotJudged(t *testing.T) {
	judged := &plan.Registered{Source: "s3://b/run/model", RunID: "run"}
	for name, c := range map[string]struct {
		read registry.Known[registry.Version]
		want registry.Reason
	}{
		"the same registration is moved": {registry.Is(registry.Version{Source: "s3://b/run/model", RunID: "run"}), ""},
		"a different source is refused": {
			registry.Is(registry.Version{Source: "s3://b/evil/model", RunID: "run"}), registry.Conflict,
		},
		"a different run is refused": {
			registry.Is(registry.Version{Source: "s3://b/run/model", RunID: "evil"}), registry.Conflict,
		},
		"a deleted version is refused":     {registry.Absent[registry.Version]("it was deleted"), registry.CandidateGone},
		"an unreadable version is refused": {registry.Unreadable[registry.Version]("503"), registry.ServerError},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{state: map[string]string{"champion": "1"}, version: c.read}
			receipt := Run(t.Context(), s, plan.Plan{Model: "churn", Version: 2, Judged: judged, Steps: []plan.Step{
				{
					Do: plan.SetAlias, Model: "churn", Version: 2, Name: "champion", Was: registry.PointsTo(1),
					Want: registry.PointsTo(2),
				},
			}}, Options{Now: time.Now})
			if got := registry.ReasonOf(receipt.Err); receipt.Err != nil && got != c.want ||
				(receipt.Err == nil) != (c.want == "") {
				t.Errorf("reason %q (%v), want %q", got, receipt.Err, c.want)
			}
			if moved := s.state["champion"] == "2"; moved != (c.want == "") {
				t.Errorf("the alias points to %s", s.state["champion"])
			}
		})
	}
}

// The version to be copied may be replaced with a different one. The location of its files reveals this.
func TestRun_CopyOfOtherFiles(t *testing.T) {
	copied := &plan.Registered{Source: "models:/dev/3", RunID: "run"}
	made := registry.Is(registry.Version{Source: "models:/dev/3", RunID: "run"})
	for name, c := range map[string]struct {
		place registry.Known[string]
		want  registry.Reason
	}{
		"the same files are moved":     {registry.Is("s3://b/run/model"), ""},
		"other files are refused":      {registry.Is("s3://b/evil/model"), registry.Conflict},
		"a deleted version is refused": {registry.Absent[string]("it was deleted"), registry.CandidateGone},
		"an unknown place is refused":  {registry.Unreadable[string]("503"), registry.ServerError},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{state: map[string]string{"champion": "1"}, version: made, place: c.place}
			p := plan.Plan{Model: "churn", Version: 2, Judged: copied, Places: []string{"s3://b/run/model"}}
			p.Steps = []plan.Step{
				{
					Do: plan.SetAlias, Model: "churn", Version: 2, Name: "champion", Was: registry.PointsTo(1),
					Want: registry.PointsTo(2),
				},
			}
			receipt := Run(t.Context(), s, p, Options{Now: time.Now})
			if got := registry.ReasonOf(receipt.Err); receipt.Err != nil && got != c.want ||
				(receipt.Err == nil) != (c.want == "") {
				t.Errorf("reason %q (%v), want %q", got, receipt.Err, c.want)
			}
			if moved := s.state["champion"] == "2"; moved != (c.want == "") {
				t.Errorf("the alias points to %s", s.state["champion"])
			}
		})
	}
}
