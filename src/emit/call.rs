//! Calls of functions, each written as the function table says.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{
    AggregateFunction, NullTreatment, ScalarFunction, Sort, WindowFunction, WindowFunctionDefinition,
};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFrameBound, WindowFrameUnits};
use sqlparser::ast;

use crate::base::InternalError;
use crate::functions::{FunctionKind, Rendering, find};

use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::{Writer, all_of};
use super::literal::{self, Place};
use super::scope::Scope;
use super::{floats, special, template};

/// A call over rows, as the function table is asked for it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The function.
    pub(super) name: &'a str,
    /// Aggregate or window; an aggregate keeps its kind when it has a window.
    pub(super) kind: FunctionKind,
    /// The first argument, whose type the result may depend on.
    pub(super) typed: Option<&'a Expr>,
}

/// What an aggregate or window call has besides its arguments.
#[derive(Debug, Default)]
pub(super) struct Decoration {
    distinct: bool,
    filter: Option<ast::Expr>,
    order_by: Vec<ast::OrderByExpr>,
    pub(super) null_treatment: Option<ast::NullTreatment>,
    over: Option<ast::WindowType>,
}

type Written = Result<ast::Expr, EmitError>;

impl Decoration {
    /// Whether the call has nothing besides its arguments.
    pub(super) fn is_nothing(&self) -> bool {
        !self.distinct && self.filter.is_none() && self.over.is_none()
    }
}

impl Writer {
    pub(super) fn scalar_call(&mut self, call: &ScalarFunction, scope: &Scope<'_>) -> Written {
        let args = self.arguments(&call.args, scope)?;
        match self.rendering(call.name(), FunctionKind::Scalar)? {
            Rendering::Name(name) => Ok(ast::Expr::Function(function(name, args, Decoration::default()))),
            Rendering::Template(template) => template::instantiate(self.dialect, template, args),
            Rendering::Special => special::scalar(self, call, args, scope),
            Rendering::Unsupported(reason) => self.unsupported(reason),
        }
    }

    pub(super) fn aggregate_call(&mut self, call: &AggregateFunction, scope: &Scope<'_>) -> Written {
        let params = &call.params;
        let decoration = Decoration {
            distinct: params.distinct,
            filter: self.filter(params.filter.as_deref(), scope)?,
            order_by: self.order_keys(&params.order_by, scope)?,
            null_treatment: params.null_treatment.map(treatment),
            over: None,
        };
        let name = call.func.name();
        let args = self.aggregate_arguments(name, &params.args, params.distinct, scope)?;
        let call = Call { name, kind: FunctionKind::Aggregate, typed: params.args.first() };
        self.decorated(&call, args, decoration, scope)
    }

    pub(super) fn window_call(&mut self, call: &WindowFunction, scope: &Scope<'_>) -> Written {
        let params = &call.params;
        let partition_by =
            params.partition_by.iter().map(|key| floats::key(self, key, scope)).collect::<Result<_, _>>()?;
        let spec = ast::WindowSpec {
            window_name: None,
            partition_by,
            order_by: self.order_keys(&params.order_by, scope)?,
            window_frame: self.frame(call)?,
        };
        let decoration = Decoration {
            distinct: params.distinct,
            filter: self.filter(params.filter.as_deref(), scope)?,
            order_by: Vec::new(),
            null_treatment: params.null_treatment.map(treatment),
            over: Some(ast::WindowType::WindowSpec(spec)),
        };
        let name = call.fun.name();
        let kind = match &call.fun {
            WindowFunctionDefinition::AggregateUDF(_) => FunctionKind::Aggregate,
            WindowFunctionDefinition::WindowUDF(_) => FunctionKind::Window,
        };
        let args = self.aggregate_arguments(name, &params.args, params.distinct, scope)?;
        self.decorated(&Call { name, kind, typed: params.args.first() }, args, decoration, scope)
    }

    fn decorated(
        &mut self,
        call: &Call<'_>,
        args: Vec<ast::Expr>,
        decoration: Decoration,
        scope: &Scope<'_>,
    ) -> Written {
        let name = call.name;
        if self.dialect == Dialect::ClickHouse && !decoration.order_by.is_empty() {
            return self.unsupported(format!("{name} with ORDER BY"));
        }
        match self.rendering(name, call.kind)? {
            Rendering::Name(name) => Ok(ast::Expr::Function(function(name, args, decoration))),
            Rendering::Template(template) => {
                let mut written = template::instantiate(self.dialect, template, args)?;
                match innermost_call(&mut written) {
                    Some(call) => decorate(call, decoration),
                    None => return Err(InternalError::new(format!("the template of {name} holds no call")).into()),
                }
                Ok(written)
            }
            Rendering::Special => special::over_rows(self, call, args, decoration, scope),
            Rendering::Unsupported(reason) => self.unsupported(reason),
        }
    }

    fn rendering(&self, name: &str, kind: FunctionKind) -> Result<Rendering, EmitError> {
        let Some(row) = find(name, kind) else {
            return self.unsupported(format!("function {name}"));
        };
        Ok(match self.dialect {
            Dialect::ClickHouse => row.clickhouse,
            Dialect::PostgreSql | Dialect::Redis => row.postgresql,
        })
    }

    fn arguments(&mut self, args: &[Expr], scope: &Scope<'_>) -> Result<Vec<ast::Expr>, EmitError> {
        args.iter().map(|arg| self.expr(arg, scope)).collect()
    }

    /// The planner writes `count(*)` as the count of a literal.
    fn aggregate_arguments(
        &mut self,
        name: &str,
        args: &[Expr],
        distinct: bool,
        scope: &Scope<'_>,
    ) -> Result<Vec<ast::Expr>, EmitError> {
        match args {
            [Expr::Literal(value, _)] if name == "count" && !distinct && !value.is_null() => Ok(vec![wildcard()]),
            _ if distinct => args.iter().map(|arg| floats::key(self, arg, scope)).collect(),
            _ => self.arguments(args, scope),
        }
    }

    fn filter(&mut self, filter: Option<&Expr>, scope: &Scope<'_>) -> Result<Option<ast::Expr>, EmitError> {
        match filter {
            None => Ok(None),
            Some(filter) => Ok(all_of(self.conditions(filter, scope)?)),
        }
    }

    /// Keys of an order. Where NULLs go is always said: the dialects do not agree on what it is when it is not.
    pub(super) fn order_keys(&mut self, keys: &[Sort], scope: &Scope<'_>) -> Result<Vec<ast::OrderByExpr>, EmitError> {
        keys.iter()
            .map(|key| {
                let expr = self.alone(&key.expr, scope)?;
                let nan = floats::nan_key(self, key, &expr, scope);
                Ok(nan.into_iter().chain([order_key(expr, key.asc, key.nulls_first)]))
            })
            .collect::<Result<Vec<_>, EmitError>>()
            .map(|keys| keys.into_iter().flatten().collect())
    }

    fn frame(&mut self, call: &WindowFunction) -> Result<Option<ast::WindowFrame>, EmitError> {
        // Functions that only number rows do not look at the frame, and ClickHouse refuses one on some of them.
        if matches!(call.fun, WindowFunctionDefinition::WindowUDF(_)) && !reads_frame(call.fun.name()) {
            return Ok(None);
        }
        let frame: &WindowFrame = &call.params.window_frame;
        let units = match frame.units {
            WindowFrameUnits::Rows => ast::WindowFrameUnits::Rows,
            // ClickHouse has such frames for columns of few types, and for none that may be NULL.
            WindowFrameUnits::Range if self.dialect == Dialect::ClickHouse && has_distance(frame) => {
                return self.unsupported("RANGE with a distance");
            }
            WindowFrameUnits::Range => ast::WindowFrameUnits::Range,
            WindowFrameUnits::Groups if self.dialect == Dialect::ClickHouse => return self.unsupported("GROUPS"),
            WindowFrameUnits::Groups => ast::WindowFrameUnits::Groups,
        };
        let start_bound = self.bound(&frame.start_bound)?;
        let end_bound = Some(self.bound(&frame.end_bound)?);
        Ok(Some(ast::WindowFrame { units, start_bound, end_bound }))
    }

    fn bound(&mut self, bound: &WindowFrameBound) -> Result<ast::WindowFrameBound, EmitError> {
        Ok(match bound {
            WindowFrameBound::CurrentRow => ast::WindowFrameBound::CurrentRow,
            WindowFrameBound::Preceding(value) => ast::WindowFrameBound::Preceding(self.distance(value)?),
            WindowFrameBound::Following(value) => ast::WindowFrameBound::Following(self.distance(value)?),
        })
    }

    /// NULL stands for UNBOUNDED.
    fn distance(&mut self, value: &ScalarValue) -> Result<Option<Box<ast::Expr>>, EmitError> {
        if value.is_null() {
            return Ok(None);
        }
        match value {
            ScalarValue::UInt64(Some(rows)) => {
                Ok(Some(Box::new(ast::Expr::Value(ast::Value::Number(rows.to_string(), false).into()))))
            }
            other => Ok(Some(Box::new(literal::write(self.dialect, other, Place::Beside)?))),
        }
    }
}

/// Whether a frame reaches as far as the values of its key say.
fn has_distance(frame: &WindowFrame) -> bool {
    let is_value = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => false,
        WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) => !value.is_null(),
    };
    frame.units == WindowFrameUnits::Range && (is_value(&frame.start_bound) || is_value(&frame.end_bound))
}

/// A key of an order.
pub(super) fn order_key(expr: ast::Expr, asc: bool, nulls_first: bool) -> ast::OrderByExpr {
    let options = ast::OrderByOptions { asc: Some(asc), nulls_first: Some(nulls_first) };
    ast::OrderByExpr { expr, options, with_fill: None }
}

fn reads_frame(name: &str) -> bool {
    matches!(name, "first_value" | "last_value" | "nth_value")
}

fn treatment(nulls: NullTreatment) -> ast::NullTreatment {
    match nulls {
        NullTreatment::IgnoreNulls => ast::NullTreatment::IgnoreNulls,
        NullTreatment::RespectNulls => ast::NullTreatment::RespectNulls,
    }
}

fn wildcard() -> ast::Expr {
    ast::Expr::Wildcard(ast::helpers::attached_token::AttachedToken::empty())
}

/// A call by name.
pub(super) fn function(name: &str, args: Vec<ast::Expr>, decoration: Decoration) -> ast::Function {
    let args = args
        .into_iter()
        .map(|arg| match arg {
            ast::Expr::Wildcard(_) => ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard),
            other => ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(other)),
        })
        .collect();
    let list = ast::FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    let mut call = ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    };
    decorate(&mut call, decoration);
    call
}

/// A plain call by name, as an expression.
pub(super) fn plain_call(name: &str, args: Vec<ast::Expr>) -> ast::Expr {
    ast::Expr::Function(function(name, args, Decoration::default()))
}

fn decorate(call: &mut ast::Function, decoration: Decoration) {
    if let ast::FunctionArguments::List(list) = &mut call.args {
        for arg in &mut list.args {
            if matches!(arg, ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Wildcard(_)))) {
                *arg = ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard);
            }
        }
        if decoration.distinct {
            list.duplicate_treatment = Some(ast::DuplicateTreatment::Distinct);
        }
        if !decoration.order_by.is_empty() {
            list.clauses.push(ast::FunctionArgumentClause::OrderBy(decoration.order_by));
        }
    }
    call.filter = decoration.filter.map(Box::new);
    call.null_treatment = decoration.null_treatment;
    call.over = decoration.over;
}

/// The call that a template is about: casts and parentheses around it do not count.
fn innermost_call(expr: &mut ast::Expr) -> Option<&mut ast::Function> {
    match expr {
        ast::Expr::Cast { expr, .. } | ast::Expr::Nested(expr) => innermost_call(expr),
        ast::Expr::Function(call) => Some(call),
        _ => None,
    }
}
