//! What can answer a connection without a backend.
