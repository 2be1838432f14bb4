//! The one integration test binary: one link instead of one a file.

mod cli;
mod differential;
mod fixture;
mod golden;
mod house;
mod live;
mod postgres;
mod psql;
mod slt;
mod support;
mod tenants;
mod wire;
