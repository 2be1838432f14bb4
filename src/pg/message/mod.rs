//! The messages of protocol 3.0 as types.
//!
//! Comes in: the body of one frame. Goes out: a [`Incoming`] message, or bytes to send.
//! Does not: read sockets or know the order in which messages make sense.
//! Invariant: decoding allocates no more than a few times the bytes it was given.

mod incoming;
pub mod outgoing;

pub use incoming::{Body, Incoming, Target, text_of};
