//! SQL result scripts through the real wire.
