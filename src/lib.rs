//! FlowForge: a query server that speaks the PostgreSQL wire protocol in front of ClickHouse, Materialize and Redis.

pub mod base;
pub mod catalog;
pub mod config;
pub mod demo;
pub mod emit;
pub mod engine;
pub mod functions;
pub mod guard;
pub mod live;
pub mod pg;
pub mod route;
pub mod sql;
pub mod stores;
pub mod tenancy;
pub mod workflow;
