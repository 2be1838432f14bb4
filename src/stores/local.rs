//! What runs in process: plans over rows that are here, and over the rows of pieces.
