//! One file a node type: its configuration, its schema transform, its plan.
