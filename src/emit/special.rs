//! Functions that no name and no template can say: the emitter writes them by code.

use datafusion::logical_expr::expr::ScalarFunction;
use sqlparser::ast;

use super::error::EmitError;
use super::expression::Writer;
use super::scope::Scope;

/// Writes a scalar call that the function table marks as special.
///
/// # Errors
/// [`EmitError::Unsupported`] for a name that has no code here.
pub(super) fn scalar(
    writer: &mut Writer,
    name: &str,
    _args: Vec<ast::Expr>,
    _call: &ScalarFunction,
    _scope: &Scope<'_>,
) -> Result<ast::Expr, EmitError> {
    writer.unsupported(format!("function {name}"))
}
