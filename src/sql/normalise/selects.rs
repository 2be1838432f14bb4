//! SELECT lists.

use sqlparser::ast::{Ident, Select, SelectItem};

use crate::base::{ErrorReport, SqlState};

/// Refuses an alias that is a constant of text.
pub(super) fn check_items(select: &Select) -> Result<(), ErrorReport> {
    for item in &select.projection {
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            refuse_text_alias(alias)?;
        }
    }
    Ok(())
}

fn refuse_text_alias(alias: &Ident) -> Result<(), ErrorReport> {
    if alias.quote_style != Some('\'') {
        return Ok(());
    }
    let message = format!("syntax error at or near \"'{}'\"", alias.value);
    let report = ErrorReport::new(SqlState::SYNTAX_ERROR, message);
    Err(match usize::try_from(alias.span.start.column) {
        Ok(position) if position > 0 => report.with_position(position),
        Ok(_) | Err(_) => report,
    })
}
