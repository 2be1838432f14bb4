use sqlparser::ast::{Expr, Ident};

use crate::functions::{Rendering, rows};

use super::dialect::Dialect;
use super::template;

#[test]
fn every_template_of_the_function_table_parses() {
    let args: Vec<Expr> = ["a", "b", "c", "d"].map(|name| Expr::Identifier(Ident::new(name))).to_vec();
    for row in rows() {
        for (dialect, rendering) in [(Dialect::ClickHouse, row.clickhouse), (Dialect::PostgreSql, row.postgresql)] {
            if let Rendering::Template(text) = rendering {
                let written = template::instantiate(dialect, text, args.clone());
                let written = written.unwrap_or_else(|error| panic!("{}: {text}: {error}", row.name)).to_string();
                assert!(!written.contains("argument_of_template"), "{}: {written}", row.name);
                assert!(!written.contains("INT64"), "{}: {written}", row.name);
            }
        }
    }
}
