//go:build real

package attacks

import (
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// foreignCommits exploits the fact that any run can have the tag with the job's commit. The attacker's run has this
// tag, and sometimes an end time in the future.
var foreignCommits = kind{
	name:    "a run that claims the commit",
	reasons: []registry.Reason{registry.CandidateGone, registry.BadInput, registry.Blocked},
	honest:  true,
	most:    10, few: 6,
	fields: []field{
		{"in another experiment", attackers, byCommitOnly, []when{before, after}, nil, claimCommit(false, 0, false)},
		{
			"in another experiment, next to an honest run",
			attackers, byCommitOnly, []when{before, after}, nil, claimCommit(false, 0, true),
		},
		{
			"in another experiment, an end in the future",
			attackers, byCommitOnly, []when{before, after}, nil, claimCommit(false, day, false),
		},
		{
			"in another experiment, an end in the future, next to an honest run",
			attackers, byCommitOnly, []when{before, after}, nil, claimCommit(false, day, true),
		},
		{
			"an end in the future",
			[]who{editor}, byCommitOnly, []when{before, after}, nil, claimCommit(true, day, false),
		},
		{
			"an end in the future, next to an honest run",
			[]who{editor}, byCommitOnly, []when{before, after}, nil, claimCommit(true, day, true),
		},
	},
}

var byCommitOnly = []door{byCommit}

const day = 24 * time.Hour

// claimCommit logs a run for the attacker, with the job's commit and good metrics. If there is no incumbent, the
// promotion does not specify an experiment in half of all cases.
func claimCommit(home bool, ahead time.Duration, next bool) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		s.champion(a)
		if next {
			o := s.goodModel()
			o.commit = s.commit
			s.train(o)
		}
		o := s.wrongModel()
		o.value, o.commit = s.good, s.commit
		if home {
			o.experiment = s.home
		}
		if ahead > 0 {
			o.end = time.Now().Add(ahead * time.Duration(1+s.chance.IntN(3650)))
		}
		s.train(o)
		in := inputs{"candidate": "commit/model"}
		if home || a.when == before && s.chance.IntN(2) == 0 {
			in["experiment"] = s.homeName
		}
		return s.run("promote", in, s.gates(false))
	}
}
