//! Whether an expression can fail on some row.
//!
//! Materialize evaluates an expression before the filter that drops its row, when that suits it. One that can fail would
//! then fail for a row of another tenant: a wrong answer, and one that tells of that row. So only what cannot fail goes
//! there; the rest runs in process, over rows that the guard has let through.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, Cast, Like, ScalarFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};

/// Functions that give a value, or NULL, for every argument of their types. Not those that give a longer text than they
/// get, `||` among them: Materialize refuses texts beyond 100 MiB, and one can ask for such a text of some rows only.
const SAFE: &[&str] = &[
    "btrim",
    "character_length",
    "coalesce",
    "greatest",
    "least",
    "lower",
    "ltrim",
    "nullif",
    "octet_length",
    "reverse",
    "rtrim",
    "starts_with",
    "strpos",
    "upper",
];

/// Whether no row can make the expression fail. What is not known can.
#[must_use]
pub fn cannot_fail(expr: &Expr, schema: &DFSchema) -> bool {
    let mut safe = true;
    // The closure never fails.
    drop(expr.apply(|node| {
        safe = is_safe(node, schema);
        Ok(if safe { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    }));
    safe
}

fn is_safe(node: &Expr, schema: &DFSchema) -> bool {
    match node {
        Expr::Column(_)
        | Expr::OuterReferenceColumn(..)
        | Expr::Literal(..)
        | Expr::Placeholder(_)
        | Expr::Alias(_)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::InList(_)
        | Expr::Between(_)
        | Expr::Case(_)
        | Expr::Exists(_)
        | Expr::InSubquery(_)
        // They see the rows that are left, whatever their arguments see.
        | Expr::AggregateFunction(_)
        | Expr::WindowFunction(_) => true,
        Expr::BinaryExpr(BinaryExpr { op, .. }) => is_safe_operator(*op),
        Expr::Like(like) | Expr::SimilarTo(like) => matches!(node, Expr::Like(_)) && has_sound_pattern(like),
        Expr::Cast(cast) => is_widening(cast, schema),
        Expr::ScalarFunction(call) => SAFE.contains(&call.func.name()) || is_written_time(call, schema),
        // The smallest whole number has no opposite.
        Expr::Negative(inner) => matches!(inner.as_ref(), Expr::Literal(..)) || is_float(inner, schema),
        Expr::ScalarSubquery(_)
        | Expr::SetComparison(_)
        | Expr::TryCast(_)
        | Expr::GroupingSet(_)
        | Expr::ScalarVariable(..)
        | Expr::Unnest(_)
        | Expr::HigherOrderFunction(_)
        | Expr::Lambda(_)
        | Expr::LambdaVariable(_) => false,
        #[allow(deprecated, reason = "the variant is there until the library drops it")]
        Expr::Wildcard { .. } => false,
    }
}

/// `to_char` of a time. That of a number fails for some formats.
fn is_written_time(call: &ScalarFunction, schema: &DFSchema) -> bool {
    let is_time = |value: &Expr| {
        value.get_type(schema).is_ok_and(|found| matches!(found, DataType::Date32 | DataType::Timestamp(..)))
    };
    call.func.name() == "to_char" && call.args.first().is_some_and(is_time)
}

fn is_safe_operator(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::And
            | Operator::Or
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// The longest pattern of LIKE that is taken for readable, in bytes; Materialize reads twice as many.
const PATTERN_BYTES: usize = 4096;

/// A pattern that ends with a lone escape character, or is too long, is an error of the row that is compared with it.
fn has_sound_pattern(like: &Like) -> bool {
    match like.pattern.as_ref() {
        Expr::Literal(ScalarValue::Utf8(Some(pattern)), _) => {
            let escape = like.escape_char.unwrap_or('\\');
            let trailing = pattern.chars().rev().take_while(|character| *character == escape).count();
            trailing % 2 == 0 && pattern.len() <= PATTERN_BYTES
        }
        _ => false,
    }
}

fn is_float(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|data_type| data_type.is_floating())
}

/// To a type that holds every value of the first one.
fn is_widening(cast: &Cast, schema: &DFSchema) -> bool {
    let target = cast.field.data_type();
    if let Expr::Literal(value, _) = cast.expr.as_ref() {
        // It is the same for all rows, but where CASE asks for it, not for all rows needed.
        return value.cast_to(target).is_ok_and(|held| held.is_null() == value.is_null());
    }
    let Ok(source) = cast.expr.get_type(schema) else { return false };
    if source == *target {
        return true;
    }
    match (&source, target) {
        (_, DataType::Utf8) => !source.is_nested(),
        (DataType::Int16, DataType::Int32 | DataType::Int64 | DataType::Float64)
        | (DataType::Int32, DataType::Int64 | DataType::Float64)
        | (DataType::Int64, DataType::Float64)
        | (DataType::Float32, DataType::Float64)
        | (DataType::Utf8View | DataType::LargeUtf8, DataType::Utf8View) => true,
        (whole, DataType::Decimal128(precision, scale)) if whole.is_integer() => {
            i16::from(*precision) - i16::from(*scale) >= 19
        }
        (
            DataType::Decimal128(from_precision, from_scale),
            DataType::Decimal128(to_precision, to_scale) | DataType::Decimal256(to_precision, to_scale),
        ) => {
            let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
            to_scale >= from_scale && whole(*to_precision, *to_scale) >= whole(*from_precision, *from_scale)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::functions::string::expr_fn::{concat, replace};
    use datafusion::logical_expr::{binary_expr, cast, col, lit};

    use super::*;

    fn schema() -> DFSchema {
        DFSchema::try_from(Schema::new(vec![
            Field::new("n", DataType::Int32, true),
            Field::new("big", DataType::Int64, true),
            Field::new("t", DataType::Utf8, true),
            Field::new("d", DataType::Decimal128(18, 6), true),
        ]))
        .unwrap()
    }

    #[test]
    fn comparisons_and_widening_casts_cannot_fail() {
        for expr in [
            col("n").gt(lit(1)).and(col("t").eq(lit("a"))),
            cast(col("n"), DataType::Int64).lt(col("big")),
            cast(col("d"), DataType::Decimal128(38, 6)).gt(lit(1)),
            col("t").like(lit("a%")),
            cast(lit(300_i64), DataType::Int16).gt(col("n")),
            col("t").is_null().or(col("t").in_list(vec![lit("x")], false)),
        ] {
            assert!(cannot_fail(&expr, &schema()), "{expr}");
        }
    }

    #[test]
    fn arithmetic_narrowing_and_parsing_can_fail() {
        for expr in [
            lit(1) / col("n"),
            col("n") + lit(1),
            cast(col("big"), DataType::Int32),
            cast(col("t"), DataType::Int32),
            cast(col("d"), DataType::Decimal128(10, 6)),
            col("t").like(lit("a\\")),
            col("t").like(col("t")),
            col("t").like(lit("%a".repeat(PATTERN_BYTES))),
            -col("n"),
            // For the rows that CASE takes there.
            cast(lit(300_000_i64), DataType::Int16),
            cast(lit("x"), DataType::Int32),
            // Too long for some rows.
            binary_expr(col("t"), Operator::StringConcat, col("t")),
            concat(vec![col("t"), col("t")]),
            replace(col("t"), lit("T"), lit("x".repeat(10_000))),
        ] {
            assert!(!cannot_fail(&expr, &schema()), "{expr}");
        }
    }
}
