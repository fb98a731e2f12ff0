//go:build real

package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"testing"
	"time"
)

// tool runs the program as a user would, against a single server.
type tool struct {
	t      *testing.T
	binary string
	url    string
	env    []string
}

// said is the result that a run of the program reports.
type said struct {
	Reason, Error, Hint string
	Version             string
	Previous            string `json:"previous_version"`
	RecordID            string `json:"record_id"`
	NoLedger            string `json:"no_ledger"`
	History             *struct {
		Broken  string
		At      int `json:"broken_at"`
		Entries []struct {
			Outcome, Reason string
			Record          struct {
				Epoch int
				Actor string
			}
		}
		Pages []struct {
			Page   string
			Values map[string]string
		}
	}
	Server struct {
		Ledger string
		Guard  string   `json:"ledger_guard"`
		Home   string   `json:"ledger_home"`
		Grants []string `json:"ledger_grants"`
	}

	status int
	text   []byte
}

// patience limits how long a single run of the program may take, even on a very slow machine.
const patience = 10 * time.Minute

// run runs a command with additional environment variables, and waits until it ends.
func (b tool) run(env []string, args ...string) (s said) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.binary, append(args, "--json", "--tracking-uri", b.url)...)
	cmd.Env = append(append(Environment(), b.env...), env...)
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	var err error
	s.text, err = cmd.Output()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		s.status = ended.ExitCode()
	}
	if err := json.Unmarshal(s.text, &s); err != nil {
		b.t.Fatalf("%v: %v\n%s%s", args, err, s.text, trouble.Bytes())
	}
	return s
}
