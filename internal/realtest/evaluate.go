package realtest

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
)

//go:embed evaluate.py
var evaluatePy string

// Evaluation is an evaluation of an agent by mlflow.genai.evaluate, without a language model. The scorers are
// correctness (yes or no), grade (0 to 5) and judge (an LLM_JUDGE that says yes or no).
type Evaluation struct {
	Model      string `json:"model"` // the agent's name; it is logged when the name is first used
	Experiment string `json:"experiment"`
	First      int    `json:"first"` // number of the first question; another one makes another dataset
	Rows       int    `json:"rows"`
	Wrong      []int  `json:"wrong"`     // questions with a wrong answer
	Failed     []int  `json:"failed"`    // questions on which the scorer correctness fails
	Crashed    []int  `json:"crashed"`   // questions on which the agent fails
	Lenient    bool   `json:"lenient"`   // use a scorer correctness that accepts any answer
	Unlinked   bool   `json:"unlinked"`  // do not pass model_id
	TracesOf   string `json:"traces_of"` // score the traces of this run, and make no predictions
}

// Evaluated is the result of an Evaluation.
type Evaluated struct {
	ModelID      string `json:"model_id"`
	RunID        string `json:"run_id"`
	ExperimentID string `json:"experiment_id"`
}

// Evaluator starts a Python process that evaluates agents, one after the other. MLflow must be 3.4 or later.
func (s *Server) Evaluator(ctx context.Context) (evaluate func(Evaluation) (Evaluated, error), stop func(), err error) {
	// MLflow reads the source of the scorers from a file.
	path := filepath.Join(s.Dir, "evaluate.py")
	if err := os.WriteFile(path, []byte(evaluatePy), 0o644); err != nil {
		return nil, nil, err
	}
	ask, stop, err := s.converse(ctx, "import evaluate")
	if err != nil {
		return nil, nil, err
	}
	return func(e Evaluation) (out Evaluated, err error) {
		for _, list := range []*[]int{&e.Wrong, &e.Failed, &e.Crashed} {
			if *list == nil {
				*list = []int{}
			}
		}
		line, err := json.Marshal(e)
		if err != nil {
			return out, err
		}
		answer, err := ask(string(line))
		if err != nil {
			return out, err
		}
		return out, json.Unmarshal([]byte(answer), &out)
	}, stop, nil
}
