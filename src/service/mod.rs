//! What can answer a connection without a backend.
//!
//! Each of these implements [`conn::Service`](crate::conn::Service) and sees plain bytes alone: no socket, no clock
//! of the loop, no libssl. An embedding program supplies its own the same way. Read next: `echo` (the shortest
//! one there can be), `status` (a page over HTTP about the connection and the endpoint).

mod echo;
pub mod status;

pub use echo::Echo;
