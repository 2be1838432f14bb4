//! The one integration test binary: one link instead of one a file.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends by panicking, and prints its seed"
)]

mod attacks;
mod cli;
mod clients;
mod differential;
mod encryption;
mod engines;
mod explain;
mod faults;
mod fidelity;
mod fixture;
mod golden;
mod house;
mod keys;
mod limits;
mod live;
mod logical;
mod login;
mod postgres;
mod processes;
mod protocol;
mod psql;
mod registry;
mod robustness;
mod routing;
mod sessions;
mod signatures;
mod slt;
mod support;
mod tenants;
mod wire;
mod workflows;
