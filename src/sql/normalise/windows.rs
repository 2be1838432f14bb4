//! Windows by name, and windows that go on from another one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    CaseWhen, Expr, Function, FunctionArguments, Ident, NamedWindowDefinition, NamedWindowExpr, OrderBy, Query, Select,
    SetExpr, Value, ValueWithSpan, VisitorMut, WindowSpec, WindowType,
};

use crate::base::syntax_walk::walk_mut;
use crate::base::{ErrorReport, SqlState};
use crate::sql::frames::{self, Exclusion};
use crate::sql::words::folded;

use super::bare_queries;
use super::exclusions;
use super::forms::{call, internal};
use super::system::{bare_name, has_column, plain_argument};

/// Puts definitions in the place of names, in the SELECTs of a query and in its ORDER BY.
pub(super) fn resolve(query: &mut Query) -> Result<(), ErrorReport> {
    in_body(&mut query.body, query.order_by.as_mut())
}

fn in_body(body: &mut SetExpr, order_by: Option<&mut OrderBy>) -> Result<(), ErrorReport> {
    match body {
        SetExpr::Select(select) => in_select(select, order_by),
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left, None)?;
            in_body(right, None)
        }
        SetExpr::Query(_)
        | SetExpr::Values(_)
        | SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_)
        | SetExpr::Table(_) => Ok(()),
    }
}

fn in_select(select: &mut Select, order_by: Option<&mut OrderBy>) -> Result<(), ErrorReport> {
    let mut known = HashMap::new();
    for NamedWindowDefinition(name, definition) in std::mem::take(&mut select.named_window) {
        let spec = match definition {
            NamedWindowExpr::NamedWindow(other) => find(&known, &other)?,
            NamedWindowExpr::WindowSpec(spec) => whole(spec, &known)?,
        };
        if known.insert(folded(&name), spec).is_some() {
            let message = format!("window \"{}\" is already defined", folded(&name));
            return Err(placed(ErrorReport::new(SqlState::WINDOWING_ERROR, message), &name));
        }
    }
    let mut calls = Calls { known };
    let mut flow = walk_mut(&mut select.projection, &mut calls);
    if let (ControlFlow::Continue(()), Some(order_by)) = (&flow, order_by) {
        flow = walk_mut(order_by, &mut calls);
    }
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(report) => Err(*report),
    }
}

struct Calls {
    known: HashMap<String, WindowSpec>,
}

impl VisitorMut for Calls {
    type Break = Box<ErrorReport>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Box<ErrorReport>> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let resolved = match function.over.take() {
            None => return ControlFlow::Continue(()),
            Some(WindowType::NamedWindow(name)) => find(&self.known, &name),
            Some(WindowType::WindowSpec(spec)) => whole(spec, &self.known),
        };
        bare_queries::in_call(function);
        match resolved {
            Ok(spec) => match windowed(function, spec) {
                Ok(Some(other)) => {
                    *expr = other;
                    ControlFlow::Continue(())
                }
                Ok(None) => ControlFlow::Continue(()),
                Err(report) => ControlFlow::Break(Box::new(report)),
            },
            Err(report) => ControlFlow::Break(Box::new(report)),
        }
    }
}

/// Gives a call its window; what stands for the call where that is not enough.
fn windowed(function: &mut Function, mut spec: WindowSpec) -> Result<Option<Expr>, ErrorReport> {
    bare_queries::in_window(&mut spec);
    without_repeated_keys(&mut spec);
    let exclusion = spec.window_name.take().and_then(|name| frames::read(&name).0);
    if let Some(exclusion) = exclusion {
        return exclusions::without(function, &spec, exclusion).map(Some);
    }
    function.over = Some(WindowType::WindowSpec(spec));
    Ok(with_default(function).or_else(|| with_moving_offset(function)))
}

/// What is ordered already is not ordered again: a frame by distance has one key.
fn without_repeated_keys(spec: &mut WindowSpec) {
    let mut seen: Vec<Expr> = Vec::new();
    spec.order_by.retain(|key| {
        let is_new = !seen.contains(&key.expr);
        seen.push(key.expr.clone());
        is_new
    });
}

/// Whether an offset is one of each row, or of none.
fn is_moving(offset: &Expr) -> bool {
    let is_null = match offset {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => return is_moving(inner),
        Expr::Value(ValueWithSpan { value, .. }) => *value == Value::Null,
        _ => false,
    };
    is_null || has_column(offset)
}

/// `lag(x, n)` whose offset is a column.
fn with_moving_offset(function: &Function) -> Option<Expr> {
    let (name, arguments) = shift(function)?;
    let [_, offset] = arguments.as_slice() else { return None };
    is_moving(offset).then(|| moved(function, &name, arguments))
}

/// The call of `lag` or `lead` with its arguments.
fn shift(function: &Function) -> Option<(String, Vec<Expr>)> {
    let name = bare_name(&function.name).filter(|name| matches!(name.as_str(), "lag" | "lead"))?;
    let FunctionArguments::List(list) = &function.args else { return None };
    Some((name, list.args.iter().map(plain_argument).collect::<Option<Vec<_>>>()?))
}

/// The same shift of these arguments.
fn moved(function: &Function, name: &str, arguments: Vec<Expr>) -> Expr {
    let is_moving = arguments.get(1).is_some_and(is_moving);
    let written = if is_moving { internal(&format!("{name}_by"), arguments) } else { call(name, arguments) };
    match written {
        Expr::Function(call) => {
            let name = if is_moving { call.name.clone() } else { function.name.clone() };
            Expr::Function(Function { name, over: function.over.clone(), ..call })
        }
        other => other,
    }
}

/// A number with a point: what it stands beside may be an integer, and the value of the call is none then.
fn has_digits(expr: &Expr) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => digits.contains(['.', 'e', 'E']),
        Expr::Nested(expr) | Expr::Cast { expr, .. } | Expr::UnaryOp { expr, .. } => has_digits(expr),
        _ => false,
    }
}

/// `lag(x, n, d)` whose default or offset is no constant: the default where there is no such row.
fn with_default(function: &Function) -> Option<Expr> {
    let (name, arguments) = shift(function)?;
    let [value, offset, default] = arguments.as_slice() else { return None };
    if !has_column(default) && !is_moving(offset) && !has_digits(default) {
        return None;
    }
    let moved = |value: Expr| moved(function, &name, vec![value, offset.clone()]);
    let is_null = |expr: Expr| Expr::IsNull(Box::new(expr));
    let no_row =
        CaseWhen { condition: is_null(moved(Expr::Value(Value::Boolean(true).into()))), result: default.clone() };
    let no_offset = CaseWhen { condition: is_null(offset.clone()), result: Expr::Value(Value::Null.into()) };
    let conditions = if is_moving(offset) { vec![no_offset, no_row] } else { vec![no_row] };
    Some(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: Some(Box::new(moved(value.clone()))),
    })
}

fn placed(report: ErrorReport, name: &Ident) -> ErrorReport {
    match usize::try_from(name.span.start.column) {
        Ok(position) if position > 0 => report.with_position(position),
        Ok(_) | Err(_) => report,
    }
}

fn find(known: &HashMap<String, WindowSpec>, name: &Ident) -> Result<WindowSpec, ErrorReport> {
    known.get(&folded(name)).cloned().ok_or_else(|| {
        let message = format!("window \"{}\" does not exist", folded(name));
        placed(ErrorReport::new(SqlState::UNDEFINED_OBJECT, message), name)
    })
}

/// A definition without the name that it goes on from.
fn whole(mut spec: WindowSpec, known: &HashMap<String, WindowSpec>) -> Result<WindowSpec, ErrorReport> {
    let Some((exclusion, name)) = spec.window_name.take().map(|name| frames::read(&name)) else { return Ok(spec) };
    spec.window_name = exclusion.map(Exclusion::name);
    let Some(name) = name else { return Ok(spec) };
    let base = find(known, &name)?;
    // PostgreSQL points at the parenthesis before the name.
    let refused = |message: String| {
        let report = placed(ErrorReport::new(SqlState::WINDOWING_ERROR, message), &name);
        Err(ErrorReport { position: report.position.map(|position| position - 1), ..report })
    };
    if !spec.partition_by.is_empty() {
        return refused(format!("cannot override PARTITION BY clause of window \"{}\"", folded(&name)));
    }
    if !spec.order_by.is_empty() && !base.order_by.is_empty() {
        return refused(format!("cannot override ORDER BY clause of window \"{}\"", folded(&name)));
    }
    if base.window_frame.is_some() {
        return refused(format!("cannot copy window \"{}\" because it has a frame clause", folded(&name)));
    }
    spec.partition_by = base.partition_by;
    if spec.order_by.is_empty() {
        spec.order_by = base.order_by;
    }
    Ok(spec)
}
