//go:build real

package realtest

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "with -whole, write the table of pairs into docs/between-servers.md")

//go:embed testdata/pairs.py
var pairsPy string

const (
	pairsKey    = "AKIDEXAMPLE"
	pairsSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// pairedServers lists the servers in the table. Without -whole, each server is the source of the next one, and the last
// one is the source of the first.
var pairedServers = []pairedServer{
	{name: "1.30.1", o: Options{Version: "1.30.1", Workers: 1}},
	{name: "3.17.2, S3", s3: true, o: Options{
		Environment: "logins", Workers: 1, Args: []string{"--no-serve-artifacts", "--default-artifact-root", "s3://mlflow/a b"},
	}},
	{name: "2.22.5", o: Options{Version: "2.22.5", Workers: 1}},
	{name: "3.17.2, a workspace", o: Options{Workspace: "team", Workers: 1}},
	{name: "3.17.2, basic-auth", o: Options{Login: true, Workers: 1}},
	{name: "3.17.2", o: Options{Workers: 1}},
}

type pairedServer struct {
	name string
	s3   bool // files are in a bucket, without the server's proxy
	o    Options

	*Server
	say   func(line string) (string, error)
	model clientSees // the model that was trained on this server
}

// clientSees is what the stock client says about a version that it has loaded.
type clientSees struct {
	Version   string
	Predicted []float64
	Metrics   map[string]float64
	Params    map[string]string
	Losses    [][]float64 // step and value
	Trouble   string
}

// A model that the stock client trained on one server is promoted on another one. The stock client loads it there, and
// it predicts the same. Metrics and parameters of the run are equal too.
func TestPairs(t *testing.T) {
	began := time.Now()
	took := func() string { return time.Since(began).Round(100 * time.Millisecond).String() }
	binary := program(t)
	bucket := pairsBucket(t)
	t.Logf("built after %s", took())
	servers := slices.Clone(pairedServers)
	cells := map[[2]string]string{}
	try := func(i, j int) {
		if !*whole && j != (i+1)%len(servers) {
			return
		}
		from, to := &servers[i], &servers[j]
		began := time.Now()
		cell := from.promoteOn(t, to, binary)
		cells[[2]string{from.name, to.name}] = cell
		t.Logf("%s to %s: %s, %.1f s", from.name, to.name, cell, time.Since(began).Seconds())
	}
	for i := range servers {
		servers[i].start(t, bucket, i)
		t.Logf("%s has a model after %s", servers[i].name, took())
		for earlier := range i {
			try(earlier, i)
			try(i, earlier)
		}
	}
	t.Logf("%d pairs after %s\n%s", len(cells), took(), pairsTable(cells))
	comparePairs(t, cells)
}

// pairsBucket starts an S3 server and returns the settings for it. The program never gets them.
func pairsBucket(t *testing.T) []string {
	t.Helper()
	env := []string{
		"AWS_ACCESS_KEY_ID=" + pairsKey, "AWS_SECRET_ACCESS_KEY=" + pairsSecret, "AWS_DEFAULT_REGION=eu-west-1",
		"AWS_ENDPOINT_URL_S3=" + versitygw(t, pairsKey, pairsSecret, "mlflow"),
	}
	for _, kv := range env { // for the stock client
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	return env
}

// start starts the server and its stock client, which trains a model that predicts differently on each server.
func (p *pairedServer) start(t *testing.T, bucket []string, i int) {
	t.Helper()
	var err error
	if p.s3 {
		p.o.Env = append(p.o.Env, bucket...)
	}
	if p.Server, err = MLflow(t.Context(), p.o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	say, stop, err := p.converse(t.Context(), pairsPy)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p.say = say
	p.model = p.ask(t, map[string]any{"do": "log", "slope": i + 2, "accuracy": 0.9 + float64(i)/100})
	if p.model.Trouble != "" || len(p.model.Predicted) != 3 {
		t.Fatalf("%s: train: %+v\n%s", p.name, p.model, p.Tail())
	}
}

// ask sends a request to the stock client.
func (p *pairedServer) ask(t *testing.T, request map[string]any) (sees clientSees) {
	t.Helper()
	line, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := p.say(string(line))
	if err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	if err := json.Unmarshal([]byte(answer), &sees); err != nil {
		t.Fatalf("%s: %v: %s", p.name, err, answer)
	}
	return sees
}

// promoteOn promotes the server's model on another server, and returns the table's cell.
func (p *pairedServer) promoteOn(t *testing.T, to *pairedServer, binary string) string {
	t.Helper()
	kind, target := "--alias", "live"
	if strings.HasPrefix(to.Version, "1.") {
		kind, target = "--stage", "Staging"
	}
	args := []string{
		"promote", "--model", "churn", "--candidate", "models:/churn/" + p.model.Version, "--source-tracking-uri", p.URL,
		kind, target, "--thresholds", "accuracy >= 0.5",
	}
	for flag, value := range map[string]string{
		"--source-username": p.User, "--source-password": p.Password, "--source-workspace": p.Workspace,
		"--username": to.User, "--password": to.Password, "--workspace": to.Workspace,
	} {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	// without credentials for the bucket, so that files must be read and sent through the servers
	none := []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_DEFAULT_REGION=", "AWS_ENDPOINT_URL_S3="}
	r := tool{t: t, binary: binary, url: to.URL}.run(none, args...)
	if r.Reason == "unsupported" {
		return "refused (" + r.Error + ")"
	}
	if r.status != 0 || r.Reason != "ok" {
		t.Errorf("%s to %s: %s: %s\n%s\n%s", p.name, to.name, r.Reason, r.Error, r.Hint, to.Tail())
		return "failed (" + r.Reason + ")"
	}
	sees := to.ask(t, map[string]any{"do": "load", "target": target})
	want := p.model
	want.Version = r.Version
	if !reflect.DeepEqual(sees, want) {
		t.Errorf("%s to %s: the client sees\n%+v, want\n%+v", p.name, to.name, sees, want)
		return "failed (" + cmp.Or(sees.Trouble, "differs") + ")"
	}
	if again := (tool{t: t, binary: binary, url: to.URL}).run(none, args...); again.Reason != "unchanged" {
		t.Errorf("%s to %s, again: %s: %s", p.name, to.name, again.Reason, again.Error)
		return "failed (again " + again.Reason + ")"
	}
	return "ok"
}

// pairsTable returns a Markdown table with a row for each source. Pairs that were not tried are empty.
func pairsTable(cells map[[2]string]string) string {
	var b strings.Builder
	b.WriteString("| from \\ to |")
	for _, to := range pairedServers {
		fmt.Fprintf(&b, " %s |", to.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(pairedServers)) + "\n")
	for _, from := range pairedServers {
		fmt.Fprintf(&b, "| %s |", from.name)
		for _, to := range pairedServers {
			fmt.Fprintf(&b, " %s |", pairsCell(cells, from.name, to.name))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func pairsCell(cells map[[2]string]string, from, to string) string {
	if from == to {
		return "–"
	}
	return cells[[2]string{from, to}]
}

// comparePairs compares the cells with the table in the documentation, which is written if -update is set.
func comparePairs(t *testing.T, cells map[[2]string]string) {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "between-servers.md")
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(doc), "<!-- begin pairs -->\n")
	table, after, ends := strings.Cut(rest, "<!-- end pairs -->\n")
	if !begins || !ends {
		t.Fatalf("%s has no markers for the table of pairs", path)
	}
	if *whole && *update {
		doc := before + "<!-- begin pairs -->\n" + pairsTable(cells) + "<!-- end pairs -->\n" + after
		if err := os.WriteFile(path, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	rows := strings.Split(table, "\n")
	for i, from := range pairedServers {
		for j, to := range pairedServers {
			got, tried := cells[[2]string{from.name, to.name}]
			if !tried {
				continue
			}
			said := ""
			if len(rows) > i+2 {
				if columns := strings.Split(rows[i+2], " | "); len(columns) > j+1 {
					said = strings.TrimSuffix(columns[j+1], " |")
				}
			}
			if got != said {
				t.Errorf("%s to %s: %s, but docs/between-servers.md says %q; run: make test-matrix TABLE=-update",
					from.name, to.name, got, said)
			}
		}
	}
}
