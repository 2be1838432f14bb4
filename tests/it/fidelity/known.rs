//! The differences that are known, each with its reason.
//!
//! What the generator does not make:
//!
//! - "scale": constants have two digits after the point, and the text of a numeric is taken of a rounded one.
//! - "sums": a sum of floats depends on the order of the rows, so its last digits are free.

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
        kind: "format",
        words: "",
        why: "zero: a float that is a key of groups or of DISTINCT is 0 where PostgreSQL keeps the -0 that came first",
    },
    Known {
        kind: "error 0A000",
        words: "is not supported on values of type interval",
        why: "interval: not as a key of several sets of groups, nor of DISTINCT ON and of aggregates that are distinct",
    },
    Known {
        kind: "error 0A000",
        words: "EXCLUDE CURRENT ROW is not",
        why: "exclusion: only for some functions, and said so",
    },
    Known {
        kind: "error 42601",
        words: "SELECT DISTINCT ON expressions must",
        why: "keys: a query of an aggregate as a key of DISTINCT ON is not seen to be the same in ORDER BY",
    },
    Known {
        kind: "modifier, digits",
        words: "",
        why: "scale: of a query that is a value the digits of its type, and of a quotient within an expression the last ones",
    },
    Known {
        kind: "error 22023",
        words: "Expects PARTITION BY expression to be ordered",
        why: "all: INTERSECT ALL and EXCEPT ALL of a column that is a constant over a window",
    },
];

/// PostgreSQL 15 asks an index for the least or greatest value in a query of its own, which takes the ties of the whole
/// query along: where that has several rows, it fails.
pub fn is_of_the_reference(sql: &str, code: &str) -> bool {
    code == "21000" && sql.contains("WITH TIES") && (sql.contains("min(") || sql.contains("max("))
}

/// Whether a difference is known.
pub fn is_known(kind: &str, got: &str) -> bool {
    KNOWN.iter().any(|known| known.kind == kind && got.contains(known.words))
}
