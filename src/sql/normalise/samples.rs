//! `TABLESAMPLE`: a part of a table's rows, each chosen for itself.
//!
//! With a seed the choice depends on the row and on the seed alone, so that it is the same each time; rows that are equal
//! are chosen together.

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SetExpr, TableFactor, TableSample,
    TableSampleKind, UnaryOperator, Value, ValueWithSpan,
};

use crate::base::ErrorReport;
use crate::sql::sample_tokens::SEEDED;

use super::forms::{binary, call, cast, nested, number, text, unsupported};
use super::shapes::Shapes;
use super::system::{bare_name, quoted};
use super::tables::{plain_alias, template};

/// A percentage as it is written.
pub(in crate::sql) enum Percentage {
    Of(f64),
    Null,
    Unknown,
}

/// The percentage, where it is a constant.
pub(in crate::sql) fn percentage(expr: &Expr) -> Percentage {
    match expr {
        Expr::Nested(inner) => percentage(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match percentage(expr) {
            Percentage::Of(part) => Percentage::Of(-part),
            other @ (Percentage::Null | Percentage::Unknown) => other,
        },
        Expr::Cast { expr, .. } if matches!(percentage(expr), Percentage::Null) => Percentage::Null,
        Expr::Value(ValueWithSpan { value: Value::Null, .. }) => Percentage::Null,
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _) | Value::SingleQuotedString(digits), .. }) => {
            digits.trim().parse().map_or(Percentage::Unknown, Percentage::Of)
        }
        _ => Percentage::Unknown,
    }
}

/// The percentage, and the seed that stands behind it where the parser has no room for one.
pub(in crate::sql) fn seeded(quantity: &Expr) -> (&Expr, Option<&Expr>) {
    let Expr::Function(function) = quantity else { return (quantity, None) };
    let FunctionArguments::List(list) = &function.args else { return (quantity, None) };
    match (list.args.as_slice(), bare_name(&function.name).as_deref()) {
        (
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(part)), FunctionArg::Unnamed(FunctionArgExpr::Expr(seed))],
            Some(SEEDED),
        ) => (part, Some(seed)),
        _ => (quantity, None),
    }
}

/// Puts a query in the place of a table of which only a part is wanted.
pub(super) fn prepare(factor: &mut TableFactor, shapes: &Shapes<'_>) -> Result<(), ErrorReport> {
    let TableFactor::Table { name, alias, sample, .. } = factor else { return Ok(()) };
    let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample.take()
    else {
        return Ok(());
    };
    let name = name.clone();
    let alias = alias.take().or_else(|| name.0.last().and_then(|part| part.as_ident()).cloned().map(plain_alias));
    let whole = TableFactor::Table {
        name,
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    let condition = condition(&sample, &whole, shapes)?;
    let mut subquery = template("SELECT * FROM x WHERE true")?;
    if let SetExpr::Select(select) = subquery.body.as_mut() {
        select.selection = Some(condition);
        if let Some(from) = select.from.first_mut() {
            from.relation = whole;
        }
    }
    *factor = TableFactor::Derived { lateral: false, subquery, alias, sample: None };
    Ok(())
}

fn condition(sample: &TableSample, table: &TableFactor, shapes: &Shapes<'_>) -> Result<Expr, ErrorReport> {
    let Some(quantity) = &sample.quantity else { return Err(unsupported("TABLESAMPLE without a percentage")) };
    let (part, seed) = seeded(&quantity.value);
    let seed = match (seed, &sample.seed) {
        (Some(seed), _) => match percentage(seed) {
            Percentage::Of(seed) => seed.to_string(),
            Percentage::Null | Percentage::Unknown => {
                return Err(unsupported("TABLESAMPLE with REPEATABLE of what is no constant"));
            }
        },
        (None, Some(seed)) => seed.value.to_string(),
        (None, None) => {
            let part = cast(nested(part.clone()), DataType::DoublePrecision);
            let chance = binary(call("random", Vec::new()), BinaryOperator::Multiply, number("100"));
            return Ok(binary(chance, BinaryOperator::Lt, part));
        }
    };
    let (Percentage::Of(part), Some(columns)) = (percentage(part), shapes.of_factor(table)) else {
        return Err(unsupported("TABLESAMPLE with REPEATABLE and a percentage that is no constant"));
    };
    let mut values = vec![text(","), text(seed)];
    values.extend(columns.iter().map(|column| Expr::Identifier(quoted(column))));
    let hash = call("md5", vec![call("concat_ws", values)]);
    Ok(binary(call("left", vec![hash, number("8")]), BinaryOperator::Lt, text(bound(part))))
}

/// Below this stands such a part of all that eight hexadecimal digits can say; `g` is above all of them.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies within 32 bits")]
fn bound(part: f64) -> String {
    let steps = (part / 100.0 * 4_294_967_296.0).clamp(0.0, 4_294_967_296.0) as u64;
    if steps > u64::from(u32::MAX) { "g".to_owned() } else { format!("{steps:08x}") }
}
