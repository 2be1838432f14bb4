//! Rows of values: what is asked of them is asked of their values.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Ident, Query, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    UnaryOperator, Value,
};

use crate::base::{ErrorReport, SqlState};

use super::forms::{binary, internal, nested, take, unsupported};
use super::tables::template;

/// The values of a row that is written out.
pub(super) fn values(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Tuple(values) => Some(values),
        Expr::Nested(inner) => values(inner),
        _ => None,
    }
}

fn boolean(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).into())
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(nested(expr)) }
}

fn joined(word: &BinaryOperator, parts: Vec<Expr>) -> Expr {
    let all = parts.into_iter().reduce(|left, right| binary(left, word.clone(), right));
    nested(all.unwrap_or_else(|| boolean(*word == BinaryOperator::And)))
}

fn unequal() -> ErrorReport {
    ErrorReport::new(SqlState::SYNTAX_ERROR, "unequal number of entries in row expressions")
}

/// A question about a row, as one about its values; `None` where the expression is no such question.
pub(super) fn rewrite(expr: &mut Expr) -> Result<Option<Expr>, ErrorReport> {
    match expr {
        Expr::IsNull(inner) => Ok(values(inner).map(|row| each(row, Expr::IsNull))),
        Expr::IsNotNull(inner) => Ok(values(inner).map(|row| each(row, Expr::IsNotNull))),
        Expr::IsDistinctFrom(left, right) => both(left, right, &BinaryOperator::Or, Expr::IsDistinctFrom),
        Expr::IsNotDistinctFrom(left, right) => both(left, right, &BinaryOperator::And, Expr::IsNotDistinctFrom),
        Expr::BinaryOp { left, op, right } => match (values(left), values(right), right.as_ref()) {
            (Some(a), Some(b), _) if *op == BinaryOperator::Overlaps => overlaps(a, b).map(Some),
            (Some(a), Some(b), _) => compare(a, op, b).map(Some),
            (Some(row), None, Expr::Subquery(query)) => compare_with_query(row, op, query).map(Some),
            _ => Ok(None),
        },
        Expr::InList { expr: operand, list, negated } => match values(operand) {
            Some(row) => in_list(row, list, *negated).map(Some),
            None => Ok(None),
        },
        Expr::InSubquery { expr: operand, subquery, negated } => match values(operand) {
            Some(row) if *negated => of_query(row, &BinaryOperator::NotEq, subquery, true).map(Some),
            Some(row) => of_query(row, &BinaryOperator::Eq, subquery, false).map(Some),
            None => Ok(None),
        },
        Expr::AnyOp { left, compare_op, right, .. } => match (values(left), right.as_ref()) {
            (Some(row), Expr::Subquery(query)) => of_query(row, compare_op, query, false).map(Some),
            _ => Ok(None),
        },
        Expr::AllOp { left, compare_op, right } => match (values(left), right.as_ref()) {
            (Some(row), Expr::Subquery(query)) => of_query(row, compare_op, query, true).map(Some),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

pub(super) fn each(row: &[Expr], ask: fn(Box<Expr>) -> Expr) -> Expr {
    joined(&BinaryOperator::And, row.iter().map(|value| ask(Box::new(nested(value.clone())))).collect())
}

fn both(
    left: &Expr,
    right: &Expr,
    word: &BinaryOperator,
    ask: fn(Box<Expr>, Box<Expr>) -> Expr,
) -> Result<Option<Expr>, ErrorReport> {
    let (Some(a), Some(b)) = (values(left), values(right)) else { return Ok(None) };
    if a.len() != b.len() {
        return Err(unequal());
    }
    let pairs = a.iter().zip(b).map(|(a, b)| ask(Box::new(nested(a.clone())), Box::new(nested(b.clone()))));
    Ok(Some(joined(word, pairs.collect())))
}

/// `(a, b) < (c, d)` is `a < c OR a = c AND b < d`.
fn compare(a: &[Expr], op: &BinaryOperator, b: &[Expr]) -> Result<Expr, ErrorReport> {
    if a.len() != b.len() || a.is_empty() {
        return Err(unequal());
    }
    let pair = |op: &BinaryOperator, (a, b): (&Expr, &Expr)| binary(a.clone(), op.clone(), b.clone());
    let pairs = || a.iter().zip(b);
    let strict = match op {
        BinaryOperator::Eq => return Ok(joined(&BinaryOperator::And, pairs().map(|both| pair(op, both)).collect())),
        BinaryOperator::NotEq => return Ok(joined(&BinaryOperator::Or, pairs().map(|both| pair(op, both)).collect())),
        BinaryOperator::Lt | BinaryOperator::LtEq => BinaryOperator::Lt,
        BinaryOperator::Gt | BinaryOperator::GtEq => BinaryOperator::Gt,
        _ => return Err(unsupported("this operator on rows")),
    };
    let mut alternatives = Vec::new();
    for last in 0..a.len() {
        let mut parts: Vec<Expr> = pairs().take(last).map(|both| pair(&BinaryOperator::Eq, both)).collect();
        let op = if last + 1 == a.len() { op } else { &strict };
        parts.extend(pairs().nth(last).map(|both| pair(op, both)));
        alternatives.push(joined(&BinaryOperator::And, parts));
    }
    Ok(joined(&BinaryOperator::Or, alternatives))
}

fn in_list(row: &[Expr], list: &[Expr], negated: bool) -> Result<Expr, ErrorReport> {
    let mut alternatives = Vec::with_capacity(list.len());
    for item in list {
        alternatives.push(match values(item) {
            Some(item) => compare(row, &BinaryOperator::Eq, item)?,
            // Another record, which is compared as a value.
            None => binary(Expr::Tuple(row.to_vec()), BinaryOperator::Eq, item.clone()),
        });
    }
    let any = joined(&BinaryOperator::Or, alternatives);
    Ok(if negated { not(any) } else { any })
}

fn overlaps(a: &[Expr], b: &[Expr]) -> Result<Expr, ErrorReport> {
    let ([a_start, a_end], [b_start, b_end]) = (a, b) else {
        let side = if a.len() == 2 { "right" } else { "left" };
        let message = format!("wrong number of parameters on {side} side of OVERLAPS expression");
        return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
    };
    Ok(internal("overlaps", vec![a_start.clone(), a_end.clone(), b_start.clone(), b_end.clone()]))
}

/// The name of the table that a subquery becomes; no text can write it.
const TABLE: &str = "\u{2063}row";

fn column(index: usize) -> Ident {
    Ident::with_quote('"', format!("\u{2063}{index}"))
}

fn member(index: usize) -> Expr {
    Expr::CompoundIdentifier(vec![Ident::with_quote('"', TABLE), column(index)])
}

/// `SELECT 1 FROM (the subquery) WHERE condition`.
fn from_query(query: &Query, count: usize) -> Result<Box<Query>, ErrorReport> {
    check_count(&query.body, count)?;
    let mut whole = template("SELECT 1 FROM x WHERE true")?;
    let columns = (0..count).map(|index| TableAliasColumnDef { name: column(index), data_type: None }).collect();
    let alias = TableAlias { explicit: true, name: Ident::with_quote('"', TABLE), columns, at: None };
    if let SetExpr::Select(select) = whole.body.as_mut()
        && let Some(from) = select.from.first_mut()
    {
        let subquery = Box::new(query.clone());
        from.relation = TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
    }
    Ok(whole)
}

fn check_count(body: &SetExpr, count: usize) -> Result<(), ErrorReport> {
    let found = match body {
        SetExpr::Select(select) => {
            let plain =
                |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
            if !select.projection.iter().all(plain) {
                return Ok(());
            }
            select.projection.len()
        }
        SetExpr::Query(query) => return check_count(&query.body, count),
        SetExpr::SetOperation { left, .. } => return check_count(left, count),
        SetExpr::Values(values) => values.rows.first().map_or(count, |row| row.content.len()),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => {
            return Ok(());
        }
    };
    match found.cmp(&count) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(ErrorReport::new(SqlState::SYNTAX_ERROR, "subquery has too few columns")),
        std::cmp::Ordering::Greater => Err(ErrorReport::new(SqlState::SYNTAX_ERROR, "subquery has too many columns")),
    }
}

fn set_condition(query: &mut Query, condition: Expr) {
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.selection = Some(condition);
    }
}

fn exists(query: &Query, count: usize, condition: Expr) -> Result<Expr, ErrorReport> {
    let mut subquery = from_query(query, count)?;
    set_condition(&mut subquery, condition);
    Ok(Expr::Exists { subquery, negated: false })
}

/// `row op ANY (SELECT …)` is true where a row of the subquery makes it so, and NULL where none does and one might. With
/// ALL it is false where one makes it so.
fn of_query(row: &[Expr], op: &BinaryOperator, query: &Query, is_all: bool) -> Result<Expr, ErrorReport> {
    let members: Vec<Expr> = (0..row.len()).map(member).collect();
    let (verdict, decides) = match (op, is_all) {
        (BinaryOperator::Eq, false) | (BinaryOperator::NotEq, true) => {
            let equal = compare(&members, &BinaryOperator::Eq, row)?;
            (equal.clone(), equal)
        }
        _ => {
            let verdict = compare(row, op, &members)?;
            (verdict.clone(), if is_all { not(verdict) } else { verdict })
        }
    };
    let found = exists(query, row.len(), decides)?;
    let open = exists(query, row.len(), Expr::IsNull(Box::new(verdict)))?;
    let when = |condition: Expr, result: Expr| CaseWhen { condition, result };
    Ok(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![when(found, boolean(!is_all)), when(open, Expr::Value(Value::Null.into()))],
        else_result: Some(Box::new(boolean(is_all))),
    })
}

/// In a WHERE, NULL is as good as false: only whether a row is found matters, which is a join.
pub(super) fn simplify_condition(condition: &mut Expr) {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            simplify_condition(left);
            simplify_condition(right);
        }
        Expr::Nested(inner) => simplify_condition(inner),
        Expr::Case { operand: None, conditions, else_result: Some(otherwise), .. } => {
            let [found, open] = conditions.as_mut_slice() else { return };
            let both_exist = [&found.condition, &open.condition].iter().all(|one| is_of_rows(one));
            if !both_exist {
                return;
            }
            let (positive, negative) = (found.result == boolean(true), **otherwise == boolean(true));
            let (found, open) = (take(&mut found.condition), take(&mut open.condition));
            *condition = match (positive, negative) {
                (true, false) => found,
                _ => binary(not(found), BinaryOperator::And, not(open)),
            };
        }
        _ => {}
    }
}

fn is_of_rows(condition: &Expr) -> bool {
    let Expr::Exists { subquery, .. } = condition else { return false };
    let SetExpr::Select(select) = subquery.body.as_ref() else { return false };
    let relation = select.from.first().map(|from| &from.relation);
    matches!(relation, Some(TableFactor::Derived { alias: Some(alias), .. }) if alias.name.value == TABLE)
}

/// `(a, b) = (SELECT x, y …)`: the comparison is what the subquery selects.
fn compare_with_query(row: &[Expr], op: &BinaryOperator, query: &Query) -> Result<Expr, ErrorReport> {
    let members: Vec<Expr> = (0..row.len()).map(member).collect();
    let verdict = compare(row, op, &members)?;
    let mut subquery = from_query(query, row.len())?;
    if let SetExpr::Select(select) = subquery.body.as_mut() {
        select.selection = None;
        select.projection = vec![SelectItem::UnnamedExpr(verdict)];
    }
    Ok(Expr::Subquery(subquery))
}
