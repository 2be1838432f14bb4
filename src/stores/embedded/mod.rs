//! The embedded stores: the three stores, played by tables in memory.
