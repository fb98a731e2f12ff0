package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/large"
	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

//go:embed registry.sql
var registrySQL string

//go:embed stock_audit.py
var stockAuditPy string

// The sizes of the registry that registry.sql creates, and of the simulated registry.
const (
	models, versions = 1000, 100000
	manyModels       = 10000
	manyVersions     = 1000000
)

// runAudit measures how long it takes to read a whole registry with the `audit` command, with the Python client, and
// with curl, whose time is mostly the server's. It also measures an audit of only the live versions, and an audit of a
// million versions. If repeat is 0, it measures only audits with the default rules.
func runAudit(ctx context.Context, repeat, pairs int) (err error) {
	b := bench{}
	if b.root, err = realtest.Root(); err != nil {
		return err
	}
	if b.python, err = realtest.Python(ctx, "client"); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "mlflow-promote-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.writePolicy(); err != nil {
		return err
	}
	if b.server, err = realtest.MLflow(ctx, realtest.Options{Store: "postgresql"}); err != nil {
		return err
	}
	defer b.server.Stop()
	began := time.Now()
	if err := b.server.SQL(ctx, strings.Split(strings.TrimSpace(registrySQL), ";\n\n")...); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr,
		"bench: %d versions written in %s; measuring takes %d minutes on an idle machine; load is %s\n",
		versions, time.Since(began).Round(time.Second), repeat*3/2+pairs+1, load())

	var all, stock, floor, live []audited
	for range repeat {
		for _, one := range []struct {
			into *[]audited
			run  func(context.Context) (audited, error)
		}{
			{&all, func(ctx context.Context) (audited, error) { return b.audit(ctx, b.server.URL, "all", true) }},
			{&floor, b.curl},
			{&stock, b.stock},
			{&live, func(ctx context.Context) (audited, error) { return b.audit(ctx, b.server.URL, "live", true) }},
		} {
			a, err := one.run(ctx)
			if err != nil {
				return err
			}
			*one.into = append(*one.into, a)
		}
	}
	for _, a := range append(all, stock...) {
		if a.models != models || a.versions != versions {
			return fmt.Errorf("read %d models and %d versions, want %d and %d", a.models, a.versions, models, versions)
		}
	}
	var many audited
	if repeat > 0 {
		if many, err = b.million(ctx); err != nil {
			return err
		}
	}
	bare, whole, err := b.bothLive(ctx, pairs)
	if err != nil {
		return err
	}
	if repeat > 0 {
		printAudit(all, stock, floor, live, many)
	}
	whole.print("1 % of the versions with a defect", "at most 1300 requests, 1.3")
	bare.print("no version has files", "at most 2300 requests, 1.5")
	return nil
}

// bothLive measures the audit of the live versions: first without any files, then with the files of each version.
func (b bench) bothLive(ctx context.Context, pairs int) (bare, whole livePairs, err error) {
	if err := b.removeFiles(); err != nil {
		return bare, whole, err
	}
	if bare, err = b.live(ctx, pairs); err != nil {
		return bare, whole, err
	}
	if err := b.writeFiles(); err != nil {
		return bare, whole, err
	}
	if whole, err = b.live(ctx, pairs); err != nil {
		return bare, whole, err
	}
	for _, a := range whole.audits {
		if err := checkPlanted(a); err != nil {
			return bare, whole, err
		}
	}
	return bare, whole, nil
}

// writePolicy writes a policy that disables all rules, so that an audit only reads the registry.
func (b bench) writePolicy() error {
	var text strings.Builder
	text.WriteString("version: 1\naudit:\n  rules:\n")
	for _, rule := range rules.Rules() {
		fmt.Fprintf(&text, "    %s: {off: true}\n", rule.ID)
	}
	return os.WriteFile(filepath.Join(b.dir, "off.yml"), []byte(text.String()), 0o644)
}

// audited is the measured result of reading a registry.
type audited struct {
	measured
	models, versions, requests, findings int
	each                                 []found
}

// found is one finding.
type found struct{ Rule, Model string }

// audit runs the `audit` command. If off is true, all rules are disabled, so the command only reads the registry.
func (b bench) audit(ctx context.Context, url, scope string, off bool) (a audited, err error) {
	args := []string{"audit", "--json", "--scope", scope, "--timeout", "1h"}
	if off {
		args = append(args, "--policy-file", "off.yml")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.root, "bin", "mlflow-promote"), args...)
	cmd.Env, cmd.Dir = realtest.Environment("MLFLOW_TRACKING_URI="+url), b.dir
	if a.measured, err = measure(cmd, nil); err != nil {
		return a, err
	}
	var report struct {
		Findings []found
		Totals   struct {
			Models, Versions, Requests int
			Findings                   map[string]int
		}
	}
	if err := json.Unmarshal(a.out, &report); err != nil {
		return a, fmt.Errorf("%w: %.500s", err, a.out)
	}
	a.each = report.Findings
	a.models, a.versions, a.requests = report.Totals.Models, report.Totals.Versions, report.Totals.Requests
	for _, n := range report.Totals.Findings {
		a.findings += n
	}
	return a, nil
}

func (b bench) stock(ctx context.Context) (a audited, err error) {
	cmd := exec.CommandContext(ctx, b.python, "-c", stockAuditPy)
	cmd.Env, cmd.Dir = realtest.Environment("MLFLOW_TRACKING_URI="+b.server.URL), b.dir
	if a.measured, err = measure(cmd, nil); err != nil {
		return a, err
	}
	_, err = fmt.Sscan(string(a.out), &a.models, &a.versions)
	return a, err
}

var nextToken = regexp.MustCompile(`"next_page_token": "([^"]*)"`)

// curl fetches the list of models and every page of versions, one request after another.
func (b bench) curl(ctx context.Context) (a audited, err error) {
	fetch := func(path string, query ...string) (string, error) {
		args := []string{"--silent", "--show-error", "--fail", "--get", b.server.URL + "/api/2.0/mlflow/" + path}
		for _, q := range query {
			args = append(args, "--data-urlencode", q)
		}
		m, err := measure(exec.CommandContext(ctx, "curl", args...), nil)
		a.wall += m.wall
		a.requests++
		return string(m.out), err
	}
	if _, err := fetch("registered-models/search", "max_results=1000", "order_by=name ASC"); err != nil {
		return a, err
	}
	for token := ""; ; {
		query := []string{"max_results=10000", "order_by=name ASC", "order_by=version_number ASC"}
		if token != "" {
			query = append(query, "page_token="+token)
		}
		page, err := fetch("model-versions/search", query...)
		if err != nil {
			return a, err
		}
		next := nextToken.FindStringSubmatch(page)
		if next == nil {
			return a, nil
		}
		token = next[1]
	}
}

// million audits a registry of a million versions, which a server generates while it is read.
func (b bench) million(ctx context.Context) (audited, error) {
	s := httptest.NewServer(large.New(manyModels, manyVersions/manyModels))
	defer s.Close()
	a, err := b.audit(ctx, s.URL, "all", true)
	if err == nil && (a.models != manyModels || a.versions != manyVersions) {
		err = errors.New("read less than a million versions")
	}
	return a, err
}
