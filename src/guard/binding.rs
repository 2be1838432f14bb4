//! Does the text of an expression read as its tree?
//!
//! A tree is printed without parentheses but those it holds. An operand that binds less than the operator beside it is
//! then read as something else: of `guard AND (a OR b) IN (true)` without parentheses, `guard` holds for `a` alone. Stores
//! agree in the order of these kinds; what they order within one of them is the emitter's concern.

use sqlparser::ast::{BinaryOperator, CastKind, Expr, UnaryOperator};

/// How strongly the outermost operator of an expression binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    /// Up to the next comma or parenthesis.
    Open,
    Or,
    And,
    Not,
    /// Comparisons, IS, IN, LIKE, BETWEEN and other operators.
    Test,
    Arithmetic,
    /// Has an end of its own on both sides.
    Closed,
}

impl Binding {
    fn of(expr: &Expr) -> Self {
        match expr {
            Expr::Lambda(_) => Self::Open,
            Expr::BinaryOp { op, .. } => Self::of_operator(op),
            Expr::UnaryOp { op: UnaryOperator::Not, .. } | Expr::Exists { negated: true, .. } => Self::Not,
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::Value(_)
            | Expr::Nested(_)
            | Expr::Cast { kind: CastKind::Cast | CastKind::TryCast | CastKind::SafeCast, .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Tuple(_)
            | Expr::Array(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Case { .. }
            | Expr::Function(_)
            | Expr::Subquery(_)
            | Expr::Exists { negated: false, .. } => Self::Closed,
            _ => Self::Test,
        }
    }

    fn of_operator(operator: &BinaryOperator) -> Self {
        match operator {
            BinaryOperator::Or | BinaryOperator::Xor => Self::Or,
            BinaryOperator::And => Self::And,
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo => Self::Arithmetic,
            _ => Self::Test,
        }
    }
}

/// Whether each operand that stands bare beside the expression's operator binds enough to stay its operand.
pub(super) fn reads_as_its_tree(expr: &Expr) -> bool {
    let all = |operands: &[&Expr], least: Binding| operands.iter().all(|operand| Binding::of(operand) >= least);
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let own = Binding::of_operator(op);
            all(&[left, right], if own == Binding::Test { Binding::Arithmetic } else { own })
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => all(&[expr], Binding::Test),
        Expr::Cast { kind: CastKind::DoubleColon, expr, .. } => all(&[expr], Binding::Closed),
        Expr::UnaryOp { expr, .. }
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr)
        | Expr::Collate { expr, .. }
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. } => all(&[expr], Binding::Arithmetic),
        Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right)
        | Expr::AnyOp { left, right, .. }
        | Expr::AllOp { left, right, .. }
        | Expr::AtTimeZone { timestamp: left, time_zone: right }
        | Expr::Position { expr: left, r#in: right }
        | Expr::Like { expr: left, pattern: right, .. }
        | Expr::ILike { expr: left, pattern: right, .. }
        | Expr::SimilarTo { expr: left, pattern: right, .. } => all(&[left, right], Binding::Arithmetic),
        Expr::Between { expr, low, high, .. } => all(&[expr, low, high], Binding::Arithmetic),
        // What else has operands has them between parentheses, commas or words.
        _ => true,
    }
}
