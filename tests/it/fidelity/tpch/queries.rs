//! The 22 queries of TPC-H (specification, section 2.4) with the parameters that the specification validates them with.

use tpchgen::q_and_a::queries;

/// A query.
pub struct Query {
    pub number: i32,
    /// What stands for `:1`, `:2` and so on.
    parameters: &'static [&'static str],
    /// How many rows are asked for, where not all are.
    limit: Option<u32>,
}

const fn query(number: i32, parameters: &'static [&'static str]) -> Query {
    Query { number, parameters, limit: None }
}

const fn first(limit: u32, number: i32, parameters: &'static [&'static str]) -> Query {
    Query { number, parameters, limit: Some(limit) }
}

/// All of them.
pub const QUERIES: &[Query] = &[
    query(1, &["90"]),
    first(100, 2, &["15", "BRASS", "EUROPE"]),
    first(10, 3, &["BUILDING", "1995-03-15"]),
    query(4, &["1993-07-01"]),
    query(5, &["ASIA", "1994-01-01"]),
    query(6, &["1994-01-01", "0.06", "24"]),
    query(7, &["FRANCE", "GERMANY"]),
    query(8, &["BRAZIL", "AMERICA", "ECONOMY ANODIZED STEEL"]),
    query(9, &["green"]),
    first(20, 10, &["1993-10-01"]),
    query(11, &["GERMANY", "0.0001"]),
    query(12, &["MAIL", "SHIP", "1994-01-01"]),
    query(13, &["special", "requests"]),
    query(14, &["1995-09-01"]),
    query(15, &["1996-01-01"]),
    query(16, &["Brand#45", "MEDIUM POLISHED", "49", "14", "23", "45", "19", "3", "36", "9"]),
    query(17, &["Brand#23", "MED BOX"]),
    first(100, 18, &["300"]),
    query(19, &["Brand#12", "Brand#23", "Brand#34", "1", "10", "20"]),
    query(20, &["forest", "1994-01-01", "CANADA"]),
    first(100, 21, &["SAUDI ARABIA"]),
    query(22, &["13", "31", "23", "29", "30", "18", "17"]),
];

impl Query {
    /// The statement, without a semicolon.
    pub fn sql(&self) -> String {
        let template = queries::query(self.number).expect("there are 22").trim();
        let template = match self.number {
            // PostgreSQL has no number of digits for days.
            1 => template.replace("day (3)", "day"),
            15 => with_common_table(template),
            _ => template.to_owned(),
        };
        let mut sql = template.trim_end_matches(';').to_owned();
        // From the last: `:10` begins with `:1`.
        for (index, parameter) in self.parameters.iter().enumerate().rev() {
            sql = sql.replace(&format!(":{}", index + 1), parameter);
        }
        self.limit.map(|limit| format!("\nlimit {limit}")).into_iter().for_each(|limit| sql.push_str(&limit));
        sql
    }
}

/// Query 15 makes a view, reads it and drops it. The specification allows a common table expression (appendix B).
fn with_common_table(template: &str) -> String {
    let mut statements = template.split(';');
    let (view, query) = (statements.next().expect("a view"), statements.next().expect("a query"));
    let (head, body) = view.split_once(" as\n").expect("a query of the view");
    let head = head.strip_prefix("create view").expect("a view is made");
    format!("with{head} as (\n{body}\n){query}").replace("revenue:s", "revenue")
}

#[test]
fn nothing_is_left_to_fill_in() {
    let numbers: Vec<i32> = QUERIES.iter().map(|query| query.number).collect();
    assert_eq!(numbers, (1..=22).collect::<Vec<_>>());
    for query in QUERIES {
        let sql = query.sql();
        assert!(!sql.contains(':') && !sql.contains(';'), "{sql}");
        assert!(sql.starts_with("select") || sql.starts_with("with revenue ("), "{sql}");
    }
    assert!(QUERIES[15].sql().contains("p_size in (49, 14, 23, 45, 19, 3, 36, 9)"));
    assert!(QUERIES[20].sql().ends_with("\nlimit 100"));
}
