# airworthy: `make e2e` gives a verdict, `make test` tests airworthy itself.
# Both bring what this machine lacks; only a Go toolchain must be there.

BIN  := bin
GO   ?= go
# Arguments of the commands, such as: make e2e ARGS="-f environments/multinode.yaml --keep"
ARGS ?=
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/airworthy

# A checkout that git refuses to read (another owner) must build all the same.
VCS   := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)
BUILD := -buildvcs=$(VCS) -ldflags='-s -w'

# The images are compiled in the same way, so that what both are made of, such as Go's
# own library and client-go, is compiled once. Data for debuggers, which is a fifth of
# the compiler's time, would be thrown away by -w.
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS 2>/dev/null) -trimpath -gcflags=all=-dwarf=false)

VALUES := cd cmd/airworthy-values && $(GO) build $(BUILD) -o ../../$(BIN)/airworthy-values .

# With cgo a library that loads plug-ins makes the linker export every symbol:
# that costs 30 MB of file and as much memory, and it needs a C compiler.
export CGO_ENABLED := 0

LINT_VERSION := v2.13.0
LINT         := $(CACHE)/tools/golangci-lint-$(LINT_VERSION)/golangci-lint

.DEFAULT_GOAL := help
.PHONY: help e2e test build programs vet unit lint python bench sabotage stops docs clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

e2e: programs ## bring a platform up, check it, give a verdict, remove it
	$(BIN)/airworthy doctor --fix
	$(BIN)/airworthy e2e $(ARGS)

test: vet unit ## test airworthy itself, without a cluster

build: programs ## build airworthy and what it runs into bin/
	$(VALUES)

# All but the reader of encrypted values: few runs need it, it links the clients of
# every cloud's key service, and airworthy builds it itself where it is missing. Where
# it is there it must be this tree's.
programs:
	@command -v $(GO) >/dev/null || { echo "make: no Go toolchain: install the Go that go.mod names" >&2; exit 2; }
	@mkdir -p $(BIN)
	$(GO) build $(BUILD) -o $(BIN)/airworthy ./cmd/airworthy
	$(GO) build $(BUILD) -o $(BIN)/ginkgo github.com/onsi/ginkgo/v2/ginkgo
	$(GO) test -c $(BUILD) -tags e2e -o $(BIN)/platform.test ./suites/platform
	@if [ -e $(BIN)/airworthy-values ]; then $(VALUES); fi

vet: ## go vet, the suites included
	$(GO) vet ./...
	$(GO) vet -tags e2e ./suites/...
	cd cmd/airworthy-values && $(GO) vet ./...

unit: python ## unit tests, and every DAG file imported by Airflow 2 and 3
	$(GO) test ./...
	cd cmd/airworthy-values && $(GO) test ./...

# The DAG files are imported by real Airflow installations: that needs a Python
# that can make environments. Debian splits it into packages.
python:
	@for p in python3.12 python3.11 python3.10 python3; do \
	  $$p -c 'import sys, venv, ensurepip; assert (3, 10) <= sys.version_info[:2] <= (3, 12)' 2>/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "make: installing python3 and python3-venv for the DAG tests"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3 python3-venv; \
	else echo "make: the DAG tests need a Python of 3.10 to 3.12 with venv and pip: install one" >&2; exit 2; fi

# Not a part of `make test`: on a new machine it reads all of Kubernetes first,
# which takes longer than everything else that `make test` does.
lint: $(LINT) ## golangci-lint, built once into the cache
	$(LINT) run --timeout 30m

$(LINT):
	@mkdir -p $(@D)
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

bench: programs ## measure the floor by hand, and compare the last run with it
	$(BIN)/airworthy doctor --fix
	$(BIN)/airworthy bench $(ARGS)
	$(GO) test -run '^$$' -bench . -benchtime 200ms ./pkg/...

sabotage: programs ## break the platform on purpose: every check must notice
	$(BIN)/airworthy doctor --fix
	$(BIN)/airworthy sabotage $(ARGS)

stops: build ## stop stacks at several moments, politely and by kill -9: nothing may be left
	$(BIN)/airworthy doctor --fix
	$(GO) test -tags cluster -count 1 -timeout 60m -v -run 'TestStops|TestDownAfterKill|TestUpAfterKill' ./cmd/airworthy

docs: programs ## write the pages that are made from the code
	$(BIN)/airworthy checks -o markdown > docs/checks.md

clean: ## remove bin/ and out/, and every stack that airworthy left standing
	@if [ -x $(BIN)/airworthy ]; then $(BIN)/airworthy down --all; fi
	rm -rf $(BIN) out
