//! The PostgreSQL front: sockets, the wire protocol 3.0, authentication, and values as bytes.
//!
//! Comes in: TCP connections. Goes out: the messages that PostgreSQL 15 would send, rows flushed as they are made.
//! Does not: read SQL, know a table, or decide what a tenant may see; all of that is behind [`Backend`].
//! Invariant: a message is buffered only after its length was checked, and nothing that a client sends ends more than its
//! own connection.
//!
//! The way of a connection: [`serve`] accepts it, `startup` talks about encryption, protocol and the user, `auth` finds
//! out who it is, and `connection` answers its messages until it leaves. The frames are read and written by
//! `message`; `encode` turns Arrow arrays into row messages and `decode` turns parameters into values.

mod auth;
mod backend;
mod connection;
pub mod decode;
pub mod encode;
mod failure;
mod listener;
pub mod message;
mod scram;
mod socket;
mod startup;
mod tls;

pub use auth::Authenticator;
pub use backend::{Backend, BackendSession};
pub use listener::{PgContext, serve};
pub use tls::{InvalidTls, TlsSettings};
