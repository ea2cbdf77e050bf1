//! Turns the libssl that openssl-sys found into the few `cfg`s that the code and its tests ask for. Nothing else.
//! What differs between releases beyond these is asked of the library itself, while running: `tls::probe`,
//! `tls::option_bits`. `vendor-notes/` says which releases were tried.

use std::env::var;

/// `openssl3`: OpenSSL 3.0 or later. Its error queue has texts, ticket callbacks get an EVP_MAC, there are 64 option
/// bits, the negotiated group has a name, TLS 1.0 and 1.1 are for security level 0 alone, and clients renegotiate
/// only where the mask lets them.
fn is_openssl3() -> bool {
    version() >= 0x3000_0000
}

/// `openssl4`: OpenSSL 4.0 or later. There is no method of one version any more.
fn is_openssl4() -> bool {
    version() >= 0x4000_0000
}

/// OPENSSL_VERSION_NUMBER: 0xMNNFFPP0 up to 1.1.1, 0xMNN00PP0 from 3.0 on.
fn version() -> u64 {
    let number = var("DEP_OPENSSL_VERSION_NUMBER").unwrap_or_default();
    u64::from_str_radix(&number, 16).unwrap_or(0)
}

/// `openssl_srp`: it was not built without SRP, so that its functions can be linked to.
fn has_srp() -> bool {
    !is_left_out("OPENSSL_NO_SRP")
}

/// `openssl_engines`: the same of engines, which are gone from 4.0 on.
fn has_engines() -> bool {
    !is_openssl4() && !is_left_out("OPENSSL_NO_ENGINE")
}

fn is_left_out(name: &str) -> bool {
    let left_out = var("DEP_OPENSSL_CONF").unwrap_or_default();
    left_out.split(',').any(|other| other == name)
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(fuzzing)"); // set by cargo-fuzz
    for (cfg, is_set) in [
        ("openssl3", is_openssl3()),
        ("openssl4", is_openssl4()),
        ("openssl_srp", has_srp()),
        ("openssl_engines", has_engines()),
    ] {
        println!("cargo:rustc-check-cfg=cfg({cfg})");
        if is_set {
            println!("cargo:rustc-cfg={cfg}");
        }
    }
}
