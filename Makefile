.DEFAULT_GOAL := help
.PHONY: help build generate test test-pure test-real test-reliability test-matrix test-attacks test-scanners test-container test-workflows test-browser lint fuzz demo bench bench-audit image fmt clean mutants

VERSION ?= dev
IMAGE ?= mlflow-promote:dev
# The same flags for everything, so that a package is compiled once.
FLAGS = -trimpath
export CGO_ENABLED = 0

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

build: ## bin/mlflow-promote
	go build $(FLAGS) -ldflags '-s -w -buildid= -X main.version=$(VERSION)' -o bin/mlflow-promote .

demo: ## the main job on a real MLflow server, in two minutes
	@tools/setup mlflow-3.17.2 & go run $(FLAGS) ./tools/demo # which waits for it

bench: build ## this program and the stock Python client, side by side
	@go run $(FLAGS) ./tools/bench

bench-audit: build ## reading a whole registry of 100,000 versions, beside the stock client and curl
	@go run $(FLAGS) ./tools/bench -audit -repeat 3

image: ## the container image
	@tools/setup docker
	DOCKER_BUILDKIT=0 docker build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

test: test-pure test-real test-container test-browser ## all of the four below

test-pure: ## tests that need no server, under a minute
	go vet ./...
	go vet -tags=real,container,browser,scanners ./...
	go test -timeout 30m ./...

test-real: ## tests on real MLflow and PostgreSQL servers
	$(call tier,real,mlflow-3.17.2 mlflow-2.22.5 mlflow-1.30.1 postgres mariadb nginx)

test-matrix: ## every command on every kind of MLflow server, as one table; with TABLE=-update it is written
	@tools/setup mlflow-3.17.2 mlflow-2.22.5 mlflow-2.9.2 mlflow-2.2.2 mlflow-1.30.1 postgres mariadb nginx
	go test -timeout 60m -tags=real ./internal/mlflow/mlflowtest -run ConformanceReal -whole
	go test -timeout 60m -tags=real -v ./internal/matrix -whole $(TABLE)

test-attacks: ## every attack and near miss on servers with logins and without; with TABLE=-update docs/metrics.md is written
	@tools/setup mlflow-3.17.2 mlflow-3.16.1 mlflow-3.4.0 mlflow-2.22.5 mlflow-1.30.1
	go test -timeout 60m -tags=real -v ./internal/attacks -whole $(TABLE)

test-scanners: ## the six scanners themselves, which must be on PATH; with ARGS=-write the recorded reports are renewed
	go test -tags=scanners -v ./internal/evidence -run TestScanners $(ARGS)

test-container: ## tests of the image in a Docker engine, and of workflows under act
	$(call tier,container,mlflow-3.17.2 postgres docker act)

test-workflows: lint ## our own workflows and the examples: linted, and run under act on a real MLflow and a double of GitHub
	@tools/setup mlflow-3.17.2 postgres docker act
	go test -timeout 45m -tags=container -v ./internal/realtest -run 'Workflow|Cancelled'

test-browser: ## pages as a real Chromium shows them
	$(call tier,browser,chromium gfm)

# tier runs the tests with a build tag, or says that it cannot: an error in CI.
define tier
@if tools/setup $(2); then set -x; go test -timeout 45m -tags=$(1) ./...; \
else echo "make: not run: the $(1) tests, which need $(2)" >&2; [ "$$CI" != true ]; fi
endef

test-reliability: ## races, kills, faults, rollbacks and tampering at campaign length; ends with one table
	@go run $(FLAGS) ./tools/reliability $(if $(ONLY),-only '$(ONLY)')

FUZZTIME ?= 30s
TEXTS ?= 10000000

fuzz: ## ten million mutated texts for each reader of policies, then every fuzz target for FUZZTIME
	go test ./internal/policy -run Mutated -campaign $(TEXTS) -timeout 60m -v
	@for p in $$(go list ./internal/...); do for t in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do \
	echo "$$p $$t"; go test $$p -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) || exit 1; done; done

mutants: ## wrong judging code, each kind noticed by a test
	@go run ./tools/mutants

lint: ## formatting, workflows and scripts
	@tools/setup lint
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "gofmt: $$files"; exit 1; }
	.cache/bin/shellcheck tools/setup .ci/run
	PATH="$$PWD/.cache/bin:$$PATH" actionlint .github/workflows/*.yml examples/workflows/*.yml
	.cache/bin/zizmor --offline --quiet --persona pedantic --config .github/zizmor.yml .github action.yml examples/workflows/*.yml

generate: ## writes action.yml and the README's tables from their declarations
	go test ./internal/repotest -update

fmt: ## formats the Go code
	gofmt -w .

clean: ## removes what was built, not what was installed
	rm -rf bin
