package registry

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// ByCommit selects the newest finished run that was trained from a commit.
type ByCommit struct {
	SHA         string   // full digest
	Experiments []string // names or ids of the experiments to search; by default, the experiment of the incumbent's run
	TrainedBy   []string // MLflow users whose runs count; by default, every user
	Path        string   // path of the model within the run
}

// CommitRun is the run that was found for a commit.
type CommitRun struct {
	SHA, RunID string
	User       string    // as sent by the training client
	Ended      time.Time // zero if the run has no end time
	Searched   string    // describes the experiments that were searched
	Older      []OtherRun
	Ignored    []OtherRun // the commit's runs that do not count
	More       bool       // whether the commit has older runs that were not read
}

// OtherRun is a run for the commit that was not selected, with the reason.
type OtherRun struct{ ID, User, Why string }

// clockTolerance is how far a training machine's clock may be ahead of the server's. The client sends a run's times.
// Without this limit, a run could claim to end in ten years and would be the newest run until then.
const clockTolerance = 10 * time.Minute

// Choose returns the newest run that counts, the older runs that count (newest first), and the runs that do not count.
// ok is false if no run counts. now is the server's time, or the zero time if this is not known.
func (by ByCommit) Choose(runs []Run, now time.Time) (newest Run, older, ignored []OtherRun, ok bool) {
	var counts []Run
	for _, r := range runs {
		if why := by.ignores(r, now); why != "" {
			ignored = append(ignored, OtherRun{r.ID, r.User, why})
		} else {
			counts = append(counts, r)
		}
	}
	if len(counts) == 0 {
		return Run{}, nil, ignored, false
	}
	// If two runs end at the same time, the one that started later wins. If the start times are also equal, the greater
	// id wins, so that the result is always the same.
	slices.SortFunc(counts, func(a, b Run) int {
		return cmp.Or(b.End.Compare(a.End), b.Start.Compare(a.Start), cmp.Compare(b.ID, a.ID))
	})
	for _, r := range counts[1:] {
		why := "it ended " + moment(r.End)
		if r.End.Equal(counts[0].End) {
			why = "it ended at the same moment"
		}
		older = append(older, OtherRun{r.ID, r.User, why})
	}
	return counts[0], older, ignored, true
}

// ignores returns the reason why a run does not count, or "" if it counts.
func (by ByCommit) ignores(r Run, now time.Time) string {
	switch latest := now.Add(clockTolerance); {
	case r.Deleted:
		return "it is deleted"
	case r.Status != "FINISHED":
		return "its status is " + r.Status
	case now.IsZero():
		return "the server sends no Date header, so the end of the run cannot be checked"
	case r.End.After(latest):
		return "its end " + moment(r.End) + " is in the future"
	case r.Start.After(latest):
		return "its start " + moment(r.Start) + " is in the future"
	case len(by.TrainedBy) > 0 && !slices.Contains(by.TrainedBy, r.User):
		return "its user is not in trained-by"
	}
	return ""
}

// Words describes which run was selected, from which experiments, and which other runs were not.
func (c CommitRun) Words() []string {
	notes := []string{fmt.Sprintf("run %s is the newest finished run of commit %s in %s; it ended %s",
		runOf(c.RunID, c.User), c.SHA, c.Searched, moment(c.Ended))}
	if len(c.Older) > 0 {
		notes = append(notes, "not selected because they are older: "+Others(c.Older))
	}
	if len(c.Ignored) > 0 {
		notes = append(notes, "runs of this commit that do not count: "+Others(c.Ignored))
	}
	if c.More {
		notes = append(notes, "older runs of this commit exist but were not read")
	}
	return notes
}

// othersShown limits the number of runs in a sentence.
const othersShown = 5

// Others lists the runs that were not selected, with the reason for each.
func Others(runs []OtherRun) string {
	text := ""
	for i, r := range runs[:min(othersShown, len(runs))] {
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%s (%s)", runOf(r.ID, r.User), r.Why)
	}
	if more := len(runs) - othersShown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

func runOf(run, user string) string {
	if user == "" {
		return run
	}
	return fmt.Sprintf("%s of user %q", run, user)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}
