//! VALUES: a constant without type has the type of the others in its column.

use sqlparser::ast::{DataType, ExactNumberInfo, Expr, SetExpr, Value, ValueWithSpan, Values};

use super::forms::{cast, internal, nested, take};

/// Casts constants in quotes beside values of a type that is written with them.
pub(super) fn type_constants(body: &mut SetExpr) {
    match body {
        SetExpr::Values(values) => type_columns(values),
        SetExpr::SetOperation { left, right, .. } => {
            type_constants(left);
            type_constants(right);
        }
        SetExpr::Select(_)
        | SetExpr::Query(_)
        | SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_)
        | SetExpr::Table(_) => {}
    }
}

fn type_columns(values: &mut Values) {
    let width = values.rows.first().map_or(0, |row| row.content.len());
    for column in 0..width {
        let written = values.rows.iter().find_map(|row| row.content.get(column).and_then(written_type));
        let Some(written) = written else { continue };
        if let Some(float) = float_of(values, column) {
            // Every number beside a float is one; the library would make them numeric.
            for cell in values.rows.iter_mut().filter_map(|row| row.content.get_mut(column)) {
                *cell = cast(nested(take(cell)), float.clone());
            }
            continue;
        }
        for row in &mut values.rows {
            let Some(cell) = row.content.get_mut(column) else { continue };
            if is_open(cell) {
                *cell = cast(take(cell), written.clone());
            }
            keep_varchar(cell);
            keep_numeric(cell);
        }
    }
}

/// The planner casts floats beside numerics to numeric; what somebody has cast stays so.
fn keep_numeric(cell: &mut Expr) {
    match cell {
        Expr::Nested(inner) => keep_numeric(inner),
        Expr::Cast {
            data_type:
                DataType::Numeric(ExactNumberInfo::None)
                | DataType::Decimal(ExactNumberInfo::None)
                | DataType::Dec(ExactNumberInfo::None),
            ..
        } => *cell = internal("as_written", vec![take(cell)]),
        _ => {}
    }
}

/// Of a cast to `varchar` without a length nothing else would be left in the plan.
fn keep_varchar(cell: &mut Expr) {
    if let Expr::Cast { data_type, .. } = cell
        && let DataType::Varchar(None) | DataType::CharVarying(None) | DataType::CharacterVarying(None) = data_type
    {
        *cell = internal("as_open_varchar", vec![cast(take(cell), DataType::Text)]);
    }
}

/// The type that a cell is written with, where no other type could be meant for the column.
fn written_type(cell: &Expr) -> Option<DataType> {
    match cell {
        Expr::Cast { data_type, .. } => Some(data_type.clone()),
        Expr::TypedString(typed) => Some(typed.data_type.clone()),
        Expr::Nested(inner) => written_type(inner),
        _ => None,
    }
}

/// The widest type of floats that a cell of a column is written with.
fn float_of(values: &Values, column: usize) -> Option<DataType> {
    let written = values.rows.iter().filter_map(|row| row.content.get(column).and_then(written_type));
    written.filter_map(|data_type| float_rank(&data_type)).max().map(|rank| match rank {
        0 => DataType::Real,
        _ => DataType::DoublePrecision,
    })
}

fn float_rank(data_type: &DataType) -> Option<u8> {
    match data_type {
        DataType::Real | DataType::Float4 => Some(0),
        DataType::DoublePrecision | DataType::Float8 | DataType::Double(_) => Some(1),
        _ => None,
    }
}

fn is_open(cell: &Expr) -> bool {
    matches!(cell, Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }))
}
