.DEFAULT_GOAL := help
.PHONY: help build generate test test-pure test-real test-reliability test-matrix test-attacks test-scanners test-container test-workflows test-browser test-all lint prose fuzz demo bench bench-audit bench-copy image fmt clean mutants reword release-dry-run bench-start

VERSION ?= dev
IMAGE ?= mlflow-promote:dev
# All builds use the same flags, so that each package is compiled only once.
FLAGS = -trimpath
export CGO_ENABLED = 0

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

build: ## build bin/mlflow-promote
	go build $(FLAGS) -ldflags '-s -w -buildid= -X main.version=$(VERSION)' -o bin/mlflow-promote .

demo: ## run the main job on a real MLflow server, in two minutes
	@tools/setup mlflow-3.17.2 & go run $(FLAGS) ./tools/demo # waits for the server

bench: build ## compare this program with MLflow's Python client
	@go run $(FLAGS) ./tools/bench

bench-audit: build ## compare reading 100,000 versions with MLflow's Python client and curl
	@go run $(FLAGS) ./tools/bench -audit -repeat 3

bench-start: ## measure the start of a job: the container, the setup action
	@go run $(FLAGS) ./tools/bench -start -repeat 10

bench-copy: ## measure a copy between two servers, compared with curl
	@go run $(FLAGS) ./tools/bench -copy -repeat 5

image: ## build the container image
	@tools/setup docker
	DOCKER_BUILDKIT=0 docker build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

test: test-pure test-real test-container test-browser ## run the tests below: pure, real, container, browser

test-pure: ## run tests that need no server
	go vet ./...
	go vet -tags=real,container,browser,scanners ./...
	go test -timeout 30m ./...

test-real: ## run tests on real MLflow and PostgreSQL servers
	$(call tier,real,mlflow-3.17.2 mlflow-2.22.5 mlflow-1.30.1 logins versitygw postgres mariadb nginx)

whole_real := ./internal/attacks ./internal/matrix ./internal/mlflow/mlflowtest/conformance ./internal/realtest
mixed_real := ./internal/cli ./internal/mlflow/crawl ./internal/mlflow/filecopy ./internal/mlflow/modelcopy

test-matrix: ## run every command on every kind of MLflow server, and every pair of servers; TABLE=-update writes the tables
	@tools/setup mlflow-3.17.2 mlflow-2.22.5 mlflow-2.9.2 mlflow-2.2.2 mlflow-1.30.1 logins versitygw postgres mariadb nginx
	go test -timeout 60m -tags=real ./internal/mlflow/mlflowtest/conformance -run ConformanceReal -whole
	go test -timeout 60m -tags=real -v ./internal/matrix -whole $(TABLE)
	go test -timeout 60m -tags=real -v ./internal/realtest -run TestPairs -whole $(TABLE)

test-attacks: ## run every attack and near miss on servers with and without logins; TABLE=-update writes docs/metrics.md
	@tools/setup mlflow-3.17.2 mlflow-3.16.1 mlflow-3.4.0 mlflow-2.22.5 mlflow-1.30.1
	go test -timeout 60m -tags=real -v ./internal/attacks -whole $(TABLE)

test-scanners: ## run the six scanners, which must be on PATH; ARGS=-write renews the recorded reports
	go test -tags=scanners -v ./internal/evidence -run TestScanners $(ARGS)

test-container: ## test the image in a Docker engine, and workflows with act
	$(call tier,container,mlflow-3.17.2 postgres docker skopeo act)

whole_container := ./internal/realtest
mixed_container := ./tools/release

test-workflows: lint ## lint our workflows and the examples, and run them with act on a real MLflow and a GitHub double
	@tools/setup mlflow-3.17.2 postgres docker act
	go test -timeout 45m -tags=container -v ./internal/realtest ./tools/release -run 'Workflow|Cancelled'

test-browser: ## test pages in a real Chromium
	$(call tier,browser,chromium gfm)

whole_browser := ./internal/browsertest
mixed_browser := ./internal/auditpage ./internal/cli

# tier runs the tests with a build tag. In mixed packages, which also have tests without the tag, their names end with
# it, as in TestGates_Real. If something is missing, it prints a note, which is an error in CI.
define tier
@if tools/setup $(2); then set -ex; go test -timeout 45m -tags=$(1) $(whole_$(1)); \
go test -timeout 45m -tags=$(1) -run '(?i)_$(1)$$' $(mixed_$(1)); \
else echo "make: skipped the $(1) tests, because they need $(2)" >&2; [ "$$CI" != true ]; fi
endef

test-all: test test-matrix test-attacks test-reliability fuzz mutants reword release-dry-run ## run test, then every campaign at full length; takes hours

test-reliability: ## run races, kills, faults, rollbacks and tampering at full length, and print one table
	@go run $(FLAGS) ./tools/reliability $(if $(ONLY),-only '$(ONLY)')

FUZZTIME ?= 30s
TEXTS ?= 10000000

fuzz: ## test policy parsers with ten million mutated texts, then run every fuzz target for FUZZTIME
	go test ./internal/policy -run Mutated -campaign $(TEXTS) -timeout 60m -v
	@for p in $$(go list ./internal/...); do for t in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do \
	echo "$$p $$t"; go test $$p -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) || exit 1; done; done

mutants: ## check that tests notice wrong judging code
	@go run ./tools/mutants

reword: ## put another word into every message, in a copy, and check that no digest of a plan or record changes
	@go run $(FLAGS) ./tools/reword

release-dry-run: ## build a release twice, compare the bytes, and check it with the commands of docs/verify.md
	@go run $(FLAGS) ./tools/release dry-run

lint: ## check formatting, workflows, scripts and sentences
	@tools/setup lint
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "gofmt: $$files"; exit 1; }
	.cache/bin/shellcheck tools/setup .ci/run setup/install.sh
	PATH="$$PWD/.cache/bin:$$PATH" actionlint .github/workflows/*.yml examples/workflows/*.yml
	$(MAKE) --no-print-directory prose
	.cache/bin/zizmor --offline --quiet --persona pedantic --config .github/zizmor.yml .github action.yml */action.yml examples/workflows/*.yml

prose: ## check the sentences of documents, comments and messages; ARGS=-all lists every alert
	@tools/setup lint
	go run $(FLAGS) ./tools/prose $(ARGS)

generate: ## write action.yml, the tables of README and docs, and the policy schema
	go run $(FLAGS) ./tools/gen

fmt: ## format the Go code
	gofmt -w .

clean: ## remove build results, but nothing installed
	rm -rf bin
