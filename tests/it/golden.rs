//! Golden files: input → plan → guarded → routed → emitted.
