//! Which side of a connection TLS is for.

/// Which side of a connection a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Role {
    Server,
    Client,
}

impl Role {
    /// Those it is for, in words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Server => "servers",
            Role::Client => "clients",
        }
    }

    /// Those on the other side, in words.
    pub(super) fn peers(self) -> &'static str {
        match self {
            Role::Server => "clients",
            Role::Client => "servers",
        }
    }
}
