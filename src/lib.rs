//! FlowForge: a query server that speaks the PostgreSQL wire protocol in front of ClickHouse, Materialize and Redis.
//!
//! # The life of a query
//!
//! 1. Bytes arrive at [`pg`]. The connection's state machine reads frames, authenticates the user through [`tenancy`],
//!    and from then on knows the tenant. A WebSocket client arrives at [`live`] instead.
//! 2. [`engine`] holds the session: its settings, its transaction status, its key for cancelling. `Session::parse` cuts a
//!    text into statements; what only concerns the session is answered there.
//! 3. A query is planned by [`sql`] over the tenant's view of the [`catalog`]: a table without a policy does not exist, so
//!    its name is `42P01`. A workflow graph is planned by [`workflow`] over the same view. Both make a DataFusion
//!    `LogicalPlan` whose leaves are `catalog::TableLeaf`s, which hold no data. Functions come from one table,
//!    [`functions`].
//!    A logical table is a leaf as well until `route::place_logical_tables` puts the physical table in its place that the
//!    query is best served by.
//! 4. [`guard`]`::apply` puts the tenant's row filter on every leaf and is the only way to a `GuardedPlan`.
//! 5. [`route`] takes nothing else. It finds the largest subtrees that one store can run whole; what is left runs in
//!    process.
//! 6. [`emit`] writes each piece as one SELECT, a tree in the store's dialect: every plan node fills a slot of the current
//!    block, or opens a derived table where the order of the slots would change the rows.
//! 7. [`guard`]`::verify` walks the final tree with other eyes and is the only way to a `VerifiedStatement`. A base table
//!    outside its guard is an internal error, never a query.
//! 8. [`stores`] run the pieces and stream Arrow record batches; [`engine`] watches the deadline and the cancel key. Where
//!    a small piece is joined with a large one it runs first, and its keys go into the statement of the other.
//! 9. [`pg`] encodes each batch as it comes and flushes it. A slow client slows its own query and nothing else.
//!
//! Planning, guard, route and emit are pure and synchronous; only [`stores`], [`pg`], [`live`] and [`server`] do I/O.
//! What can go wrong at any stage answers [`base::UserFacing`]; what a client can make large is in [`base::limits`].

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
pub mod server;
pub mod sql;
pub mod stores;
pub mod tenancy;
pub mod workflow;
