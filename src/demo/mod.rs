//! Seed data and a feed for the embedded stores.
