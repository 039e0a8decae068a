# The daily commands. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE ?= $(or $(COMPOSE_OPERATOR_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/compose-operator)
CLUSTER := tests/cluster/cluster
TARGET := x86_64-unknown-linux-gnu
ADD_TARGET = rustup target list --installed | grep -qx $(1) || rustup target add $(1)
IMAGE := compose-operator:dev
# The same under another tag, for upgrades.
IMAGE_NEXT := compose-operator:next
IMAGE_TAR := target/image/compose-operator.tar
DENY_VERSION := 0.20.2
DENY := $(CACHE)/tools/bin/cargo-deny
FUZZ_VERSION := 0.13.2
FUZZ := $(CACHE)/tools/bin/cargo-fuzz
# How long all fuzzers run together.
FUZZ_SECONDS ?= 180
# How many stacks the bench of scale makes.
SCALE_STACKS ?= 2000
# Which of all random walks is taken.
SEED ?= 1
# A directory of its own: other compiler flags would throw away the debug build's work.
RELEASE_DIR := target/static

.PHONY: help client client-profile client-order bench bench-scale lint deny unit docs mutate compare corpus-dry-run oracle-soak fault-soak soak loader-mutants crds generate image scan dist demo demo-down api-test node-test nodes-test parity parity-test chart-test argocd-test argocd-e2e hostile fuzz test test-all clean

help: ## List the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lint: ## Check the format and the lints
	cargo fmt --all --check
	cargo clippy --locked --all-targets -- -D warnings

$(DENY):
	@echo "installing cargo-deny $(DENY_VERSION) (about 5 min cold) ..."
	@cargo install cargo-deny --quiet --locked --version $(DENY_VERSION) --root $(CACHE)/tools

deny: $(DENY) ## Check licences, sources and duplicate crates; advisories where their database can be had
	$(DENY) --locked check licenses bans sources
	@if timeout 60 $(DENY) --locked check advisories >target/advisories.log 2>&1; then \
	  echo "advisories: ok"; \
	elif grep -qiE 'failed to (fetch|clone)|unable to (fetch|clone)|fetching|advisory database' target/advisories.log \
	  && ! grep -qE '^(error|warning)\[(vulnerability|unsound|yanked|unmaintained|notice)\]' target/advisories.log; then \
	  echo "advisories: not run, their database cannot be had from here"; \
	else cat target/advisories.log; exit 1; fi

unit: ## Run the tests that need no cluster
	cargo test --locked --lib --bins --test client_memory --test crd --test docs --test imports --test golden --test hostile --test convert --test config --test growth --test comparison --test loader_corpus --test corpus_dry_run --test loader_oracle --test parity

corpus-dry-run: ## Convert the projects of the corpus, and offer what they become to a real API server
	@cargo test --locked --no-run --test corpus_dry_run
	@hack/with-cluster --control-plane-only -- cargo test --locked --test corpus_dry_run -- --nocapture

compare: ## Count what kompose and this project make of the corpus and the golden cases, if there is a kompose
	@cargo test --locked --no-run --test comparison
	@hack/with-cluster --control-plane-only -- \
	  env COMPARE=1 cargo test --locked --test comparison -- --nocapture kompose_beside_this_project

oracle-soak: ## Compare 10,000 generated projects with compose-go
	COMPOSE_OPERATOR_ORACLE=required ORACLE_PROJECTS=10000 \
	  cargo test --locked --test loader_oracle -- generated --nocapture

loader-mutants: ## Plant 20 bugs into the loader; the generated projects must find each
	@hack/loader-mutants

crds: ## Write what is made from the code: the resource's definition, and its reference
	cargo run --quiet --locked --bin compose-operator -- crd > target/composestacks.yaml
	cp target/composestacks.yaml crds/composestacks.yaml
	cp target/composestacks.yaml charts/compose-operator/files/composestacks.yaml
	UPDATE_REFERENCE=1 cargo test --quiet --locked --test crd -- reference

generate: crds ## Write all that is made from the code and from the chart
	hack/manifests deploy > target/operator.yaml
	mv target/operator.yaml deploy/operator.yaml
	UPDATE_CHART=1 HELM=$$($(CLUSTER) program helm) cargo test --quiet --locked --test chart -- recorded readme

docs: ## Write docs/compose-support.md from the attribute table
	@UPDATE_DOCS=1 cargo test --quiet --locked --test golden the_support_matrix_is_current

mutate: ## Take each attribute out of the golden cases, and see that one of them notices
	@cargo test --quiet --locked --test golden every_promise_is_held -- --nocapture

image: ## Make the operator's image without Docker, by the steps of the Dockerfile
	@hack/image $(IMAGE_TAR) $(IMAGE) $(IMAGE_NEXT)

scan: image ## Write dist/ the image's list of components, and look for known vulnerabilities where their database can be had
	@hack/scan $(IMAGE_TAR) dist/compose-operator.cdx.json

dist: ## Write dist/: the packaged chart, and the manifests in one file
	@hack/manifests dist

demo: ## Start a cluster, the operator and the Flask example; show a page that counts
	@hack/demo up

demo-down: ## Stop what `make demo` started
	@hack/demo down

api-test: ## Run the tests against a real API server
	@cargo test --locked --no-run --test apply --test api --test faults --test identity --test leadership --test rights --test shards --test walks
	@hack/with-cluster --control-plane-only --dual-stack -- bash -c ' \
	  cargo test --locked --test apply --test api --test faults --test identity --test leadership --test shards --test walks && \
	  COMPOSE_OPERATOR_SUITES_RAN=1 cargo test --locked --test rights -- --nocapture'

fault-soak: ## Fail every call of a stack's life in each way, delay and lose every event, and kill the operator at each
	@cargo test --locked --no-run --test faults
	@hack/with-cluster --control-plane-only -- \
	  env FAULTS=all cargo test --locked --test faults -- --nocapture --test-threads=1

soak: ## Change a stack at random 1,000 times, and look at what it came to each time; SEED=NUMBER for another walk
	@cargo test --locked --no-run --test walks
	@hack/with-cluster --control-plane-only -- \
	  env WALK_STEPS=1000 WALK_SEED=$(SEED) cargo test --locked --test walks -- --nocapture

node-test: ## Run the tests on a real node
	@hack/with-cluster -- cargo test --locked --test node -- --test-threads=1

nodes-test: ## Run the tests of placement and of networks on two nodes, with Multus
	@hack/with-cluster --name nodes --nodes 2 --multus -- cargo test --locked --test nodes -- --test-threads=1

parity-test: ## Ask programs under the operator what programs under Docker Compose were asked, and compare
	@hack/parity

parity: image ## The same beside Docker Engine, which is fetched; write its answers, and docs/parity.md
	@hack/parity --record

chart-test: image ## Run the tests of the chart, with Helm and the image on a real node
	@hack/chart-test

argocd-test: ## Run the scripts for Argo CD in Argo CD's own engine, and Flux's rules over the same statuses
	@echo "building Argo CD's engine (about 3 min cold) ..."
	@GOWORK=off GOFLAGS= go -C tests/argocd test ./...
	@GOWORK=off GOFLAGS= go -C tests/kstatus test ./...

argocd-e2e: ## Let Argo CD keep stacks as a git repository says, on a real node
	@hack/argocd-e2e

hostile: ## Hold the loader to its time and memory on hostile input, optimised
	cargo test --locked --release --test hostile -- --nocapture

$(FUZZ):
	@echo "installing cargo-fuzz $(FUZZ_VERSION) (about 2 min cold) ..."
	@cargo install cargo-fuzz --quiet --locked --version $(FUZZ_VERSION) --root $(CACHE)/tools

fuzz: $(FUZZ) ## Fuzz the Compose loader for FUZZ_SECONDS, 180 unless told
	@hack/fuzz $(FUZZ) $(FUZZ_SECONDS)

test: ## Run all tests, as CI does
	@hack/test lint deny unit api-test node-test nodes-test parity-test chart-test argocd-test argocd-e2e

test-all: ## Run the long campaigns as well
	@GITOPS_SECONDS_AT_REST=300 hack/test lint deny unit oracle-soak loader-mutants corpus-dry-run api-test fault-soak soak node-test nodes-test parity chart-test argocd-test argocd-e2e scan hostile fuzz

# The client is built twice. The first program counts what it does while it runs, and by that the second one is laid out: what is
# run stands together, and what never was is split off. Linked in the order of hack/client.order, it reads little from the disk.
# At a fixed address, as kubectl itself is: to move the program takes a tenth of the time of a small project. The operator, which
# listens, is not built so. The allocator need not tidy up before the process ends, nor look for settings in the environment.
# With musl, for glibc asks the processor some sixty times about itself at each start, and a virtual machine answers slowly: that
# took a quarter of the time of a small project.
CLIENT_TARGET := x86_64-unknown-linux-musl
CLIENT_CARGO = CFLAGS="-DMI_SKIP_COLLECT_ON_EXIT -DMI_NO_GETENV" RUSTFLAGS="-C relocation-model=static $(1)" \
  cargo rustc --locked --release --target $(CLIENT_TARGET) --bin kubectl-compose
COUNTING_DIR := target/counting
COUNTING := $(COUNTING_DIR)/$(CLIENT_TARGET)/release/kubectl-compose
PROFILE := $(COUNTING_DIR)/client.profdata
CLIENT_BUILD = $(call CLIENT_CARGO,-C profile-use=$(CURDIR)/$(PROFILE) -C llvm-args=-enable-split-machine-functions -C llvm-args=-mfs-psi-cutoff=0) \
  --target-dir $(RELEASE_DIR)
CLIENT := $(RELEASE_DIR)/$(CLIENT_TARGET)/release/kubectl-compose

client: client-profile ## Write dist/kubectl-compose, a static program for Linux (20 min cold on two cores)
	@[[ hack/client.order -ot $(CLIENT) ]] || rm -f $(RELEASE_DIR)/$(CLIENT_TARGET)/release/deps/kubectl_compose-*
	$(CLIENT_BUILD) -- -C linker=$(CURDIR)/hack/link-in-order
	@install -D -t dist $(CLIENT)

client-profile:
	@$(call ADD_TARGET,$(CLIENT_TARGET))
	@command -v musl-gcc >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends musl-tools; } >&2
	@rustup component list --installed | grep -q ^llvm-tools || rustup component add llvm-tools
	$(call CLIENT_CARGO,-C profile-generate -C llvm-args=-instrprof-atomic-counter-update-all) --target-dir $(COUNTING_DIR)
	@[[ $(PROFILE) -nt $(COUNTING) && $(PROFILE) -nt hack/record-profile && $(PROFILE) -nt hack/client-projects ]] || \
	  { rm -rf $(RELEASE_DIR)/$(CLIENT_TARGET); hack/record-profile $(COUNTING) $(PROFILE); }

client-order: client-profile ## Record which functions small projects need; `make client` lays them next to each other
	$(CLIENT_BUILD) -- -C strip=none
	@hack/record-order $(CLIENT)

bench: client ## Compare the speed and memory of `kubectl compose config` and `convert` with those of Docker Compose
	@cd hack/bench && GOWORK=off GOFLAGS= go run . $(CURDIR)/dist/kubectl-compose "$$(../docker-compose)"

bench-scale: ## Measure the operator with SCALE_STACKS stacks, 2000 unless told, on a cluster without kubelets
	@cd hack/bench && GOWORK=off GOFLAGS= go test ./scale
	@$(call ADD_TARGET,$(TARGET))
	RUSTFLAGS="-C target-feature=+crt-static" \
	  cargo build --locked --release --target $(TARGET) --target-dir $(RELEASE_DIR) --bin compose-operator
	@hack/with-cluster --control-plane-only --name scale --scheduler --audit-requests -- env -C hack/bench GOWORK=off GOFLAGS= \
	  go run ./scale -stacks $(SCALE_STACKS) $(CURDIR)/$(RELEASE_DIR)/$(TARGET)/release/compose-operator

clean: ## Remove what was built
	cargo clean
