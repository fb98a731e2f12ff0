// Command reliability runs all tests for lost, duplicated and unfinished promotions at full length, and prints a table
// of case counts and results. It fails if a test fails or reports nothing.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// campaign is a test of adjustable length. The pattern in shows selects the log lines in which the test reports its
// results.
type campaign struct {
	name  string
	needs []string // targets for tools/setup; empty if the test needs no server
	env   []string
	test  []string // the arguments for go test
	shows string   // the pattern for the log lines to show
}

// By default, a campaign signs every second ledger. Set PROMOTE_SIGNED to sign all ledgers or none.
var campaigns = []campaign{
	{
		name:  "parallel promotions, every second ledger signed, on the test double",
		env:   []string{"PROMOTE_RACES=3334"},
		test:  []string{"-run", "^TestRaces$", "./internal/cli"},
		shows: `^seeds`,
	},
	{
		name:  "every interleaving of two and three promotions, and random walks",
		env:   []string{"PROMOTE_INTERLEAVINGS=3"},
		test:  []string{"-run", "^TestInterleavings", "./internal/apply"},
		shows: `^\|`,
	},
	{
		name:  "killed at each request, then run again, every second story signed",
		env:   []string{"PROMOTE_KILLS=1"},
		test:  []string{"-run", "^TestKilled", "./internal/cli"},
		shows: `killed (at|and)`,
	},
	{
		name:  "faults at each request, signed",
		env:   []string{"PROMOTE_FAULTS=2000", "PROMOTE_SIGNED=all"},
		test:  []string{"-run", "^TestFaults$", "./internal/cli"},
		shows: `injected|kinds of faults|by kind|by outcome`,
	},
	{
		name:  "faults at each request, not signed",
		env:   []string{"PROMOTE_FAULTS=-1", "PROMOTE_SIGNED=none"},
		test:  []string{"-run", "^TestFaults$", "./internal/cli"},
		shows: `injected|kinds of faults|by kind|by outcome`,
	},
	{
		name:  "stopped at each request, every second story signed",
		env:   []string{"PROMOTE_STOPS=1"},
		test:  []string{"-run", "^TestStopped", "./internal/cli"},
		shows: `endings`,
	},
	{
		name:  "responses to one write",
		test:  []string{"-run", "^TestSettle_TellsTheTruth$", "./internal/retry"},
		shows: `scripts`,
	},
	{
		name:  "sequences of promotions and rollbacks, every second one signed",
		env:   []string{"PROMOTE_ROLLBACKS=6"},
		test:  []string{"-run", "_EverySequence$", "./internal/plan", "./internal/cli"},
		shows: `sequences`,
	},
	{
		name:  "moves by others between promotions, and what was live",
		env:   []string{"PROMOTE_WALKS=200"},
		test:  []string{"-run", "^TestWalks$", "./internal/cli"},
		shows: `walks`,
	},
	{
		name: "what an approval covers",
		test: []string{
			"-run", "^(TestDigest_BoundFields|TestApproval_EveryField|TestApproval_ChangedFacts)",
			"./internal/plan", "./internal/cli",
		},
		shows: `fields`,
	},
	{
		name:  "tampering, in memory",
		test:  []string{"-run", "^TestTampering", "./internal/ledger"},
		shows: `tampering`,
	},
	{
		name:  "tampering by SQL",
		needs: []string{"mlflow-3.17.2", "mlflow-2.22.5", "mlflow-1.30.1", "postgres"},
		test:  []string{"-tags=real", "-run", "^TestTampering_BySQL$", "./internal/realtest", "-whole"},
		shows: `^\|`,
	},
	{
		name:  "forged ledgers, in memory",
		test:  []string{"-run", "^TestForgedLedgers", "./internal/ledger", "-forged", "3300"},
		shows: `^forged ledgers`,
	},
	{
		name:  "forged ledgers on servers, by API and by SQL",
		needs: []string{"mlflow-3.17.2", "mlflow-2.22.5", "mlflow-1.30.1", "postgres"},
		test:  []string{"-tags=real", "-run", "^TestForgeries", "./internal/realtest", "-whole"},
		shows: `^\||refused by the server`,
	},
	{
		name:  "permissions before the claim",
		needs: []string{"mlflow-3.17.2", "mlflow-2.22.5"},
		test:  []string{"-tags=real", "-run", "^TestRights_BeforeClaim$", "./internal/realtest"},
		shows: `^\|`,
	},
	{
		name: "parallel promotions by real processes",
		needs: []string{
			"mlflow-3.17.2", "mlflow-2.22.5", "mlflow-1.30.1", "postgres", "mariadb",
		},
		test: []string{
			"-tags=real", "-run", "^TestRaces_Processes$", "./internal/realtest", "-whole", "-rounds", "200",
		},
		shows: `^\|`,
	},
}

// result is the result of a campaign.
type result struct {
	campaign
	lines []string
	took  time.Duration
	wrong string // "" if it passed
}

func main() {
	only := flag.String("only", "", "run only campaigns whose name contains this `text`")
	flag.Parse()
	var done []result
	for _, c := range campaigns {
		if strings.Contains(c.name, *only) {
			fmt.Fprintf(os.Stderr, "%s …\n", c.name)
			done = append(done, c.run(os.Stderr))
		}
	}
	if !table(os.Stdout, done) {
		os.Exit(1)
	}
}

// run runs the test. It keeps the log lines that match the pattern and writes all other lines to progress.
func (c campaign) run(progress io.Writer) (r result) {
	r.campaign = c
	if len(c.needs) > 0 {
		setup := exec.Command("tools/setup", c.needs...)
		setup.Stderr = progress
		if err := setup.Run(); err != nil {
			r.wrong = "not run: it needs " + strings.Join(c.needs, ", ")
			return r
		}
	}
	began := time.Now()
	cmd := exec.Command("go", append([]string{"test", "-v", "-count=1", "-timeout=8h"}, c.test...)...)
	cmd.Env = append(os.Environ(), c.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	r.took = time.Since(began)
	r.lines = shown(&out, regexp.MustCompile(c.shows), progress)
	switch {
	case err != nil:
		r.wrong = err.Error()
	case len(r.lines) == 0:
		r.wrong = "it reported nothing"
	}
	return r
}

var logged = regexp.MustCompile(`^\s+\w+_test\.go:\d+: (.*)`)

// shown returns the log lines that match the pattern. It copies all other lines to other, because they may explain a
// failure.
func shown(out io.Reader, which *regexp.Regexp, other io.Writer) (lines []string) {
	all := bufio.NewScanner(out)
	all.Buffer(nil, 1<<20)
	for all.Scan() {
		line := all.Text()
		m := logged.FindStringSubmatch(line)
		switch {
		case m != nil && which.MatchString(m[1]):
			lines = append(lines, m[1])
		case m != nil, strings.Contains(line, "FAIL"), strings.Contains(line, "panic"):
			fmt.Fprintln(other, line)
		}
	}
	return lines
}

// table prints the results and reports whether all campaigns passed.
func table(w io.Writer, done []result) (passed bool) {
	passed = len(done) > 0
	for _, r := range done {
		verdict := "passed"
		if r.wrong != "" {
			verdict, passed = "FAILED: "+r.wrong, false
		}
		fmt.Fprintf(w, "\n%s (%s, %s)\n", r.name, verdict, r.took.Round(time.Second))
		for _, line := range aligned(r.lines) {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	return passed
}

// aligned pads the cells of the lines that are table rows.
func aligned(lines []string) []string {
	var width []int
	for _, line := range lines {
		for i, cell := range cells(line) {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len(cell))
		}
	}
	out := make([]string, len(lines))
	for n, line := range lines {
		out[n] = line
		if row := cells(line); row != nil {
			for i := range row {
				row[i] += strings.Repeat(" ", width[i]-len(row[i]))
			}
			out[n] = "| " + strings.Join(row, " | ") + " |"
		}
	}
	return out
}

func cells(line string) []string {
	if !strings.HasPrefix(line, "| ") {
		return nil
	}
	row := strings.Split(strings.Trim(line, "|"), "|")
	for i := range row {
		row[i] = strings.TrimSpace(row[i])
	}
	return row
}
