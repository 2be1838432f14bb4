//! Expressions in forms that the planner knows.

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, LimitClause, ObjectName, Query, TimezoneInfo, UnaryOperator, Value,
    ValueWithSpan,
};

use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState};
use crate::catalog::system::is_system_function;
use crate::functions::escaped_again;
use crate::sql::plan::PlanContext;

use super::{array_constants, arrays, hypothetical, intervals, rows, type_names, variadic};

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`.
pub(super) fn fetch_to_limit(query: &mut Query) -> Result<(), ErrorReport> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.percent {
        return Err(unsupported("FETCH FIRST … PERCENT"));
    }
    let mut rows = fetch.quantity.unwrap_or_else(|| number("1"));
    if fetch.with_ties {
        if query.order_by.is_none() {
            let message = "WITH TIES cannot be specified without ORDER BY clause";
            return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
        }
        rows = internal("with_ties", vec![rows]);
    }
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => *limit = Some(rows),
        Some(LimitClause::OffsetCommaLimit { limit, .. }) => *limit = rows,
        slot @ None => *slot = Some(LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() }),
    }
    Ok(())
}

/// A count of rows is a bigint, whatever number it is written as.
pub(super) fn whole_limits(query: &mut Query) {
    let whole = |expr: &mut Expr| {
        if !is_whole(expr) {
            *expr = cast(nested(take(expr)), DataType::BigInt(None));
        }
    };
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            limit.iter_mut().for_each(whole);
            offset.iter_mut().for_each(|offset| whole(&mut offset.value));
        }
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
            whole(offset);
            whole(limit);
        }
        None => {}
    }
}

fn is_whole(expr: &Expr) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::Number(digits, _) => digits.bytes().all(|digit| digit.is_ascii_digit()),
            Value::Null | Value::Placeholder(_) => true,
            _ => false,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_whole(expr),
        Expr::Function(function) => internal_name(&function.name.to_string()).is_some(),
        _ => false,
    }
}

pub(super) fn unsupported(what: &str) -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
}

pub(super) fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(Value::Null.into()))
}

pub(super) fn text(value: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.into()).into())
}

pub(super) fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// A call; its name keeps the place of what it stands for.
pub(in crate::sql) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
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

/// A number constant.
pub(super) fn number(digits: &str) -> Expr {
    Expr::Value(Value::Number(digits.to_owned(), false).into())
}

/// A call of a function that no text can call.
pub(super) fn internal(name: &str, arguments: Vec<Expr>) -> Expr {
    call(&format!("{INTERNAL}{name}"), arguments)
}

/// Begins the names of calls that are written here alone. It cannot be seen, and no name needs it.
const INTERNAL: char = '\u{2063}';

/// The function that a call means which only this folder writes.
pub(in crate::sql) fn internal_name(name: &str) -> Option<&str> {
    name.strip_prefix(INTERNAL)
}

pub(super) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// Rewrites one expression whose parts were rewritten before.
pub(super) fn rewrite(expr: &mut Expr, context: &PlanContext<'_>) -> Result<(), ErrorReport> {
    if let Some(of_values) = rows::rewrite(expr)? {
        *expr = of_values;
        return Ok(());
    }
    if let Some(of_array) = arrays::rewrite(expr)? {
        *expr = of_array;
        return Ok(());
    }
    match expr {
        Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedByteStringLiteral(_) | Value::HexStringLiteral(_),
            ..
        }) => return Err(unsupported("the type bit")),
        Expr::Value(ValueWithSpan { value, .. }) => plain_text(value),
        Expr::Between { expr: operand, negated, low, high } => {
            let symmetric = take_symmetric(low);
            if symmetric || !has_query(operand) {
                let (operand, negated, low, high) = (take(operand), *negated, take(low), take(high));
                *expr = if symmetric {
                    between_either(&operand, negated, &low, &high)
                } else {
                    between(operand, negated, low, high)
                };
            }
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            let by_length = intervals::is_written(time_zone);
            let arguments = vec![take(time_zone), take(timestamp)];
            *expr = if by_length { internal("zone_shift", arguments) } else { call("timezone", arguments) };
        }
        Expr::Interval(interval) => {
            if let Some(constant) = intervals::constant(interval)? {
                *expr = constant;
            }
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr: operand }
        | Expr::IsTrue(operand)
        | Expr::IsNotTrue(operand)
        | Expr::IsFalse(operand)
        | Expr::IsNotFalse(operand)
            if is_quoted(operand) =>
        {
            **operand = cast(take(operand), DataType::Boolean);
        }
        Expr::UnaryOp { op, expr: operand } => {
            if let Some(function) = unary_function(*op) {
                *expr = function(take(operand));
            }
        }
        Expr::Like { pattern, escape_char: Some(escape), .. }
        | Expr::ILike { pattern, escape_char: Some(escape), .. } => {
            let rewritten = with_backslash(pattern, escape)?;
            **pattern = rewritten;
            drop_escape(expr);
        }
        Expr::SimilarTo { expr: operand, pattern, negated, escape_char } => {
            let regex = match (pattern.as_ref(), escape_char.as_ref()) {
                (Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(pattern), .. }), None) => {
                    text(similar_to_regex(pattern))
                }
                (_, None) => call("similar_to_escape", vec![take(pattern)]),
                (_, Some(escape)) => call("similar_to_escape", vec![take(pattern), Expr::Value(escape.clone())]),
            };
            let op = if *negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
            *expr = binary(take(operand), op, regex);
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
            } else if matches!(name.as_str(), "current_schema" | "current_role") {
                *expr = call(&name, Vec::new());
            }
        }
        Expr::Function(function) => {
            if let Some(other) = rewrite_call(function, context)? {
                *expr = other;
            }
        }
        Expr::Extract { field: DateTimeField::Custom(field), .. } => field.quote_style = None,
        Expr::TypedString(typed) => {
            let mut value = Expr::Value(typed.value.clone());
            if let Some(tagged) = type_names::tagged(&mut value, &typed.data_type)? {
                *expr = tagged;
            }
        }
        Expr::Cast { expr: operand, data_type, .. } => {
            if let Some(written) = array_constants::constructor(operand, data_type) {
                *expr = written;
            } else if let Some(tagged) = type_names::tagged(operand, data_type)? {
                *expr = tagged;
            }
        }
        // `substr` has no form for patterns: a constant in quotes is a number in it.
        Expr::Substring { expr: operand, substring_from: Some(from), substring_for, shorthand: true, .. } => {
            let mut arguments = vec![take(operand), take(from)];
            arguments.extend(substring_for.take().map(|count| *count));
            *expr = call("substr", arguments);
        }
        Expr::Substring { substring_from: from @ None, substring_for: Some(_), .. } => {
            // The library would begin at a bigint.
            *from = Some(Box::new(cast(number("1"), DataType::Int4(None))));
        }
        Expr::IsNormalized { expr: operand, form, negated } => {
            let operand = std::mem::replace(operand.as_mut(), Expr::Value(Value::Null.into()));
            let form = form.map_or_else(|| "NFC".to_owned(), |form| form.to_string());
            let form = Expr::Value(Value::SingleQuotedString(form).into());
            let holds = call("is_normalized", vec![operand, form]);
            *expr = if *negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(holds) } } else { holds };
        }
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

/// Whether there is a subquery in an expression: what is written twice would be planned and run twice.
pub(super) fn has_query(expr: &Expr) -> bool {
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

/// Whether an expression calls such a function. What a query in it calls is that query's own.
pub(super) fn has_call(expr: &Expr, is_such: impl Fn(&Function) -> bool) -> bool {
    use sqlparser::ast::Visitor;
    use std::ops::ControlFlow;
    struct Calls<F> {
        is_such: F,
        queries: usize,
    }
    impl<F: Fn(&Function) -> bool> Visitor for Calls<F> {
        type Break = ();

        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.queries += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.queries -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if self.queries == 0 && (self.is_such)(function) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    walk(expr, &mut Calls { is_such, queries: 0 }).is_break()
}

/// Takes the sign of SYMMETRIC off the first operand of the lower bound.
fn take_symmetric(low: &mut Expr) -> bool {
    match low {
        Expr::UnaryOp { op: UnaryOperator::DoubleAt, expr } => {
            *low = take(expr);
            true
        }
        Expr::BinaryOp { left, .. } => take_symmetric(left),
        Expr::Cast { expr, .. } | Expr::AtTimeZone { timestamp: expr, .. } | Expr::Collate { expr, .. } => {
            take_symmetric(expr)
        }
        Expr::CompoundFieldAccess { root, .. } => take_symmetric(root),
        _ => false,
    }
}

/// Between the bounds in one order or in the other.
fn between_either(operand: &Expr, negated: bool, low: &Expr, high: &Expr) -> Expr {
    let word = if negated { BinaryOperator::And } else { BinaryOperator::Or };
    let one_way = |low: &Expr, high: &Expr| between(operand.clone(), negated, low.clone(), high.clone());
    nested(binary(one_way(low, high), word, one_way(high, low)))
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

pub(super) fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

/// What a sign before its operand calls.
fn unary_function(op: UnaryOperator) -> Option<fn(Expr) -> Expr> {
    Some(match op {
        UnaryOperator::PGSquareRoot => |operand| call("sqrt", vec![cast(nested(operand), DataType::DoublePrecision)]),
        UnaryOperator::PGCubeRoot => |operand| call("cbrt", vec![cast(nested(operand), DataType::DoublePrecision)]),
        UnaryOperator::PGAbs => |operand| call("abs", vec![operand]),
        UnaryOperator::BitwiseNot => |operand| internal("int_not", vec![operand]),
        _ => return None,
    })
}

/// A constant in quotes has the type that is asked of it.
fn is_quoted(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_quoted(inner),
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }) => true,
        _ => false,
    }
}

fn drop_escape(expr: &mut Expr) {
    if let Expr::Like { escape_char, .. } | Expr::ILike { escape_char, .. } = expr {
        *escape_char = None;
    }
}

/// A pattern whose escape is the backslash, as everything after this knows it.
fn with_backslash(pattern: &Expr, escape: &ValueWithSpan) -> Result<Expr, ErrorReport> {
    let Value::SingleQuotedString(escape) = &escape.value else {
        return Err(unsupported("an ESCAPE that is no constant"));
    };
    let mut characters = escape.chars();
    let sign = characters.next();
    if characters.next().is_some() {
        let report = ErrorReport::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string");
        return Err(report.with_hint("Escape string must be empty or one character."));
    }
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(pattern), .. }) = pattern else {
        return Ok(call("like_escape", vec![nested(pattern.clone()), text(escape.as_str())]));
    };
    Ok(text(escaped_again(pattern, sign)))
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
    let constant = |value: &str| Some(internal("as_name", vec![cast(text(value), DataType::Text)]));
    match name {
        "current_user" | "session_user" | "current_role" | "user" => constant(context.user),
        "current_catalog" | "current_database" => constant(context.database),
        "current_schema" => constant(context.search_path.first().map_or("", String::as_str)),
        "current_date" => Some(cast(timezone_of_now(context), DataType::Date)),
        "localtimestamp" => Some(timezone_of_now(context)),
        "localtime" => Some(cast(timezone_of_now(context), DataType::Time(None, TimezoneInfo::None))),
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

/// Whether an argument is `t.*`.
pub(super) fn has_star(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    let is_star = |argument: &FunctionArg| {
        matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::Wildcard))
    };
    list.args.iter().any(is_star)
}

fn rewrite_call(function: &mut Function, context: &PlanContext<'_>) -> Result<Option<Expr>, ErrorReport> {
    let [part] = function.name.0.as_slice() else { return Ok(None) };
    let Some(ident) = part.as_ident() else { return Ok(None) };
    let name = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
    if name == "row" && ident.quote_style.is_none() {
        if has_star(function) {
            // Whose columns they are is told where the whole SELECT is known.
            return Ok(None);
        }
        return Ok(Some(Expr::Tuple(positional(function))));
    }
    if let Some(of_array) = variadic::rewrite(&name, function) {
        return Ok(Some(of_array));
    }
    super::named::to_places(&name, function)?;
    if let Some(counted) = hypothetical::rewrite(function)? {
        return Ok(Some(counted));
    }
    if no_arguments(function) {
        let found = match name.as_str() {
            "version" if !is_system_function(&name) => Some(cast(text(VERSION), DataType::Text)),
            "pg_backend_pid" if !is_system_function(&name) => Some(cast(
                Expr::Value(Value::Number(context.session_id.to_string(), false).into()),
                DataType::Int4(None),
            )),
            "current_time" => return Err(unsupported("the type time with time zone")),
            other => session_constant(other, context),
        };
        return Ok(found);
    }
    if let FunctionArguments::List(list) = &mut function.args {
        match (name.as_str(), list.args.as_mut_slice()) {
            // PostgreSQL has functions of the names of some types, which cast.
            (_, [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))]) if let Some(wanted) = cast_by_name(&name) => {
                return Ok(Some(cast(nested(take(value)), wanted)));
            }
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

/// The type that a function of one argument casts to. Most type names are words of the grammar and no functions.
fn cast_by_name(name: &str) -> Option<DataType> {
    Some(match name {
        "date" => DataType::Date,
        "int2" => DataType::Int2(None),
        "int4" => DataType::Int4(None),
        "int8" => DataType::Int8(None),
        "float4" => DataType::Float4,
        "float8" => DataType::Float8,
        "bool" => DataType::Bool,
        "text" => DataType::Text,
        "timestamptz" => DataType::Timestamp(None, TimezoneInfo::Tz),
        _ => return None,
    })
}

fn positional(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().filter_map(plain).collect()
}
