//! Templates of the function table: parsed once, then filled in as trees.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;
use sqlparser::ast::{DataType, Expr, Ident, ObjectName, Visitor, VisitorMut};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use crate::base::InternalError;
use crate::base::syntax_walk::{walk, walk_mut};

use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::atom;

/// Stands for an argument in a parsed template. No name that a template uses begins so.
const MARK: &str = "argument_of_template_";

/// Nodes of an expression beyond which it is not written twice: in what is nested, the text would double at every level.
const LARGEST_REPEATED: usize = 100;

static PARSED: LazyLock<RwLock<HashMap<&'static str, Arc<Parsed>>>> = LazyLock::new(RwLock::default);

/// A template as a tree.
struct Parsed {
    expr: Expr,
    /// How often each argument stands in it.
    uses: Vec<usize>,
}

/// The template with the arguments in the places of `{0}`, `{1}` …
///
/// # Errors
/// [`EmitError::Unsupported`] when a large argument would stand there several times; an internal error when the template does
/// not parse or names an argument that is not there.
pub(super) fn instantiate(dialect: Dialect, template: &'static str, args: Vec<Expr>) -> Result<Expr, EmitError> {
    let parsed = parsed(template)?;
    for (arg, _) in args.iter().zip(&parsed.uses).filter(|(_, uses)| **uses > 1) {
        check_repeated(dialect, arg)?;
    }
    let mut expr = parsed.expr.clone();
    let mut fill = Fill { args, missing: false };
    // Filling in never breaks off.
    let _never: ControlFlow<()> = walk_mut(&mut expr, &mut fill);
    if fill.missing {
        return Err(InternalError::new(format!("too few arguments for the template {template}")).into());
    }
    Ok(expr)
}

/// Lets pass what may be written more than once.
///
/// # Errors
/// [`EmitError::Unsupported`] for what is large.
pub(super) fn check_repeated(dialect: Dialect, expr: &Expr) -> Result<(), EmitError> {
    match walk(expr, &mut Count(0)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EmitError::unsupported("an expression this large, read several times,", dialect)),
    }
}

/// Counts nodes, as far as [`LARGEST_REPEATED`].
struct Count(usize);

impl Visitor for Count {
    type Break = ();

    fn pre_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<()> {
        self.0 += 1;
        if self.0 > LARGEST_REPEATED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn parsed(template: &'static str) -> Result<Arc<Parsed>, InternalError> {
    if let Some(known) = PARSED.read().get(template) {
        return Ok(Arc::clone(known));
    }
    let text = template.replace('{', MARK).replace('}', "");
    let parsed = Parser::new(&GenericDialect {})
        .try_with_sql(&text)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(|error| InternalError::new(format!("the template {template}: {error}")))?;
    let mut parsed = parsed;
    let _never: ControlFlow<()> = walk_mut(&mut parsed, &mut TypeNames);
    let uses =
        (0..).map(|number| text.matches(&format!("{MARK}{number}")).count()).take_while(|uses| *uses > 0).collect();
    let parsed = Arc::new(Parsed { expr: parsed, uses });
    PARSED.write().insert(template, Arc::clone(&parsed));
    Ok(parsed)
}

/// The printer writes the types that it knows in capitals, and ClickHouse does not know them so.
struct TypeNames;

impl VisitorMut for TypeNames {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { data_type, .. } = expr {
            *data_type = spelled(std::mem::replace(data_type, DataType::Unspecified));
        }
        ControlFlow::Continue(())
    }
}

fn spelled(data_type: DataType) -> DataType {
    let plain = |name: &str| DataType::Custom(ObjectName::from(vec![Ident::new(name)]), Vec::new());
    match data_type {
        DataType::Nullable(inner) => DataType::Nullable(Box::new(spelled(*inner))),
        DataType::Int16 => plain("Int16"),
        DataType::Int32 => plain("Int32"),
        DataType::Int64 => plain("Int64"),
        DataType::Float32 => plain("Float32"),
        DataType::Float64 => plain("Float64"),
        DataType::String(None) => plain("String"),
        DataType::Bool => plain("Bool"),
        other => other,
    }
}

struct Fill {
    args: Vec<Expr>,
    missing: bool,
}

impl VisitorMut for Fill {
    type Break = ();

    // After the children, so that what was filled in is not searched for marks itself.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(Ident { value, quote_style: None, .. }) = expr
            && let Some(number) = value.strip_prefix(MARK)
        {
            match number.parse::<usize>().ok().and_then(|number| self.args.get(number)) {
                Some(argument) => *expr = atom(argument.clone()),
                None => self.missing = true,
            }
        }
        ControlFlow::Continue(())
    }
}
