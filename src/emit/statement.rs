//! One piece, one statement.

use datafusion::logical_expr::LogicalPlan;
use sqlparser::ast::Statement;

use crate::base::StoreKind;
use crate::route::{Capability, Piece};

use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::Writer;
use super::{nodes, supports};

/// A statement for one piece.
#[derive(Debug, Clone)]
pub struct Emitted {
    /// The dialect it is written in.
    pub dialect: Dialect,
    /// The tree.
    pub statement: Statement,
    /// The numbers of the client's parameters that it holds, in the order of the store's own placeholders.
    pub parameters: Vec<usize>,
}

/// The emitter as the router asks it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Emitter;

impl Capability for Emitter {
    fn supports(&self, store: StoreKind, node: &LogicalPlan) -> bool {
        supports::node(Dialect::of(store), node)
    }
}

/// Writes a piece as one statement.
///
/// # Errors
/// [`EmitError`] when the dialect cannot say it.
pub fn emit(piece: &Piece, dialect: Dialect) -> Result<Emitted, EmitError> {
    let mut writer = Writer::new(dialect);
    let query = nodes::statement(&mut writer, &piece.plan)?;
    Ok(Emitted { dialect, statement: Statement::Query(Box::new(query)), parameters: writer.parameters })
}
