//! `0` and `-0` of a float are equal, also in a list of constants: the library looks for the bits of a value in one.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{Case, InList};

/// `x IN (0, …)` has both zeros in its list.
pub(super) fn list(mut list: InList) -> Transformed<Expr> {
    let missing: Vec<Expr> = list.list.iter().filter_map(other_zero).filter(|zero| !list.list.contains(zero)).collect();
    let changed = !missing.is_empty();
    list.list.extend(missing);
    Transformed::new_transformed(Expr::InList(list), changed)
}

/// `CASE x WHEN 0 THEN …` has a branch for each of them.
pub(super) fn case(mut case: Case) -> Transformed<Expr> {
    let changed = case.when_then_expr.iter().any(|(when, _)| other_zero(when).is_some());
    if changed {
        let mut branches = Vec::with_capacity(case.when_then_expr.len() + 1);
        for (when, then) in case.when_then_expr {
            let other = other_zero(&when).map(|zero| (Box::new(zero), then.clone()));
            branches.push((when, then));
            branches.extend(other);
        }
        case.when_then_expr = branches;
    }
    Transformed::new_transformed(Expr::Case(case), changed)
}

/// The zero of the other sign, of a constant that is one.
fn other_zero(expr: &Expr) -> Option<Expr> {
    let other = match expr {
        Expr::Literal(ScalarValue::Float64(Some(zero)), _) if *zero == 0.0 => ScalarValue::Float64(Some(-zero)),
        Expr::Literal(ScalarValue::Float32(Some(zero)), _) if *zero == 0.0 => ScalarValue::Float32(Some(-zero)),
        _ => return None,
    };
    Some(Expr::Literal(other, None))
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

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
    fn a_branch_for_one_zero_is_one_for_the_other() {
        let one = Case::new(Some(Box::new(col("x"))), vec![(Box::new(lit(-0.0_f32)), Box::new(lit("z")))], None);
        let Expr::Case(both) = case(one).data else { panic!("a CASE stays one") };
        let whens: Vec<&Expr> = both.when_then_expr.iter().map(|(when, _)| when.as_ref()).collect();
        assert_eq!(whens, [&lit(-0.0_f32), &lit(0.0_f32)]);
    }
}
