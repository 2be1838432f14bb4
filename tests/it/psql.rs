//! The real psql against the server.
