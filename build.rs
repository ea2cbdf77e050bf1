//! Turns the libssl that openssl-sys found into the few `cfg`s that the code and its tests ask for. Nothing else.
//! What differs between releases beyond these is asked of the library itself, while running: `tls::probe`,
//! `tls::option_bits`. `vendor-notes/` says which releases were tried.

/// Each `cfg`, and the OPENSSL_VERSION_NUMBER from which on it is set.
const CFGS: &[(&str, u64)] = &[
    // OpenSSL 3.0: error queue with text, EVP_MAC in ticket callbacks, 64 option bits, the negotiated group by name,
    // TLS 1.0 and 1.1 at security level 0 alone, renegotiation only for those who allow it.
    ("openssl3", 0x3000_0000),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // In hexadecimal: 0xMNNFFPP0 up to 1.1.1, 0xMNN00PP0 from 3.0 on.
    let number = std::env::var("DEP_OPENSSL_VERSION_NUMBER").unwrap_or_default();
    let number = u64::from_str_radix(&number, 16).unwrap_or_default();
    for (cfg, since) in CFGS {
        println!("cargo:rustc-check-cfg=cfg({cfg})");
        if number >= *since {
            println!("cargo:rustc-cfg={cfg}");
        }
    }
}
