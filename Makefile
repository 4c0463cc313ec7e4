# Gatehouse. "make help" lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
TOOLS := $(CURDIR)/.tools/bin
GOLANGCI_LINT_VERSION := v2.15.0
GOFUMPT_VERSION := v0.12.0
SOURCES := $(shell git ls-files '*.go' 2>/dev/null)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: run
run: build ## Build and run the demonstration: an upstream, Gatehouse and a sibling service
	bin/gatehouse demo

.PHONY: build
build: ## Build the static binary bin/gatehouse
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/gatehouse ./cmd/gatehouse

.PHONY: deps
deps: ## Install what the tests need from Debian and npm (as root on Debian)
	.ci/install
	cd e2e/peers && npm ci --no-fund --no-audit

.PHONY: test
test: deps ## Run every test with real servers and a real browser; nothing is skipped, and nothing taken from the cache: it does not see what e2e builds
	GATEHOUSE_TEST_REQUIRE=1 go test -count=1 -timeout 20m ./...

.PHONY: test-fast
test-fast: ## Run what needs nothing installed; says what it skips
	go test ./...

.PHONY: test-race
test-race: ## Run the tests of packages with shared state under the race detector
	GATEHOUSE_TEST_REQUIRE=1 go test -race -timeout 20m ./session ./store/... ./provider ./connectors/... ./mfa ./tenancy ./notify ./jobs ./api ./login ./internal/...

.PHONY: mutate
mutate: ## Take each policy check away, run the tests, report what they do not notice (takes half an hour)
	go test ./internal/mutate -run TestMutants -count=1 -timeout 0 -v -mutate

.PHONY: screenshots
screenshots: deps ## Write a picture of every page to _screenshots/
	GATEHOUSE_SCREENSHOTS=$(CURDIR)/_screenshots GATEHOUSE_TEST_REQUIRE=1 go test -count=1 ./e2e ./ui

.PHONY: bench
bench: ## Measure the provider's endpoints against bare signatures (PostgreSQL too, if its binaries are installed)
	go test ./bench -run '^$$' -bench . -skip 'Directory|Provider|REST' -benchtime 2000x -timeout 30m

.PHONY: bench-provider
bench-provider: ## Measure the endpoints with a million grants and a hundred thousand clients in PostgreSQL (takes minutes)
	go test ./bench -run '^$$' -bench Provider -benchtime 2000x -timeout 60m -v

.PHONY: bench-directory
bench-directory: ## Measure a million users on PostgreSQL, and a hundred thousand on SQLite, over HTTP too (takes minutes)
	go test ./bench -run '^$$' -bench Directory -benchtime 1x -timeout 60m

.PHONY: fmt
fmt: $(TOOLS)/gofumpt-$(GOFUMPT_VERSION) ## Format the code
	$< -w $(SOURCES)

.PHONY: lint
lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Run the linters
	$< run ./...

.PHONY: vet
vet: ## Run go vet
	go vet ./...

.PHONY: verify
verify: $(TOOLS)/gofumpt-$(GOFUMPT_VERSION) ## Check that the code is formatted, and go.mod and generated files are current
	@unformatted="$$($< -l $(SOURCES))"; [ -z "$$unformatted" ] || { echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; }
	go mod tidy -diff
	@before="$$(git diff | sha256sum)"; go generate ./... && [ "$$before" = "$$(git diff | sha256sum)" ] || { echo "generated files were not current; they are now"; exit 1; }

.PHONY: figures
figures: ## Print the figures of the structure: functions, files, imports, documentation
	go test ./internal/archtest -run TestFigures -v -count=1

.PHONY: docker
docker: ## Build the container image
	docker build --build-arg VERSION=$(VERSION) -t gatehouse:$(VERSION) .

.PHONY: clean
clean: ## Remove what was built, and the demonstration's data
	rm -rf bin .tools .demo _screenshots

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(TOOLS)/golangci-lint $@

$(TOOLS)/gofumpt-$(GOFUMPT_VERSION):
	GOBIN=$(TOOLS) go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
	mv $(TOOLS)/gofumpt $@
