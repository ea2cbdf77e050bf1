//! What a server asks of its own process: before it reads a key or opens a socket, and when it is quiet.

use log::{debug, warn};
use rustix::process::{DumpableBehavior, Resource, getrlimit, set_dumpable_behavior, setrlimit};
use tlsport::tls::memory;

/// With `off` OpenSSL's memory is the system allocator's: for who has another in its place, or looks at it with tools.
const HEAPS: &str = "TLSPORT_HEAPS";

/// Takes as many descriptors as it may have, keeps its memory, keys included, out of core files, and has the workers'
/// part of it in heaps. Before anything of OpenSSL's is used.
pub(crate) fn prepare() {
    let asked = std::env::var_os(HEAPS).unwrap_or_else(|| "on".into());
    if asked != "on" && asked != "off" {
        let value = asked.to_string_lossy();
        warn!("environment variable {HEAPS}: '{value}' is neither 'on' nor 'off': taken for 'on'");
    }
    let heaps = asked != "off" && memory::install();
    debug!(
        "OpenSSL's memory: {}",
        if heaps {
            "heaps of the workers"
        } else {
            "the system's allocator"
        }
    );
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            warn!("cannot raise the limit of open files: {error}");
        }
    }
    debug!(
        "open files: at most {:?}",
        getrlimit(Resource::Nofile).current
    );
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        warn!("cannot forbid core files: {error}");
    }
}

/// Gives memory back to the system that connections left in the heaps of all threads: glibc by itself keeps it.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)] // nobody wraps this call
pub(crate) fn trim_heap() {
    // SAFETY: malloc_trim takes no pointers, locks what it looks at, and leaves alone what is allocated.
    unsafe { libc::malloc_trim(0) };
}
