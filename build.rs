//! Turns the libssl that openssl-sys found into the few `cfg`s the `tls` room asks for. Nothing else.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(openssl3)");
    let version = std::env::var("DEP_OPENSSL_VERSION_NUMBER").unwrap_or_default();
    // The number is that of OPENSSL_VERSION_NUMBER, in hexadecimal: 0xMNN00PP0 from 3.0 on.
    if u64::from_str_radix(&version, 16).is_ok_and(|number| number >= 0x3000_0000) {
        println!("cargo:rustc-cfg=openssl3");
    }
}
