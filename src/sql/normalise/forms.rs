//! Expressions in forms that the planner knows.

use sqlparser::ast::{
    BinaryOperator, CastKind, CharacterLength, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Interval, LimitClause, ObjectName, Query, Value, ValueWithSpan,
};

use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState};
use crate::catalog::system::is_system_function;
use crate::sql::plan::PlanContext;

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`.
pub(super) fn fetch_to_limit(query: &mut Query) -> Result<(), ErrorReport> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.with_ties || fetch.percent {
        return Err(unsupported("FETCH FIRST … WITH TIES"));
    }
    let rows = fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).into()));
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(rows),
        Some(LimitClause::OffsetCommaLimit { limit, .. }) => *limit = rows,
        slot @ None => *slot = Some(LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() }),
    }
    Ok(())
}

fn unsupported(what: &str) -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(Value::Null.into()))
}

fn text(value: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.into()).into())
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// A call; its name keeps the place of what it stands for.
pub(super) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// Rewrites one expression whose parts were rewritten before.
pub(super) fn rewrite(expr: &mut Expr, context: &PlanContext<'_>) -> Result<(), ErrorReport> {
    match expr {
        Expr::Value(ValueWithSpan { value, .. }) => plain_text(value),
        Expr::Between { expr: operand, negated, low, high } if !has_query(operand) => {
            let (operand, negated, low, high) = (take(operand), *negated, take(low), take(high));
            *expr = between(operand, negated, low, high);
        }
        Expr::BinaryOp { left, op, right } => {
            if let (Expr::Tuple(a), Expr::Tuple(b)) = (left.as_ref(), right.as_ref()) {
                *expr = compare_rows(a, op, b)?;
            }
        }
        Expr::InList { expr: operand, list, negated } => {
            if let Expr::Tuple(row) = operand.as_ref() {
                *expr = row_in_list(row, list, *negated)?;
            }
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            *expr = call("timezone", vec![take(time_zone), take(timestamp)]);
        }
        Expr::Interval(interval) => {
            if let Some(constant) = interval_constant(interval) {
                *expr = constant;
            }
        }
        Expr::SimilarTo { expr: operand, pattern, negated, escape_char: None } => {
            let regex = match pattern.as_ref() {
                Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(pattern), .. }) => {
                    similar_to_regex(pattern)
                }
                _ => return Err(unsupported("SIMILAR TO with a pattern that is no constant")),
            };
            let op = if *negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
            *expr = binary(take(operand), op, text(regex));
        }
        Expr::CompoundIdentifier(parts) if parts.len() > 2 => {
            // A table is known by its own name below its schema.
            let keep = parts.len() - 2;
            let first = parts.first().map(|part| part.span);
            parts.drain(..keep);
            if let (Some(span), Some(part)) = (first, parts.first_mut()) {
                part.span = span;
            }
        }
        Expr::Identifier(ident) if ident.quote_style.is_none() => {
            let name = ident.value.to_lowercase();
            if let Some(constant) = session_constant(&name, context) {
                *expr = constant;
            } else if name == "current_schema" {
                *expr = call(&name, Vec::new());
            }
        }
        Expr::Function(function) => {
            if let Some(other) = rewrite_call(function, context)? {
                *expr = other;
            }
        }
        Expr::Cast { expr: operand, data_type, .. } => {
            if let Some(cut) = cut_cast(operand, data_type) {
                *expr = cut;
            }
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            if let Expr::Array(array) = right.as_mut()
                && !array.elem.is_empty()
                && !array.elem.iter().any(|item| matches!(item, Expr::Array(_)))
            {
                let list = std::mem::take(&mut array.elem);
                *expr = Expr::InList { expr: Box::new(take(left)), list, negated: false };
            }
        }
        Expr::IsNormalized { .. } => return Err(unsupported("IS NORMALIZED")),
        _ => {}
    }
    Ok(())
}

fn plain_text(value: &mut Value) {
    match value {
        Value::UnicodeStringLiteral(inner)
        | Value::NationalStringLiteral(inner)
        | Value::EscapedStringLiteral(inner) => {
            *value = Value::SingleQuotedString(std::mem::take(inner));
        }
        Value::DollarQuotedString(inner) => *value = Value::SingleQuotedString(std::mem::take(&mut inner.value)),
        _ => {}
    }
}

/// A cast to `varchar(n)` cuts, one to `timestamp(n)` rounds.
fn cut_cast(operand: &mut Expr, data_type: &DataType) -> Option<Expr> {
    match data_type {
        DataType::Varchar(Some(CharacterLength::IntegerLength { length, .. }))
        | DataType::CharVarying(Some(CharacterLength::IntegerLength { length, .. }))
        | DataType::CharacterVarying(Some(CharacterLength::IntegerLength { length, .. })) => {
            let length = Expr::Value(Value::Number(length.to_string(), false).into());
            let length = cast(length, DataType::Int4(None));
            Some(call("left", vec![cast(take(operand), DataType::Text), length]))
        }
        DataType::Timestamp(Some(digits @ (0 | 3)), zone) => {
            let (unit, half) = if *digits == 0 { ("second", "500 ms") } else { ("milliseconds", "500 us") };
            let half = cast(text(half), DataType::Interval { fields: None, precision: None });
            let full = cast(take(operand), DataType::Timestamp(None, *zone));
            Some(call("date_trunc", vec![text(unit), nested(binary(full, BinaryOperator::Plus, half))]))
        }
        _ => None,
    }
}

/// A subquery would be planned and run twice.
fn has_query(expr: &Expr) -> bool {
    use sqlparser::ast::Visitor;
    use std::ops::ControlFlow;
    struct Queries;
    impl Visitor for Queries {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    walk(expr, &mut Queries).is_break()
}

fn between(operand: Expr, negated: bool, low: Expr, high: Expr) -> Expr {
    let (low_op, op, high_op) = if negated {
        (BinaryOperator::Lt, BinaryOperator::Or, BinaryOperator::Gt)
    } else {
        (BinaryOperator::GtEq, BinaryOperator::And, BinaryOperator::LtEq)
    };
    let above = binary(operand.clone(), low_op, low);
    Expr::Nested(Box::new(binary(above, op, binary(operand, high_op, high))))
}

/// `(a, b) < (c, d)` is `a < c OR a = c AND b < d`.
fn compare_rows(a: &[Expr], op: &BinaryOperator, b: &[Expr]) -> Result<Expr, ErrorReport> {
    if a.len() != b.len() || a.is_empty() {
        return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, "unequal number of entries in row expressions"));
    }
    let pair = |op: BinaryOperator, (a, b): (&Expr, &Expr)| binary(a.clone(), op, b.clone());
    let joined = |word: BinaryOperator, parts: Vec<Expr>| {
        parts.into_iter().reduce(|left, right| binary(left, word.clone(), right)).unwrap_or_else(|| text(""))
    };
    let strict = match op {
        BinaryOperator::Eq => {
            return Ok(nested(joined(
                BinaryOperator::And,
                a.iter().zip(b).map(|both| pair(BinaryOperator::Eq, both)).collect(),
            )));
        }
        BinaryOperator::NotEq => {
            return Ok(nested(joined(
                BinaryOperator::Or,
                a.iter().zip(b).map(|both| pair(BinaryOperator::NotEq, both)).collect(),
            )));
        }
        BinaryOperator::Lt | BinaryOperator::LtEq => BinaryOperator::Lt,
        BinaryOperator::Gt | BinaryOperator::GtEq => BinaryOperator::Gt,
        _ => return Err(unsupported("this operator on rows")),
    };
    let mut alternatives = Vec::new();
    for last in 0..a.len() {
        let mut parts: Vec<Expr> = a.iter().zip(b).take(last).map(|both| pair(BinaryOperator::Eq, both)).collect();
        let op = if last + 1 == a.len() { op.clone() } else { strict.clone() };
        parts.extend(a.iter().zip(b).nth(last).map(|both| pair(op, both)));
        alternatives.push(nested(joined(BinaryOperator::And, parts)));
    }
    Ok(nested(joined(BinaryOperator::Or, alternatives)))
}

fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

fn row_in_list(row: &[Expr], list: &[Expr], negated: bool) -> Result<Expr, ErrorReport> {
    let mut any: Option<Expr> = None;
    for item in list {
        let Expr::Tuple(item) = item else {
            return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, "unequal number of entries in row expressions"));
        };
        let equal = compare_rows(row, &BinaryOperator::Eq, item)?;
        any = Some(match any {
            None => equal,
            Some(before) => binary(before, BinaryOperator::Or, equal),
        });
    }
    let any = nested(any.unwrap_or_else(|| Expr::Value(Value::Boolean(false).into())));
    Ok(if negated { Expr::UnaryOp { op: sqlparser::ast::UnaryOperator::Not, expr: Box::new(any) } } else { any })
}

/// `INTERVAL '1' DAY` is `CAST('1 DAY' AS interval)`.
fn interval_constant(interval: &mut Interval) -> Option<Expr> {
    let value = match interval.value.as_ref() {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(value), .. }) => value.clone(),
        _ => return None,
    };
    let bare = value.trim().parse::<f64>().is_ok();
    let unit = match (&interval.leading_field, bare) {
        (Some(field), true) => format!(" {field}"),
        (Some(_) | None, _) => String::new(),
    };
    Some(cast(text(format!("{value}{unit}")), DataType::Interval { fields: None, precision: None }))
}

/// SQL's regular expressions: `%` and `_`, and otherwise the usual signs.
fn similar_to_regex(pattern: &str) -> String {
    let mut regex = String::from("^(?:");
    let mut escaped = false;
    for c in pattern.chars() {
        match c {
            _ if escaped => {
                regex.push('\\');
                regex.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '.' | '^' | '$' => {
                regex.push('\\');
                regex.push(c);
            }
            other => regex.push(other),
        }
    }
    regex.push_str(")$");
    regex
}

fn timezone_of_now(context: &PlanContext<'_>) -> Expr {
    call("timezone", vec![text(context.time_zone), call("now", Vec::new())])
}

/// What the session knows.
fn session_constant(name: &str, context: &PlanContext<'_>) -> Option<Expr> {
    if is_system_function(name) {
        // The catalogs answer it.
        return None;
    }
    let constant = |value: &str| Some(cast(text(value), DataType::Text));
    match name {
        "current_user" | "session_user" | "current_role" | "user" => constant(context.user),
        "current_catalog" | "current_database" => constant(context.database),
        "current_schema" => constant(context.search_path.first().map_or("", String::as_str)),
        "current_date" => Some(cast(timezone_of_now(context), DataType::Date)),
        "localtimestamp" => Some(timezone_of_now(context)),
        _ => None,
    }
}

const VERSION: &str = concat!("PostgreSQL 15.0 (FlowForge ", env!("CARGO_PKG_VERSION"), ")");

fn no_arguments(function: &Function) -> bool {
    match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty(),
        FunctionArguments::Subquery(_) => false,
    }
}

fn rewrite_call(function: &mut Function, context: &PlanContext<'_>) -> Result<Option<Expr>, ErrorReport> {
    let [part] = function.name.0.as_slice() else { return Ok(None) };
    let Some(ident) = part.as_ident() else { return Ok(None) };
    let name = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
    if no_arguments(function) {
        let found = match name.as_str() {
            "version" if !is_system_function(&name) => Some(cast(text(VERSION), DataType::Text)),
            "pg_backend_pid" if !is_system_function(&name) => Some(cast(
                Expr::Value(Value::Number(context.session_id.to_string(), false).into()),
                DataType::Int4(None),
            )),
            "current_time" | "localtime" => return Err(unsupported("the type time with time zone")),
            other => session_constant(other, context),
        };
        return Ok(found);
    }
    if let FunctionArguments::List(list) = &mut function.args {
        match (name.as_str(), list.args.as_mut_slice()) {
            // The form is a keyword, not a column.
            ("normalize", [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(form @ Expr::Identifier(_)))]) => {
                *form = text(form.to_string());
            }
            ("age", [FunctionArg::Unnamed(FunctionArgExpr::Expr(moment))]) => {
                let today = cast(timezone_of_now(context), DataType::Date);
                return Ok(Some(call("age", vec![today, take(moment)])));
            }
            _ => {}
        }
    }
    Ok(None)
}
