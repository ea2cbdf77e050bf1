//! A policy, built and met by a client in the same process.

mod applied;
mod clients;
mod connecting;
mod messages;
mod names;
mod pieces;
mod policy;
mod protocols;
mod resumption;
mod verification;
