# Everything one does with this repository, one target each. `make` names them.

# A toolchain from rustup is found even where the shell's profile has not been read.
export PATH := $(PATH):$(HOME)/.cargo/bin

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=

target := $(or $(CARGO_TARGET_DIR),target)
release := $(target)/release/tlsport
sources := $(shell find src -name '*.rs') Cargo.toml Cargo.lock $(wildcard build.rs)
# Where the generated pages and completions go before they are installed.
share := $(target)/share
rust_version := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

.PHONY: help
help:
	@echo 'make demo      build, and serve a status page over HTTPS on this machine (ARGS="--port 8443")'
	@echo 'make test      run every test'
	@echo 'make build     build the release: $(release)'
	@echo 'make install   install it (PREFIX=$(PREFIX) DESTDIR=$(DESTDIR))'
	@echo 'make man       write the manual pages and completions to $(share)'
	@echo 'make lint      clippy, with warnings as errors'
	@echo 'make format    check the formatting'
	@echo 'make doc       the documentation of the crate, with warnings as errors'
	@echo 'make bench     measure the daemon beside nginx and bare C programs (make bench-quick: three minutes)'
	@echo 'make bench-pure  measure what needs no socket'
	@echo '.ci/run        all that has to hold before a change goes in'

.PHONY: need-build need-test need-bench
need-build:
	@.ci/need build
need-test:
	@.ci/need test
need-bench:
	@.ci/need bench

.PHONY: demo
demo: need-build
	$(CARGO) build --quiet
	@$(target)/debug/tlsport demo $(ARGS)

.PHONY: build
build: need-build $(release)

$(release): $(sources)
	$(CARGO) build --release --locked

# The documentation's examples are tests that nextest does not know.
.PHONY: test
test: need-test
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		set -x; $(CARGO) nextest run --locked --no-fail-fast $(ARGS) && $(CARGO) test --locked --doc; \
	else \
		set -x; $(CARGO) test --locked --no-fail-fast $(ARGS); \
	fi

.PHONY: format lint
format:
	$(CARGO) fmt --check
lint:
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --lib --no-default-features -- -D warnings

# Links to private items are for those who read the private pages, which are made here too.
.PHONY: doc
doc:
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' $(CARGO) doc --locked --no-deps --document-private-items

# The oldest compiler that is promised, where rustup has it.
.PHONY: oldest
oldest:
	@if rustup run $(rust_version) rustc --version 2>/dev/null; then \
		set -x; rustup run $(rust_version) cargo check --locked --all-targets --target-dir $(target)/oldest; \
	else \
		echo 'rust $(rust_version) is not installed: not tried (rustup toolchain install $(rust_version))'; \
	fi

# What the numbers mean: benches/README.md.
.PHONY: bench bench-quick bench-pure
bench: need-bench
	$(CARGO) bench --locked --bench daemon -- $(ARGS)
bench-quick: need-bench
	$(CARGO) bench --locked --bench daemon -- --quick $(ARGS)
bench-pure: need-build
	$(CARGO) bench --locked --bench pure -- $(ARGS)

.PHONY: man
man: $(share)/man/man1/tlsport.1

$(share)/man/man1/tlsport.1: $(release)
	$(release) man $(share)/man/man1
	mkdir -p $(share)/completions
	$(release) completions bash > $(share)/completions/tlsport
	$(release) completions zsh > $(share)/completions/_tlsport
	$(release) completions fish > $(share)/completions/tlsport.fish

# After `make man` it needs no toolchain, so `sudo make install` finds all it wants.
.PHONY: install
install: $(share)/man/man1/tlsport.1
	install -D -m 755 $(release) $(DESTDIR)$(PREFIX)/bin/tlsport
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(share)/man/man1/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -D -m 644 $(share)/completions/tlsport $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tlsport
	install -D -m 644 $(share)/completions/_tlsport $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tlsport
	install -D -m 644 $(share)/completions/tlsport.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tlsport.fish
