# Everything one does with this repository, one target each. `make` names them.

# A toolchain from rustup is found even where the shell's profile has not been read.
export PATH := $(PATH):$(HOME)/.cargo/bin

CARGO ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
ARGS ?=
FEATURES ?=

target := $(or $(CARGO_TARGET_DIR),target)
features := $(FEATURES:%=--features %)
release := $(target)/release/tlsport
sources := $(shell find src -name '*.rs') Cargo.toml Cargo.lock $(wildcard build.rs)
version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# Where the generated pages and completions go before they are installed.
share := $(target)/share
rust_version := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

.PHONY: help
help:
	@echo 'make demo      build, and serve a status page over HTTPS on this machine (ARGS="--port 8443")'
	@echo 'make test      run every test'
	@echo 'make build     build the release: $(release)'
	@echo 'make lib       build the C library: $(lib)/'
	@echo 'make install   install both (PREFIX=$(PREFIX) LIBDIR= INCLUDEDIR= DESTDIR=); install-bin or install-lib for one'
	@echo 'make man       write the manual pages and completions to $(share)'
	@echo 'make ffi-test  test the C library from C (ARGS="nulls misuse"); ffi-valgrind and ffi-sanitize: the same under these'
	@echo 'make miri      run under miri what of the Rust side can'
	@echo 'make fuzz      run each fuzz target for a minute (FUZZ_SECONDS=60)'
	@echo 'make abi       compare what is exported with the last release'
	@echo 'make lint      clippy, with warnings as errors'
	@echo 'make format    check the formatting'
	@echo 'make doc       the documentation of the crate, with warnings as errors'
	@echo 'make versions  test with other releases of OpenSSL, built from source (vendor-notes/README.md): half an hour'
	@echo 'make bench     measure the daemon beside nginx, haproxy, hitch, stunnel and bare C programs (ten minutes)'
	@echo 'make bench-quick  the same in three minutes'
	@echo 'make bench-opening  what TLS costs beside no TLS; bench-threads, bench-scale: two threads, many connections'
	@echo 'make bench-pure  measure what needs no socket; bench-channel: a channel of the C library beside bare libssl'
	@echo 'make deb       build the Debian packages in $(packages)/'
	@echo 'make deb-test  install, use and purge them, on a throw-away overlay of this system (RELEASE=trixie: of that release)'
	@echo '.ci/run        all that has to hold before a change goes in'

.PHONY: need-build need-test need-ffi need-bench need-deb
need-build:
	@.ci/need build
need-test:
	@.ci/need test
need-ffi:
	@.ci/need ffi
need-bench:
	@.ci/need bench
need-deb:
	@.ci/need deb

.PHONY: demo
demo: need-build
	$(CARGO) build --quiet
	@$(target)/debug/tlsport demo $(ARGS)

.PHONY: build
build: need-build $(release)

# No path of this machine in what is built.
cargo_home := $(or $(CARGO_HOME),$(HOME)/.cargo)
remapped := RUSTFLAGS='$(RUSTFLAGS) --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$(cargo_home)=cargo'

$(release): $(sources)
	$(remapped) $(CARGO) build --release --locked

# The documentation's examples are tests that nextest does not know.
.PHONY: test
test: need-test
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		set -x; $(CARGO) nextest run --locked $(features) --no-fail-fast $(ARGS) && $(CARGO) test --locked $(features) --doc; \
	else \
		set -x; $(CARGO) test --locked $(features) --no-fail-fast $(ARGS); \
	fi

.PHONY: format lint
format:
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path tests/peers/kdbplus/Cargo.toml
lint:
	@for script in $$(grep -rlE --exclude-dir=target --exclude-dir=.git '^#!/(usr/bin/env bash|bin/(ba)?sh)' .); do \
		bash -n $$script || exit 1; \
	done
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --lib --no-default-features -- -D warnings
	$(CARGO) clippy --locked --lib --no-default-features --features capi -- -D warnings

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

# Other libssls than the one here: 1.1.1, the line that Debian 13 has, the newest, and the one of the feature `vendored`.
.PHONY: versions vendored
versions: need-test
	vendor-notes/try-openssl 1.1.1
	vendor-notes/try-openssl 3.5
	vendor-notes/try-openssl newest
	$(MAKE) --no-print-directory vendored
vendored: need-test
	CARGO_TARGET_DIR=$(target)/libssl/vendored $(MAKE) --no-print-directory test FEATURES=vendored

# cargo-fuzz asks for what stable compilers keep to themselves unless told so.
FUZZ_SECONDS ?= 60
fuzz_targets := $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
.PHONY: fuzz
fuzz: need-build
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	@for target in $(fuzz_targets); do \
		(cd fuzz && set -x && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target $(ARGS) -- -max_total_time=$(FUZZ_SECONDS)) || exit 1; \
	done

# What of the library calls neither libssl nor the system, under miri, where rustup has it.
miri_tests := capi::facts capi::handle capi::status io::
.PHONY: miri
miri:
	@if $(CARGO) +nightly miri --version >/dev/null 2>&1; then \
		export MIRIFLAGS=-Zmiri-permissive-provenance; set -x; \
		$(CARGO) +nightly miri test --locked --lib --no-default-features --features capi -- $(miri_tests); \
	else \
		echo 'miri is not installed: not tried (rustup toolchain install nightly --component miri,rust-src)'; \
	fi

# What the numbers mean: benches/README.md.
.PHONY: bench bench-quick bench-chart bench-opening bench-threads bench-scale bench-pure bench-channel
bench: need-bench
	$(CARGO) bench --locked --bench daemon -- $(ARGS)
bench-quick: need-bench
	$(CARGO) bench --locked --bench daemon -- --quick $(ARGS)
bench-chart: need-bench
	$(CARGO) bench --locked --bench daemon -- --chart docs/performance.svg $(ARGS)
bench-opening: need-bench
	$(CARGO) bench --locked --bench daemon -- --opening $(ARGS)
bench-threads: need-bench
	$(CARGO) bench --locked --bench daemon -- --threads 2 $(ARGS)
bench-scale: need-bench
	$(CARGO) bench --locked --bench daemon -- --scale $(ARGS)
bench-pure: need-build
	$(CARGO) bench --locked --bench pure -- $(ARGS)
bench-channel: need-bench lib
	@mkdir -p $(target)/tmp
	@openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
		-keyout $(target)/tmp/channel.key -out $(target)/tmp/channel.pem 2>/dev/null
	@cat $(target)/tmp/channel.key >> $(target)/tmp/channel.pem
	@$(CC) -std=c99 -D_GNU_SOURCE -O2 -Iinclude benches/channel.c -o $(target)/tmp/channel \
		-L$(lib) -Wl,-rpath,$(abspath $(lib)) -ltlsport $(openssl_libs)
	$(target)/tmp/channel $(target)/tmp/channel.pem $(ARGS)

.PHONY: man
man: $(share)/man/man1/tlsport.1

$(share)/man/man1/tlsport.1: $(release)
	$(release) man $(share)/man/man1
	mkdir -p $(share)/completions
	$(release) completions bash > $(share)/completions/tlsport
	$(release) completions zsh > $(share)/completions/_tlsport
	$(release) completions fish > $(share)/completions/tlsport.fish

# The C library. rustc would link the shared object itself, but lets nobody version its symbols: so it makes the static
# library, and the C compiler links that. What is exported stands in ffi-tests/symbols.txt.
abi := 0
lib_profile ?= release
# A folder of its own, for other features.
lib_target := $(target)/capi
lib := $(lib_target)/$(patsubst dev,debug,$(lib_profile))
soname := libtlsport.so.$(abi)
shared := $(lib)/libtlsport.so.$(version)
openssl_libs ?= $(shell pkg-config --libs libssl libcrypto)
.PHONY: lib
lib: need-build $(shared) $(lib)/tlsport.pc

$(lib)/libtlsport.a: $(sources)
	$(remapped) $(CARGO) rustc --lib --profile $(lib_profile) --locked --crate-type staticlib \
		--no-default-features --features capi --target-dir $(lib_target)

# What Rust's own library wants of the system. The C compiler brings libgcc and libc, in the form that fits the link.
$(lib)/native-libs: | $(lib)/libtlsport.a
	printf '' | rustc --crate-type staticlib --crate-name none --print native-static-libs -o $@.a - 2>&1 | \
		sed -n -e 's/-lgcc_s//' -e 's/-lc$$//' -e 's/^note: native-static-libs: *//p' > $@
	rm -f $@.a

$(lib)/exports.map: ffi-tests/symbols.txt
	@mkdir -p $(lib)
	{ echo 'TLSPORT_$(abi) { global:'; sed 's/$$/;/' $<; echo 'local: *; };'; } > $@

# nodelete: threads and libssl may hold addresses in here when a host unloads it.
$(shared): $(lib)/libtlsport.a $(lib)/exports.map | $(lib)/native-libs
	$(CC) -shared -o $@ -Wl,-soname,$(soname) -Wl,--version-script=$(lib)/exports.map \
		-Wl,--whole-archive $(lib)/libtlsport.a -Wl,--no-whole-archive \
		-Wl,--gc-sections,--as-needed,--no-undefined-version,-z,defs,-z,relro,-z,now,-z,noexecstack,-z,nodelete \
		$(LDFLAGS) $(openssl_libs) $$(cat $(lib)/native-libs)
	ln -sf $(@F) $(lib)/$(soname)
	ln -sf $(soname) $(lib)/libtlsport.so

# Not a file of make's: it depends on where the library is to go.
.PHONY: $(lib)/tlsport.pc
# Removed first, as `sudo make install` leaves it root's.
$(lib)/tlsport.pc: $(lib)/native-libs
	@rm -f $@
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
		-e 's|@VERSION@|$(version)|' -e "s|@LIBS@|$$(cat $<)|" include/tlsport.pc.in > $@

# What is installed is tested; under the others the library is built for debugging, which is sooner done and checks more.
.PHONY: ffi-test ffi-valgrind ffi-sanitize abi
ffi-test: need-ffi
	@TLSPORT_PROFILE=release ffi-tests/run plain $(ARGS)
ffi-valgrind: need-ffi
	@ffi-tests/run valgrind $(ARGS)
ffi-sanitize: need-ffi
	@ffi-tests/run sanitize $(ARGS)
abi:
	@ffi-tests/abi

# After `make man lib` it needs no toolchain, so `sudo make install` finds all it wants.
.PHONY: install install-bin install-lib
install: install-bin install-lib

install-bin: $(share)/man/man1/tlsport.1
	install -D -m 755 $(release) $(DESTDIR)$(PREFIX)/bin/tlsport
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(share)/man/man1/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -D -m 644 $(share)/completions/tlsport $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tlsport
	install -D -m 644 $(share)/completions/_tlsport $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tlsport
	install -D -m 644 $(share)/completions/tlsport.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tlsport.fish

install-lib: $(shared) $(lib)/tlsport.pc
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(shared) $(lib)/libtlsport.a $(DESTDIR)$(LIBDIR)
	ln -sf $(notdir $(shared)) $(DESTDIR)$(LIBDIR)/$(soname)
	ln -sf $(soname) $(DESTDIR)$(LIBDIR)/libtlsport.so
	install -m 644 $(lib)/tlsport.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 include/tlsport.h $(DESTDIR)$(INCLUDEDIR)

.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/tlsport $(DESTDIR)$(PREFIX)/share/man/man1/tlsport.1 \
		$(DESTDIR)$(PREFIX)/share/man/man1/tlsport-*.1 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/tlsport \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tlsport \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tlsport.fish \
		$(DESTDIR)$(LIBDIR)/libtlsport.a $(DESTDIR)$(LIBDIR)/libtlsport.so* \
		$(DESTDIR)$(LIBDIR)/pkgconfig/tlsport.pc $(DESTDIR)$(INCLUDEDIR)/tlsport.h

# -d: the toolchain may be rustup's. nocheck: `make test` tests.
packages := $(target)/packages
.PHONY: deb deb-test
deb: need-deb
	rm -rf $(packages)
	mkdir -p $(packages)
	DEB_BUILD_OPTIONS='$(or $(DEB_BUILD_OPTIONS),nocheck)' DEB_DIR=$(abspath $(packages)) \
		dpkg-buildpackage -us -uc -b -d --post-clean \
		--buildinfo-option=-u$(packages) --buildinfo-file=$(packages)/tlsport.buildinfo \
		--changes-option=-u$(packages) --changes-file=$(packages)/tlsport.changes >$(packages)/build.log 2>&1 || \
		{ tail -n 50 $(packages)/build.log; exit 1; }

# As root, or with sudo: it mounts the overlay. RELEASE=trixie builds and tries them in that release of Debian instead.
ifdef RELEASE
deb-test:
	RUN='make deb' vendor-notes/try-debian $(RELEASE)
	debian/test-packages target/debian/$(RELEASE)/var/tmp/target/packages target/debian/$(RELEASE)
else
deb-test: deb
	debian/test-packages $(packages)
endif
