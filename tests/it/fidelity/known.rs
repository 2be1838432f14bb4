//! The differences that are known, each with its reason.

/// A kind of difference (see `slt::compare`), words that the answer has, and why it is so.
struct Known {
    kind: &'static str,
    words: &'static str,
    #[expect(dead_code, reason = "for the reader")]
    why: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        kind: "zeros",
        words: "",
        why: "scale: a column of numerics has one number of digits; in PostgreSQL a value has its own",
    },
    Known {
        kind: "error 0A000",
        words: "is not supported on values of type interval",
        why: "interval: the library takes `1 day` and `24 hours` for different values, so it may not compare them",
    },
];

/// Whether a difference is known.
pub fn is_known(kind: &str, got: &str) -> bool {
    KNOWN.iter().any(|known| known.kind == kind && got.contains(known.words))
}
