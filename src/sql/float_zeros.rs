//! `0` and `-0` of a float are equal, also in a list of constants: the library looks for the bits of a value in one.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::expr::{Case, InList};
use datafusion::logical_expr::{Expr, lit};

/// `x IN (0, …)` has both zeros in its list.
pub(super) fn list(mut list: InList) -> Transformed<Expr> {
    let mut missing: Vec<Expr> = Vec::new();
    for zeros in list.list.iter().filter_map(zeros) {
        // There are two types of floats, so the list is looked through four times at most.
        if !missing.contains(&zeros[0]) {
            missing.extend(zeros);
        }
    }
    missing.retain(|zero| !list.list.contains(zero));
    let changed = !missing.is_empty();
    list.list.extend(missing);
    Transformed::new_transformed(Expr::InList(list), changed)
}

/// `x IN (y, $1, sign(0) * 2, …)`: what these are is known when the statement runs. The sum of a value and 0 is never -0.
pub(super) fn late(mut list: InList, floats: &DataType) -> InList {
    if list.list.iter().any(is_late) {
        *list.expr = *list.expr + zero(floats);
        let plain = |item: Expr| if is_late(&item) { item + zero(floats) } else { item };
        list.list = list.list.into_iter().map(plain).collect();
    }
    list
}

fn is_late(expr: &Expr) -> bool {
    !matches!(expr, Expr::Literal(_, _))
}

fn zero(floats: &DataType) -> Expr {
    if *floats == DataType::Float32 { lit(0.0_f32) } else { lit(0.0) }
}

/// `CASE x WHEN 0 THEN … WHEN y THEN …` looks for the sum of x and 0, which is never -0. The branches stand where they stood,
/// once.
pub(super) fn case(mut case: Case, operand: &DataType) -> Transformed<Expr> {
    let may_be_zero = |when: &Expr| is_late(when) || zeros(when).is_some();
    if !operand.is_floating() || !case.when_then_expr.iter().any(|(when, _)| may_be_zero(when)) {
        return Transformed::no(Expr::Case(case));
    }
    case.expr = case.expr.map(|value| Box::new(*value + zero(operand)));
    for (when, _) in &mut case.when_then_expr {
        if is_late(when) {
            **when = std::mem::take(&mut **when) + zero(operand);
        } else if zeros(when).is_some() {
            **when = zero(operand);
        }
    }
    Transformed::yes(Expr::Case(case))
}

/// 0 and -0, of a constant that is one of them.
fn zeros(expr: &Expr) -> Option<[Expr; 2]> {
    let both = match expr {
        Expr::Literal(ScalarValue::Float64(Some(zero)), _) if *zero == 0.0 => [0.0, -0.0].map(ScalarValue::from),
        Expr::Literal(ScalarValue::Float32(Some(zero)), _) if *zero == 0.0 => [0.0_f32, -0.0].map(ScalarValue::from),
        _ => return None,
    };
    Some(both.map(|zero| Expr::Literal(zero, None)))
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, placeholder};

    use super::*;

    #[test]
    fn a_list_with_one_zero_gets_the_other() {
        let of = |items: Vec<Expr>| list(InList::new(Box::new(col("x")), items, false));
        let both = of(vec![lit(0.0), lit(1.5)]);
        assert!(both.transformed);
        assert_eq!(both.data, col("x").in_list(vec![lit(0.0), lit(1.5), lit(-0.0)], false));
        assert!(!of(vec![lit(0.0), lit(-0.0)]).transformed);
        assert!(!of(vec![lit(0_i64), lit(1.5)]).transformed);
    }

    #[test]
    fn constants_that_are_known_late_have_no_sign_of_zero() {
        let items = vec![lit(1.5), col("y"), placeholder("$1"), -lit(0.0) * lit(2.0)];
        let found = late(InList::new(Box::new(col("x")), items, true), &DataType::Float64);
        let expected = [lit(1.5), col("y") + lit(0.0), placeholder("$1") + lit(0.0), -lit(0.0) * lit(2.0) + lit(0.0)];
        assert_eq!((found.expr.as_ref(), found.list.as_slice()), (&(col("x") + lit(0.0)), &expected[..]));
        let narrow = late(InList::new(Box::new(col("x")), vec![placeholder("$1")], false), &DataType::Float32);
        assert_eq!(*narrow.expr, col("x") + lit(0.0_f32));
        let known = InList::new(Box::new(col("x")), vec![lit(0.0), lit(2.5)], false);
        assert_eq!(late(known.clone(), &DataType::Float64), known);
    }

    #[test]
    fn a_branch_for_one_zero_is_one_for_the_other() {
        let branch = |when: Expr| (Box::new(when), Box::new(lit("z")));
        let one = Case::new(Some(Box::new(col("x"))), vec![branch(lit(-0.0_f32)), branch(col("y"))], None);
        let Expr::Case(both) = case(one, &DataType::Float32).data else { panic!("a CASE stays one") };
        let whens: Vec<&Expr> = both.when_then_expr.iter().map(|(when, _)| when.as_ref()).collect();
        assert_eq!(whens, [&lit(0.0_f32), &(col("y") + lit(0.0_f32))]);
        assert_eq!(both.expr, Some(Box::new(col("x") + lit(0.0_f32))));
    }
}
