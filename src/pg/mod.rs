//! The PostgreSQL front.
