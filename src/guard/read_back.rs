//! The text of a statement, read back and walked once more.
//!
//! The guard looks at a tree, and stores read the tree's text. Builds with assertions, which all tests are, read the text
//! as a store would and walk what was read, so that a text that reads otherwise than its tree fails the test that made
//! it. The release does without: the parser takes longer than everything else on the way of a statement, and misreads
//! some that stores read well.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Statement, Value, VisitorMut};
use sqlparser::dialect::Dialect;
use sqlparser::parser::{Parser, ParserOptions};

use crate::base::syntax_walk::walk_mut;

use super::verify::Requirement;
use super::walk::{Refusal, Walk};

/// Walks the statement that the text of a walked statement holds.
pub(super) fn check(statement: &Statement, grammar: &dyn Dialect, requirements: &[Requirement]) -> Result<(), Refusal> {
    let mut statement = statement.clone();
    let _never: ControlFlow<()> = walk_mut(&mut statement, &mut PlainParameters);
    // Escapes stay as they are written, as in the trees of the emitter.
    let options = ParserOptions::default().with_unescape(false);
    let parser = Parser::new(grammar).with_options(options).with_recursion_limit(10_000);
    let statements = parser
        .try_with_sql(&statement.to_string())
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| Refusal(format!("its text cannot be read back: {error}")))?;
    match statements.as_slice() {
        [Statement::Query(query)] => Walk::new(requirements, grammar)
            .query(query)
            .map_err(|Refusal(cause)| Refusal(format!("its text reads otherwise: {cause}"))),
        _ => Err(Refusal("its text is not one query".to_owned())),
    }
}

/// The library cannot read ClickHouse's parameters with their types. That they are well formed is seen in the tree.
struct PlainParameters;

impl VisitorMut for PlainParameters {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &mut value.value
        {
            "$1".clone_into(name);
        }
        ControlFlow::Continue(())
    }
}
