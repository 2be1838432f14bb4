//! What clients write when they ask the catalogs.

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, GroupByExpr, Ident, ObjectName, ObjectNamePart, OrderByExpr,
    OrderByKind, Query, Select, SelectFlavor, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    TableWithJoins, Value, Visitor, VisitorMut,
};

use crate::base::syntax_walk::{walk, walk_mut};
use crate::base::{ErrorReport, SqlState};
use crate::functions::{self, FunctionKind};
use crate::sql::words::folded;

use super::forms::{call, nested};
use super::series;

/// Rewrites a query in place:
/// `OPERATOR(pg_catalog.~)` → `~`, `pg_catalog.f()` → `f()`, `x COLLATE "C"` → `x`, `x::regclass` → a function,
/// `ARRAY(SELECT …)` → an aggregate, `FROM unnest(…)` and its kin → a derived table.
pub(super) fn rewrite(query: &mut Query) -> Result<(), ErrorReport> {
    match walk_mut(query, &mut Rewriter) {
        ControlFlow::Break(report) => Err(report),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ErrorReport;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<ErrorReport> {
        if let Some(derived) = series::from_item(factor) {
            *factor = derived;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<ErrorReport> {
        if let Some(aggregate) = array_of_subquery(expression) {
            *expression = aggregate;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<ErrorReport> {
        match expression {
            Expr::Function(function) => {
                drop_catalog_prefix(&mut function.name);
                if let Some(rows) = expanded_array(function) {
                    *expression = rows;
                }
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                if let Some(field) = field_of_row(root, access_chain) {
                    *expression = field;
                }
            }
            Expr::Collate { expr, collation } => {
                if !is_bytewise(collation) {
                    return ControlFlow::Break(unknown_collation(collation));
                }
                *expression = expr.as_ref().clone();
            }
            Expr::BinaryOp { left, op, right } => {
                if let Some(plain) = plain_operator(op) {
                    *op = plain;
                }
                if matches!(op, BinaryOperator::StringConcat) {
                    show(left);
                    show(right);
                }
            }
            Expr::Cast { .. } => rewrite_cast(expression),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// A value of such a type is shown by its name.
    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<ErrorReport> {
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) = item {
                show(expr);
            }
        }
        ControlFlow::Continue(())
    }
}

/// The types whose values are OIDs that are written as names, with the functions that read and write them.
const NAMED_OIDS: [(&str, &str); 9] = [
    ("regclass", "regclass"),
    ("regtype", "regtype"),
    ("regnamespace", "regnamespace"),
    ("regrole", "regrole"),
    ("regproc", "regproc"),
    ("regprocedure", "regproc"),
    ("regoper", "regoper"),
    ("regoperator", "regoper"),
    ("regcollation", "regcollation"),
];

fn rewrite_cast(expression: &mut Expr) {
    let Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } = expression else { return };
    if let Some(functions) = named_oid(data_type) {
        *expression = call(&format!("{functions}_in"), vec![expr.as_ref().clone()]);
    } else if is_text(data_type) {
        show(expr);
    }
}

/// An OID that was read from a name is written as the name again.
fn show(expression: &mut Expr) {
    let Expr::Function(function) = expression else { return };
    let name = function.name.to_string();
    let functions = name.strip_suffix("_in");
    if let Some(functions) = functions.filter(|name| NAMED_OIDS.iter().any(|(_, functions)| functions == name)) {
        *expression = call(&format!("{functions}_out"), vec![expression.clone()]);
    }
}

fn named_oid(data_type: &DataType) -> Option<&'static str> {
    let name = match data_type {
        DataType::Regclass => "regclass".to_owned(),
        DataType::Custom(name, _) => bare_name(name)?,
        _ => return None,
    };
    NAMED_OIDS.iter().find(|(type_name, _)| *type_name == name).map(|(_, functions)| *functions)
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Text | DataType::Varchar(_) | DataType::CharacterVarying(_) => true,
        DataType::Custom(name, _) => matches!(bare_name(name).as_deref(), Some("text" | "name" | "varchar")),
        _ => false,
    }
}

/// The name without `pg_catalog`; `None` when it is of another schema.
pub(in crate::sql) fn bare_name(name: &ObjectName) -> Option<String> {
    let parts: Vec<String> = name.0.iter().filter_map(ObjectNamePart::as_ident).map(folded).collect();
    match parts.as_slice() {
        [bare] => Some(bare.clone()),
        [schema, bare] if schema == "pg_catalog" => Some(bare.clone()),
        _ => None,
    }
}

fn drop_catalog_prefix(name: &mut ObjectName) {
    if name.0.len() == 2 && bare_name(name).is_some() {
        name.0.remove(0);
    }
}

/// `information_schema._pg_expandarray(a)` returns a row an item; the function of the bare name returns them as an array.
fn expanded_array(function: &Function) -> Option<Expr> {
    const NAME: &str = "_pg_expandarray";
    let [schema, name] = function.name.0.as_slice() else { return None };
    let parts = (folded(schema.as_ident()?), folded(name.as_ident()?));
    let FunctionArguments::List(list) = &function.args else { return None };
    let arguments = list.args.iter().map(plain_argument).collect::<Option<Vec<_>>>()?;
    let is_it = parts.0 == "information_schema" && parts.1 == NAME;
    is_it.then(|| call("unnest", vec![call(NAME, arguments)]))
}

/// `(row).field`
fn field_of_row(root: &Expr, access_chain: &[AccessExpr]) -> Option<Expr> {
    let (Expr::Nested(row), [AccessExpr::Dot(Expr::Identifier(field))]) = (root, access_chain) else { return None };
    let name = Value::SingleQuotedString(folded(field));
    Some(call("get_field", vec![row.as_ref().clone(), Expr::Value(name.into())]))
}

/// Text is ordered by bytes everywhere, as the collations C and POSIX do and as this server's default is.
fn is_bytewise(collation: &ObjectName) -> bool {
    bare_name(collation).is_some_and(|name| matches!(name.as_str(), "default" | "C" | "POSIX" | "ucs_basic" | "c"))
}

fn unknown_collation(collation: &ObjectName) -> ErrorReport {
    let name = collation.0.iter().filter_map(ObjectNamePart::as_ident).map(folded).collect::<Vec<_>>().join(".");
    ErrorReport::new(SqlState::UNDEFINED_OBJECT, format!("collation \"{name}\" for encoding \"UTF8\" does not exist"))
        .with_hint("Text is ordered by bytes here: use the collation \"C\".")
}

fn plain_operator(operator: &BinaryOperator) -> Option<BinaryOperator> {
    let symbol = match operator {
        BinaryOperator::Custom(symbol) => symbol,
        BinaryOperator::PGCustomBinaryOperator(parts) => match parts.as_slice() {
            [symbol] => symbol,
            [schema, symbol] if schema.eq_ignore_ascii_case("pg_catalog") => symbol,
            _ => return None,
        },
        _ => return None,
    };
    Some(match symbol.as_str() {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "||" => BinaryOperator::StringConcat,
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        // By bytes, as every text is ordered here.
        "~<~" => BinaryOperator::Lt,
        "~<=~" => BinaryOperator::LtEq,
        "~>~" => BinaryOperator::Gt,
        "~>=~" => BinaryOperator::GtEq,
        _ => return None,
    })
}

/// `ARRAY(SELECT x FROM … ORDER BY y)` is `(SELECT array_agg(x ORDER BY y) FROM …)` where that says the same, else the
/// aggregate of a derived table.
fn array_of_subquery(expression: &Expr) -> Option<Expr> {
    let Expr::Function(Function { name, args: FunctionArguments::Subquery(query), .. }) = expression else {
        return None;
    };
    if bare_name(name)? != "array" {
        return None;
    }
    let query = aggregated(query).unwrap_or_else(|| aggregate_of_derived(query));
    // Behind ANY and ALL a subquery would be one of values; this one is the array of them.
    Some(nested(Expr::Subquery(Box::new(query))))
}

fn aggregated(query: &Query) -> Option<Query> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let is_plain = query.with.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && select.distinct.is_none()
        && select.having.is_none()
        && matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] = select.projection.as_slice()
    else {
        return None;
    };
    if !is_plain || is_of_rows(value) {
        return None;
    }
    let order = order_of(query, value)?;
    let mut select = select.as_ref().clone();
    select.projection = vec![SelectItem::UnnamedExpr(aggregate(value.clone(), order))];
    let body = Box::new(SetExpr::Select(Box::new(select)));
    Some(Query { body, order_by: None, ..query.clone() })
}

/// The order of a query whose only column is `value`; the column may be meant by its number.
fn order_of(query: &Query, value: &Expr) -> Option<Vec<OrderByExpr>> {
    let Some(order_by) = &query.order_by else { return Some(vec![]) };
    let OrderByKind::Expressions(keys) = &order_by.kind else { return None };
    let by_value = |key: &OrderByExpr| matches!(&key.expr, Expr::Value(number) if number.value == Value::Number("1".into(), false));
    let keys = keys.iter().map(|key| match by_value(key) {
        true => OrderByExpr { expr: value.clone(), ..key.clone() },
        false => key.clone(),
    });
    Some(keys.collect())
}

/// Whether a value comes from more or gives more than one row; such a value cannot be put into another aggregate.
fn is_of_rows(value: &Expr) -> bool {
    struct Calls;
    impl Visitor for Calls {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            let Expr::Function(function) = expression else { return ControlFlow::Continue(()) };
            let name = bare_name(&function.name).unwrap_or_default();
            let of_rows = function.over.is_some()
                || series::is_called(expression)
                || functions::find(&name, FunctionKind::Aggregate).is_some();
            if of_rows { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    walk(value, &mut Calls).is_break()
}

/// The order goes along as columns: a derived table has none where it is joined to something.
fn aggregate_of_derived(query: &Query) -> Query {
    let column = |name: &str| Expr::CompoundIdentifier(vec![quoted("array"), quoted(name)]);
    let mut query = query.clone();
    let (mut names, mut order) = (vec!["value".to_owned()], Vec::new());
    for (number, key) in keys_of(&query).into_iter().enumerate() {
        let place = match key.hidden {
            None => "value".to_owned(),
            Some(hidden) => {
                if let SetExpr::Select(select) = query.body.as_mut() {
                    let name = format!("key{number}");
                    select.projection.push(SelectItem::ExprWithAlias { expr: hidden, alias: quoted(&name) });
                    names.push(name);
                }
                names.last().cloned().unwrap_or_default()
            }
        };
        order.push(OrderByExpr { expr: column(&place), ..key.key });
    }
    let derived = derived(query, "array", &names, false);
    select_from(vec![SelectItem::UnnamedExpr(aggregate(column("value"), order))], Some(derived))
}

/// A key of ORDER BY, and what it orders by if that is not the only column.
struct OrderKey {
    key: OrderByExpr,
    hidden: Option<Expr>,
}

/// The keys by which a query of one column orders; none where it cannot be told.
fn keys_of(query: &Query) -> Vec<OrderKey> {
    let Some(OrderByKind::Expressions(keys)) = query.order_by.as_ref().map(|order| &order.kind) else { return vec![] };
    let plain = match query.body.as_ref() {
        SetExpr::Select(select) if select.distinct.is_none() => match select.projection.as_slice() {
            [SelectItem::UnnamedExpr(value)] => Some((value, None)),
            [SelectItem::ExprWithAlias { expr, alias }] => Some((expr, Some(folded(alias)))),
            _ => return vec![],
        },
        // What is distinct, and what a set operation returns, is ordered by what it returns.
        _ => None,
    };
    let of_key = |key: &OrderByExpr| {
        let hidden = plain.as_ref().and_then(|(value, alias)| match &key.expr {
            Expr::Value(_) => None,
            Expr::Identifier(name) if alias.as_ref() == Some(&folded(name)) => None,
            other => (other != *value).then(|| other.clone()),
        });
        OrderKey { key: key.clone(), hidden }
    };
    keys.iter().map(of_key).collect()
}

fn aggregate(value: Expr, order: Vec<OrderByExpr>) -> Expr {
    let mut aggregate = call("array_agg", vec![value]);
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut aggregate
        && !order.is_empty()
    {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    call("array_or_empty", vec![aggregate])
}

pub(super) fn plain_argument(argument: &FunctionArg) -> Option<Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.clone()),
        _ => None,
    }
}

pub(super) fn has_column(expression: &Expr) -> bool {
    struct Columns;
    impl Visitor for Columns {
        type Break = ();
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    walk(expression, &mut Columns).is_break()
}

pub(in crate::sql) fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

pub(super) fn derived(query: Query, alias: &str, columns: &[String], lateral: bool) -> TableFactor {
    let columns = columns.iter().map(TableAliasColumnDef::from_name).collect();
    let alias = TableAlias { explicit: true, name: quoted(alias), columns, at: None };
    TableFactor::Derived { lateral, subquery: Box::new(query), alias: Some(alias), sample: None }
}

pub(super) fn select_from(projection: Vec<SelectItem>, from: Option<TableFactor>) -> Query {
    let from = from.map(|relation| TableWithJoins { relation, joins: vec![] }).into_iter().collect();
    let select = Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: vec![],
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: vec![],
        prewhere: None,
        selection: None,
        connect_by: vec![],
        group_by: GroupByExpr::Expressions(vec![], vec![]),
        cluster_by: vec![],
        distribute_by: vec![],
        sort_by: vec![],
        having: None,
        named_window: vec![],
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    };
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: vec![],
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: vec![],
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;

    use super::*;

    fn rewritten(text: &str) -> Result<String, ErrorReport> {
        let mut query = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).unwrap().parse_query().unwrap();
        rewrite(&mut query)?;
        Ok(query.to_string())
    }

    #[test]
    fn what_clients_write_becomes_what_the_planner_reads() {
        for (text, expected) in [
            ("SELECT a OPERATOR(pg_catalog.~) 'x' COLLATE pg_catalog.default", "SELECT a ~ 'x'"),
            ("SELECT pg_catalog.upper(a)", "SELECT upper(a)"),
            ("SELECT 1 WHERE o = 'a'::regclass", "SELECT 1 WHERE o = regclass_in('a')"),
            ("SELECT o::pg_catalog.regclass AS n", "SELECT regclass_out(regclass_in(o)) AS n"),
            ("SELECT 1 WHERE o::regtype::text = 'x'", "SELECT 1 WHERE CAST(regtype_out(regtype_in(o)) AS TEXT) = 'x'"),
            ("SELECT f('a'::regclass)", "SELECT f(regclass_in('a'))"),
            (
                "SELECT ARRAY(SELECT a FROM t ORDER BY 1)",
                "SELECT ((SELECT array_or_empty(array_agg(a ORDER BY a)) FROM t))",
            ),
            (
                "SELECT ARRAY(SELECT a FROM t ORDER BY b DESC)",
                "SELECT ((SELECT array_or_empty(array_agg(a ORDER BY b DESC)) FROM t))",
            ),
            ("SELECT * FROM generate_series(1, 3) s", "SELECT * FROM generate_series(1, 3) s"),
            (
                "SELECT (information_schema._pg_expandarray(k)).n AS s, (r.keys).x AS x",
                "SELECT get_field(unnest(_pg_expandarray(k)), 'n') AS s, get_field(r.keys, 'x') AS x",
            ),
            (
                "SELECT * FROM t, pg_catalog.unnest(t.a) AS u(v)",
                "SELECT * FROM t, LATERAL (SELECT unnest(\u{2063}array_flat(t.a)) AS \"v\") AS \"u\"",
            ),
        ] {
            let got = rewritten(text).unwrap();
            let same = got == expected || got == expected.replace("CAST(", "").replace(" AS TEXT)", "::TEXT");
            assert!(same, "{text}\n{got}\n{expected}");
        }
    }

    #[test]
    fn other_orders_of_text_are_refused() {
        assert_eq!(rewritten("SELECT a COLLATE \"de_DE\"").unwrap_err().sqlstate, SqlState::UNDEFINED_OBJECT);
        assert_eq!(rewritten("SELECT a FROM t ORDER BY a COLLATE \"C\"").unwrap(), "SELECT a FROM t ORDER BY a");
    }
}
