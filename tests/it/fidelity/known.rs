//! The differences that are known, each with its reason.
//!
//! What the generator does not make, because the answer is wrong or an internal error:
//!
//! - "having": HAVING without columns in a subquery of EXISTS or IN. The optimizer moves the condition below the aggregate,
//!   which then gives its row although the condition does not hold: `WHERE EXISTS (SELECT 1 FROM t HAVING NULL::boolean)`.
//! - "nested": a subquery in the condition of a scalar subquery. With `'a' NOT IN (SELECT outer.x FROM t)` there, an
//!   aggregate around it is NULL.
//! - "mean": the mean of a constant over a window in the order of an expression is an internal error:
//!   `SELECT avg(0.33) OVER (ORDER BY abs(trade_count)) FROM live_positions`.
//! - "interval": a window in the order of an interval with a frame by RANGE is an internal error.
//! - "scale": constants have two digits after the point, and the text of a numeric is taken of a rounded one.
//! - "sums": a sum of floats depends on the order of the rows, so its last digits are free.
//!
//! What a long run finds and the normal one does not come across, to be mended:
//!
//! - `SELECT max(x::timestamp), max(x) FROM t`, for a date `x`: 42701, both calls get one name;
//! - `round(x, -2)` of a rounded sum of a common table expression: 42883, the sum is taken for a float;
//! - `SELECT 1 FROM t HAVING 0 = max(x) # max(x)` over no rows: a row, and PostgreSQL gives none;
//! - `(SELECT outer.x FROM t ORDER BY 1 LIMIT 1)` and `nullif(x::numeric(18, 4), 1.50)`: numerics without their digits;
//! - `string_agg(DISTINCT 'a', '' ORDER BY 'a' DESC)`: answered, and 42P10 in PostgreSQL;
//! - a branch of UNION ALL over a common table expression whose HAVING has no columns: an internal error.

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
        kind: "error 42803",
        words: "column \"\" must appear in the",
        why: "having: a query as the condition of HAVING beside a list without aggregates",
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

/// Whether a difference is known.
pub fn is_known(kind: &str, got: &str) -> bool {
    KNOWN.iter().any(|known| known.kind == kind && got.contains(known.words))
}
