# Two commands for a newcomer: `make demo` and `make test`.
# Each target sets up what it needs, and ends by saying how long it took.

# SQLite is compiled from C, once: every target uses the same flags.
export CGO_ENABLED = 1

TIMED   := ./.ci/timed
SETUP   := $(MAKE) --no-print-directory
TOOLS   := cmd/dev/tools/go.mod
MINUTES ?= 30
DATA    ?=

.PHONY: help setup setup-build setup-check build check test test-deep demo campaign

help:
	@echo 'make demo              build, then rehearse a trading day; DATA="a.csv b.csv" plays files'
	@echo 'make test              what to run before and after a change'
	@echo 'make check             format, vet, staticcheck, architecture'
	@echo 'make test-deep         the race detector and the long layers'
	@echo 'make campaign MINUTES= seeded runs that resume; results in docs/campaigns.md'
	@echo 'make build             the programs, into ./bin'
	@echo 'make setup             what the targets need; each also does its own part'

setup: setup-build setup-check

setup-build:
	@command -v go >/dev/null || { echo 'Shelfsync needs Go 1.26 or newer: see https://go.dev/dl' >&2; exit 1; }
	@printf '#include <stdlib.h>\nint main(void) { return 0; }\n' | $$(go env CC) -x c -o /dev/null - 2>/dev/null || { \
		echo "Shelfsync needs a C compiler and the C headers: the store's ledger is SQLite, compiled from C." >&2; \
		echo 'On Debian: apt-get install gcc libc6-dev. Do not build with CGO_ENABLED=0 instead:' >&2; \
		echo 'that compiles, and then fails at run time when the agent opens its ledger.' >&2; \
		exit 1; }
	@command -v curl >/dev/null || echo 'Without curl the test of docs/examples.md is skipped. On Debian: apt-get install curl.' >&2
	@go mod download

setup-check:
	@go tool -modfile=$(TOOLS) staticcheck -version >/dev/null

build:
	@$(TIMED) build 3 '$(SETUP) setup-build && go build -o bin/ ./cmd/...'

check:
	@$(TIMED) check 3 '$(SETUP) setup && go run ./cmd/dev check'

test:
	@$(TIMED) test 6 '$(SETUP) setup-build && go test -timeout 10m ./...'

test-deep:
	@$(TIMED) test-deep 28 '$(SETUP) setup-build && SHELFSYNC_DEEP=1 go test -race -timeout 26m ./... && \
		SHELFSYNC_DEEP=1 go test -timeout 20m -run "TestTenVirtualHours|TestMemoryIsBounded" ./cmd/compressed ./protocol/stock && \
		GOARCH=386 CGO_ENABLED=0 go test -run "FixedHistory|Scripts" ./protocol/stock && \
		go run ./cmd/shelfsync-sim --seeds 2000 && go run ./cmd/shelfsync-sim --mutants'

demo:
	@$(TIMED) demo 3 '$(SETUP) setup-build && go build -o bin/ ./cmd/... && ./bin/shelfsync rehearse $(foreach file,$(DATA),--data "$(file)")'

campaign:
	@$(TIMED) campaign $(MINUTES) '$(SETUP) setup-build && go run ./cmd/dev campaign --minutes $(MINUTES)'
