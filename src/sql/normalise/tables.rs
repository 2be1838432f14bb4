//! What may stand in FROM.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgumentList, FunctionArguments, Ident, ObjectName, ObjectNamePart, Query,
    SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::base::{ErrorReport, InternalError, UserFacing};
use crate::sql::plan::PlanContext;

use super::names::marked;
use super::system::quoted;

/// A query of our own text.
pub(super) fn template(text: &str) -> Result<Box<Query>, ErrorReport> {
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).and_then(|mut parser| parser.parse_query());
    parsed.map_err(|error| InternalError::new(error).report())
}

/// Readies one item of FROM. `calls` counts the calls of functions in FROM: the planner takes two scans of one name for the
/// same scan, whatever the arguments were, so that each call gets a name of its own.
pub(super) fn prepare(
    factor: &mut TableFactor,
    context: &PlanContext<'_>,
    calls: &mut usize,
) -> Result<(), ErrorReport> {
    match factor {
        TableFactor::Table { name, alias, args: None, .. } => {
            if name.0.len() > 1 && alias.is_none() {
                *alias = name.0.last().and_then(ObjectNamePart::as_ident).cloned().map(plain_alias);
            }
            Ok(())
        }
        TableFactor::Table { name, alias, args: Some(arguments), with_ordinality: false, .. } => {
            strip_catalog(name);
            let known = name.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.to_lowercase());
            let known = known.unwrap_or_default();
            if context.functions.scalars.contains_key(&known) {
                let arguments = std::mem::take(&mut arguments.args);
                *factor = scalar_in_from(name.clone(), arguments, alias.take(), &known)?;
            } else {
                let alias = alias.get_or_insert_with(|| plain_alias(Ident::new(&known)));
                if known == "generate_series" && alias.columns.is_empty() {
                    // A function of one column gives it the name of the table.
                    alias.columns = vec![TableAliasColumnDef { name: alias.name.clone(), data_type: None }];
                }
                *calls += 1;
                *name = ObjectName::from(vec![quoted(&marked(&known, *calls))]);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

pub(super) fn plain_alias(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// `pg_catalog.f` is `f`.
fn strip_catalog(name: &mut ObjectName) {
    let is_catalog =
        |part: &ObjectNamePart| part.as_ident().is_some_and(|ident| ident.value.eq_ignore_ascii_case("pg_catalog"));
    if name.0.len() == 2 && name.0.first().is_some_and(is_catalog) {
        name.0.remove(0);
    }
}

/// A scalar function in FROM is a table of one row and one column.
fn scalar_in_from(
    name: ObjectName,
    arguments: Vec<FunctionArg>,
    alias: Option<TableAlias>,
    known: &str,
) -> Result<TableFactor, ErrorReport> {
    let mut subquery = template("SELECT 1")?;
    let call = Expr::Function(Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    });
    let column = alias.as_ref().map_or_else(|| Ident::new(known), |alias| alias.name.clone());
    if let SetExpr::Select(select) = subquery.body.as_mut() {
        select.projection = vec![SelectItem::ExprWithAlias { expr: call, alias: column }];
    }
    let alias = alias.unwrap_or_else(|| plain_alias(Ident::new(known)));
    Ok(TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None })
}
