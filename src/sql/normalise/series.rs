//! Functions that return rows, in FROM and in expressions: each is the rows of an array.
//!
//! Several of them side by side go in lockstep, and the shorter ones are filled up with NULL.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, Function, FunctionArguments, Query, Select, SelectItem,
    TableAlias, TableAliasColumnDef, TableFactor, UnaryOperator, Value, ValueWithSpan, Visitor, VisitorMut,
};

use crate::base::syntax_walk::{walk, walk_mut};
use crate::sql::words::folded;

use super::forms::{binary, call, cast, internal, nested, text};
use super::marks::Marks;
use super::names::unique;
use super::system::{bare_name, has_column, plain_argument, quoted, select_from};

/// A column of what a function returns: its own name, if it has one, and the array of its values.
type Columns = Vec<(Option<&'static str>, Expr)>;

/// The columns of a function that returns rows, as arrays; `None` where it is no such function.
fn columns(name: &str, arguments: Vec<Expr>) -> Option<Columns> {
    let one = |name: Option<&'static str>, array: Expr| Some(vec![(name, array)]);
    match (name, arguments.len()) {
        ("unnest", 1..) => {
            Some(arguments.into_iter().map(|array| (None, internal("array_flat", vec![array]))).collect())
        }
        ("generate_series", 2 | 3) => one(None, internal("series_of", arguments)),
        ("generate_subscripts", 2 | 3) => one(None, whole_numbers(internal("array_places", arguments))),
        (
            "json_array_elements" | "jsonb_array_elements" | "json_array_elements_text" | "jsonb_array_elements_text",
            1,
        ) => one(Some("value"), internal(&format!("{name}[]"), arguments)),
        ("json_object_keys" | "jsonb_object_keys", 1) | ("regexp_matches", 2 | 3) => {
            one(None, internal(&format!("{name}[]"), arguments))
        }
        ("json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text", 1) => Some(vec![
            (Some("key"), internal(&format!("{name}[key]"), arguments.clone())),
            (Some("value"), internal(&format!("{name}[value]"), arguments)),
        ]),
        ("jsonb_path_query", 2..=4) => one(None, internal("jsonb_path_query[]", arguments)),
        ("regexp_split_to_table", 2 | 3) => one(None, call("regexp_split_to_array", arguments)),
        ("string_to_table", 2 | 3) => one(None, call("string_to_array", arguments)),
        _ => None,
    }
}

fn whole_numbers(array: Expr) -> Expr {
    cast(array, DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Int4(None)), None)))
}

/// The same call as a value of a SELECT list, where it must have one column.
fn rows(name: &str, arguments: Vec<Expr>, marks: &mut Marks) -> Option<Expr> {
    let mut columns = columns(name, arguments)?;
    if columns.len() != 1 {
        return None;
    }
    columns.pop().map(|(_, array)| unnested(array, marks))
}

fn unnested(array: Expr, marks: &mut Marks) -> Expr {
    call("unnest", vec![marks.subquery(array)])
}

fn parts(function: &Function) -> Option<(String, Vec<Expr>)> {
    let FunctionArguments::List(list) = &function.args else { return None };
    if function.over.is_some() || function.filter.is_some() {
        return None;
    }
    Some((bare_name(&function.name)?, list.args.iter().map(plain_argument).collect::<Option<_>>()?))
}

/// Calls among the columns of a SELECT.
pub(super) fn in_list(select: &mut Select, marks: &mut Marks) {
    struct Calls<'a>(&'a mut Marks);
    impl VisitorMut for Calls<'_> {
        type Break = ();
        fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expression
                && let Some((name, arguments)) = parts(function)
                && !is_done(&name, &arguments)
                && let Some(unnested) = rows(&name, arguments, self.0)
            {
                *expression = unnested;
            }
            ControlFlow::Continue(())
        }
    }
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            let _: ControlFlow<()> = walk_mut(expr, &mut Calls(marks));
        }
    }
}

/// What was written here before, or by the catalogs' own rewrites.
fn is_done(name: &str, arguments: &[Expr]) -> bool {
    name == "unnest"
        && matches!(arguments, [Expr::Function(inner)] if {
            let inner = inner.name.to_string();
            inner.starts_with('\u{2063}') || matches!(inner.as_str(), "_pg_expandarray" | "regexp_split_to_array" | "string_to_array")
        })
}

/// A function in FROM as a derived table.
pub(super) fn from_item(factor: &TableFactor) -> Option<TableFactor> {
    let (name, arguments, alias, ordinality) = match factor {
        TableFactor::Table { name, args: Some(args), alias, with_ordinality, .. } => {
            let arguments = args.args.iter().map(plain_argument).collect::<Option<Vec<_>>>()?;
            (bare_name(name)?, arguments, alias, *with_ordinality)
        }
        TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            let arguments = args.iter().map(plain_argument).collect::<Option<Vec<_>>>()?;
            (bare_name(name)?, arguments, alias, *with_ordinality)
        }
        TableFactor::UNNEST { array_exprs, alias, with_ordinality, .. } => {
            ("unnest".to_owned(), array_exprs.clone(), alias, *with_ordinality)
        }
        _ => return None,
    };
    if let ("json_to_record" | "jsonb_to_record" | "json_to_recordset" | "jsonb_to_recordset", [document]) =
        (name.as_str(), arguments.as_slice())
    {
        return record(&name, document, alias.as_ref()?);
    }
    // Over constants it is a table function of its own.
    if name == "generate_series" && !ordinality && arguments.iter().all(is_constant) {
        return None;
    }
    let lateral = arguments.iter().any(has_column);
    let mut columns = if arguments.len() == 1 && is_expanded(&arguments[0]) {
        vec![(None, arguments.into_iter().next()?)]
    } else {
        columns(&name, arguments)?
    };
    if ordinality {
        let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
        columns.push((Some("ordinality"), internal("array_numbers", arrays)));
    }
    Some(derived(&name, columns, alias.as_ref(), lateral))
}

/// `jsonb_to_recordset(d) AS t(a int, …)`: the fields of a document, or of every document of an array, as columns.
fn record(name: &str, document: &Expr, alias: &TableAlias) -> Option<TableFactor> {
    let lateral = has_column(document);
    let wanted = if name.starts_with("jsonb") { DataType::JSONB } else { DataType::JSON };
    let document = cast(nested(document.clone()), wanted);
    let kind = if name.starts_with("jsonb") { "jsonb" } else { "json" };
    let (row, from) = if name.ends_with("set") {
        let documents = vec![(Some("value"), internal(&format!("{kind}_array_elements[]"), vec![document]))];
        let row = Expr::CompoundIdentifier(vec![quoted("record"), quoted("value")]);
        (row, Some(derived("record", documents, None, lateral)))
    } else {
        (document, None)
    };
    let fields = alias.columns.iter().map(|column| {
        let (field, data_type) = (folded(&column.name), column.data_type.clone()?);
        let is_json = matches!(data_type, DataType::JSON | DataType::JSONB);
        let is_array = matches!(data_type, DataType::Array(_));
        let operator = if is_json || is_array { BinaryOperator::Arrow } else { BinaryOperator::LongArrow };
        let value = nested(binary(row.clone(), operator, text(field.as_str())));
        let value = if is_array { internal(&format!("{kind}_array_literal[]"), vec![value]) } else { value };
        Some(SelectItem::ExprWithAlias { expr: cast(value, data_type), alias: quoted(&field) })
    });
    let query = select_from(fields.collect::<Option<Vec<_>>>()?, from);
    let alias = TableAlias { explicit: true, name: alias.name.clone(), columns: Vec::new(), at: None };
    Some(TableFactor::Derived { lateral, subquery: Box::new(query), alias: Some(alias), sample: None })
}

/// An array of rows of the catalogs.
fn is_expanded(argument: &Expr) -> bool {
    matches!(argument, Expr::Function(inner) if bare_name(&inner.name).as_deref() == Some("_pg_expandarray"))
}

fn derived(name: &str, columns: Columns, alias: Option<&TableAlias>, lateral: bool) -> TableFactor {
    let table = alias.map_or_else(|| name.to_owned(), |alias| folded(&alias.name));
    let given: Vec<String> =
        alias.map(|alias| alias.columns.iter().map(|column| folded(&column.name)).collect()).unwrap_or_default();
    let single = columns.iter().filter(|(own, _)| *own != Some("ordinality")).count() == 1;
    let mut taken = HashSet::new();
    let mut marks = Marks::default();
    let items = columns.into_iter().enumerate().map(|(index, (own, array))| {
        let fallback = || own.map_or_else(|| if single { table.clone() } else { name.to_owned() }, str::to_owned);
        let shown = given.get(index).cloned().unwrap_or_else(fallback);
        let shown = unique(&shown, &mut taken);
        SelectItem::ExprWithAlias { expr: unnested(array, &mut marks), alias: quoted(&shown) }
    });
    let query: Query = select_from(items.collect(), None);
    let alias =
        TableAlias { explicit: true, name: quoted(&table), columns: Vec::<TableAliasColumnDef>::new(), at: None };
    TableFactor::Derived { lateral, subquery: Box::new(query), alias: Some(alias), sample: None }
}

/// Whether an argument is a value already: a constant, with its type and its sign, or a parameter.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value, .. }) => !matches!(value, Value::Null),
        Expr::TypedString(_) => true,
        Expr::Interval(interval) => is_constant(&interval.value),
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => {
            is_constant(inner)
        }
        Expr::Cast { expr: inner, .. } => is_constant(inner),
        _ => false,
    }
}

/// Whether a SELECT list of a query, or of one within it, makes rows.
pub(in crate::sql) fn makes_rows(query: &Query) -> bool {
    struct Lists;
    impl Visitor for Lists {
        type Break = ();
        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            match select.projection.iter().any(item_makes_rows) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    walk(query, &mut Lists).is_break()
}

/// Whether an item of a SELECT list makes rows.
pub(super) fn item_makes_rows(item: &SelectItem) -> bool {
    matches!(item, SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } if is_called(expr))
}

/// Whether a function that returns rows is called anywhere in the expression.
pub(in crate::sql) fn is_called(expr: &Expr) -> bool {
    struct Calls;
    impl Visitor for Calls {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Function(function) if returns_rows(function) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    walk(expr, &mut Calls).is_break()
}

/// Whether a call is one of a function that returns rows. Its name and the number of its arguments tell.
fn returns_rows(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    let is_plain = function.over.is_none() && function.filter.is_none();
    let any = || vec![Expr::Value(Value::Null.into()); list.args.len()];
    is_plain && bare_name(&function.name).is_some_and(|name| columns(&name, any()).is_some())
}
