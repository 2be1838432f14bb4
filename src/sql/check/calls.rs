//! Calls: which function is meant, and that it may be called so (`parse_func.c`).

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments, OrderByExpr,
};

use sqlparser::tokenizer::Token;

use crate::base::{ErrorReport, SqlState};
use crate::catalog::system::{INFORMATION_SCHEMA, PG_CATALOG, is_system_function};
use crate::functions::{FunctionKind, FunctionRow, find};
use crate::sql::search_cycle;

use super::places::begin;
use super::queries::unexpected;
use super::resolve::{Chosen, Resolution, resolve};
use super::scope::{Clause, parts};
use super::signatures::{self, Kind, functions};
use super::types::{Context, Type};
use super::{Checked, Checker, Typed, argument_expressions, at, error};

/// How a function was called, besides its arguments.
struct Style<'a> {
    star: bool,
    distinct: bool,
    within_group: bool,
    order_by: &'a [OrderByExpr],
    filter: bool,
    over: bool,
}

fn style_of<'f>(function: &'f Function, list: &'f FunctionArgumentList) -> Style<'f> {
    Style {
        star: list.args.iter().any(is_star),
        distinct: list.duplicate_treatment == Some(DuplicateTreatment::Distinct),
        within_group: !function.within_group.is_empty(),
        order_by: clause_order(&list.clauses),
        filter: function.filter.is_some(),
        over: function.over.is_some(),
    }
}

fn clause_order(clauses: &[FunctionArgumentClause]) -> &[OrderByExpr] {
    clauses
        .iter()
        .find_map(|clause| match clause {
            FunctionArgumentClause::OrderBy(keys) => Some(keys.as_slice()),
            _ => None,
        })
        .unwrap_or_default()
}

fn is_star(argument: &FunctionArg) -> bool {
    matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_)))
}

impl Checker<'_> {
    pub(super) fn call(&mut self, function: &Function) -> Checked<Typed> {
        let place = begin(&function.name);
        let names = parts(&function.name);
        let list = match &function.args {
            FunctionArguments::List(list) => list,
            FunctionArguments::None => {
                return Ok(Typed::new(super::expressions::word_value(&names.join(".")).unwrap_or(Type::ANY), place));
            }
            FunctionArguments::Subquery(query) => return self.array_of_query(query, place),
        };
        let (schema, name) = match names.as_slice() {
            [name] => (None, name.as_str()),
            [schema, name] => (Some(schema.as_str()), name.as_str()),
            _ => return Ok(Typed::new(Type::ANY, place)),
        };
        let mut arguments: Vec<&Expr> = argument_expressions(&list.args).collect();
        if schema.is_none() && name == "normalize" {
            // The form, such as NFC, is a word of the grammar.
            arguments.truncate(1);
        }
        match (schema, name) {
            // Without its own grammar it is read as a call.
            (None, "trim") => {
                return self.of_catalog("btrim", Vec::new(), &arguments, &Expr::Function(function.clone()));
            }
            (None, "cast") => return Err(unexpected(")", self.places.token_after(place, &Token::RParen))),
            _ => {}
        }
        if schema.is_none()
            && let Some(typed) = self.choosing_call(name, function, &arguments)?
        {
            return Ok(typed);
        }
        let style = style_of(function, list);
        if style.star && style.distinct {
            return Err(unexpected("*", self.places.token_after(place, &Token::Mul)));
        }
        self.watch();
        let mut typed = arguments.iter().map(|argument| self.expression(argument)).collect::<Checked<Vec<_>>>()?;
        for argument in &list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) = argument {
                typed.push(self.starred_row(name)?);
            }
        }
        for key in &function.within_group {
            typed.push(self.expression(&key.expr)?);
        }
        if let Some(filter) = &function.filter {
            self.within(Clause::Filter, |checker| checker.condition(filter, "FILTER"))?;
        }
        if name.eq_ignore_ascii_case("row") && schema.is_none() {
            self.forget();
            search_cycle::refuse_numerics(&arguments, |index| {
                typed.get(index).is_some_and(|value| value.data_type == Type::NUMERIC)
            })?;
            return Ok(Typed::new(Type::RECORD, place));
        }
        let is_named = list.args.iter().any(|argument| !matches!(argument, FunctionArg::Unnamed(_)));
        let known = self.lookup(schema, name, &typed, is_named, place)?;
        self.finish_call(name, function, &style, known, &typed, place)
    }

    /// `ARRAY(SELECT …)`.
    fn array_of_query(&mut self, query: &sqlparser::ast::Query, place: usize) -> Checked<Typed> {
        let columns = self.subquery(query)?;
        let element = match columns.as_slice() {
            [only] if !only.is_open => only.typed.data_type,
            _ if columns.iter().any(|column| column.is_open) => Type::ANY,
            _ => return Err(error(SqlState::SYNTAX_ERROR, "subquery must return only one column", place)),
        };
        let element = if element == Type::UNKNOWN { Type::TEXT } else { element };
        let nested = element.element().map(|_| element);
        Ok(Typed::new(nested.or(element.array()).unwrap_or(Type::ANY), place))
    }

    /// Finds a function; `None` for one whose signature is not known here.
    fn lookup(
        &mut self,
        schema: Option<&str>,
        name: &str,
        typed: &[Typed],
        is_named: bool,
        place: usize,
    ) -> Checked<Option<Chosen>> {
        match schema {
            None => self.resolve_call(name, name, typed, is_named, place),
            Some(PG_CATALOG) => self.resolve_call(&format!("{PG_CATALOG}.{name}"), name, typed, is_named, place),
            Some(INFORMATION_SCHEMA) => Ok(None),
            Some(schema) if self.has_schema(schema) => {
                Err(undefined(&format!("{schema}.{name}"), &types_of(typed), place))
            }
            Some(schema) => {
                Err(error(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"), place))
            }
        }
    }

    pub(super) fn has_schema(&self, schema: &str) -> bool {
        schema == "public" || schema == INFORMATION_SCHEMA || self.context.view.schemas().contains(&schema)
    }

    /// Chooses a signature and gives the constants among the arguments their types.
    pub(super) fn resolve_call(
        &mut self,
        shown: &str,
        name: &str,
        typed: &[Typed],
        is_named: bool,
        place: usize,
    ) -> Checked<Option<Chosen>> {
        let known = functions(name);
        let types = types_of(typed);
        if known.is_empty() {
            return if self.is_ours(name) { Ok(None) } else { Err(undefined(shown, &types, place)) };
        }
        if is_named {
            return Ok(None);
        }
        match resolve(known, &types) {
            Resolution::Found(chosen) => {
                for (argument, wanted) in typed.iter().zip(&chosen.arguments) {
                    self.adopt(argument, *wanted)?;
                }
                Ok(Some(chosen))
            }
            Resolution::Open(result) => {
                let signature = known.iter().find(|signature| signature.result == result).or(known.first());
                Ok(signature.map(|signature| Chosen { signature, arguments: types, result }))
            }
            Resolution::Indeterminate(found) => {
                let message = format!("could not determine polymorphic type because input has type {found}");
                Err(ErrorReport::new(SqlState::DATATYPE_MISMATCH, message))
            }
            Resolution::None | Resolution::Ambiguous if self.is_cast_by_name(name, typed)? => Ok(None),
            // Our own functions may take more than PostgreSQL's of the same name only where that one has none such.
            Resolution::None => Err(undefined(shown, &types, place)),
            Resolution::Ambiguous => {
                let message = format!("function {shown}({}) is not unique", list(&types));
                let report = error(SqlState::AMBIGUOUS_FUNCTION, message, place);
                Err(report.with_hint(
                    "Could not choose a best candidate function. You might need to add explicit type casts.",
                ))
            }
        }
    }

    /// `date('2025-01-01')` is a cast.
    fn is_cast_by_name(&mut self, name: &str, typed: &[Typed]) -> Checked<bool> {
        let ([argument], Some(wanted)) = (typed, Type::named(name)) else { return Ok(false) };
        if argument.data_type == Type::UNKNOWN {
            self.adopt(argument, wanted)?;
            return Ok(true);
        }
        Ok(argument.data_type.becomes(wanted, Context::Explicit))
    }

    /// Whether this server has a function that PostgreSQL's catalogs do not name.
    fn is_ours(&self, name: &str) -> bool {
        let registry = self.context.functions;
        let is_scalar = registry.scalars.contains_key(name)
            && find(name, FunctionKind::Scalar).is_none_or(FunctionRow::is_callable);
        is_scalar
            || self.context.table_functions.knows(name)
            || registry.aggregates.contains_key(name)
            || registry.windows.contains_key(name)
                && find(name, FunctionKind::Window).is_none_or(FunctionRow::is_callable)
            || is_system_function(name)
            || name.starts_with("pg_")
            || name.starts_with("has_")
            || OTHERS.contains(&name)
    }

    fn finish_call(
        &mut self,
        name: &str,
        function: &Function,
        style: &Style<'_>,
        known: Option<Chosen>,
        typed: &[Typed],
        place: usize,
    ) -> Checked<Typed> {
        let kind = known.as_ref().map_or_else(|| self.kind_of_ours(name), |chosen| chosen.signature.kind);
        match kind {
            Kind::Scalar => {
                misused_scalar(name, style, place)?;
                self.forget();
            }
            Kind::Aggregate if signatures::ordered_set(name).is_some() || signatures::is_hypothetical(name) => {
                misused_ordered_set(name, style, place)?;
                if signatures::is_hypothetical(name) {
                    self.hypothetical(name, function, typed, place)?;
                }
                self.aggregate_call(place)?;
            }
            Kind::Aggregate | Kind::Window => {
                misused_aggregate(name, kind, style, typed.is_empty(), place)?;
                for key in style.order_by {
                    self.expression(&key.expr)?;
                }
                match &function.over {
                    Some(over) => self.window_call(over, place)?,
                    None => self.aggregate_call(place)?,
                }
            }
        }
        let Some(chosen) = known else { return Ok(Typed::new(Type::ANY, place)) };
        if chosen.signature.returns_set {
            self.set_call(place)?;
        }
        if kind != Kind::Scalar {
            self.note_constants(typed, &chosen);
        }
        if style.distinct {
            self.comparable(typed, place)?;
            self.ordered_by_arguments(function, style, typed, &chosen)?;
        }
        if name == "sum" && chosen.result == Type::FLOAT4 {
            self.findings.reals.insert(place);
        }
        // A mean is made of a sum.
        let adds_up = ["sum", "avg"].contains(&name) && chosen.result == Type::NUMERIC;
        if adds_up && typed.first().is_some_and(|one| one.data_type == Type::INT8) {
            self.findings.big_sums.insert(place);
        }
        // A scalar call is as far to the left as its first argument.
        Ok(Typed::new(chosen.result, place))
    }

    /// A row that would be there has a value for every key.
    fn hypothetical(&mut self, name: &str, function: &Function, typed: &[Typed], place: usize) -> Checked<()> {
        let keys = function.within_group.len();
        let (values, keys) = typed.split_at(typed.len().saturating_sub(keys));
        if values.len() != keys.len() {
            let hint = format!(
                "To use the hypothetical-set aggregate {name}, the number of hypothetical direct arguments (here {}) \
                 must match the number of ordering columns (here {}).",
                values.len(),
                keys.len()
            );
            return Err(undefined(name, &types_of(typed), place).with_hint(hint));
        }
        for (value, key) in values.iter().zip(keys) {
            if value.data_type == Type::UNKNOWN {
                self.adopt(value, key.data_type)?;
            }
        }
        Ok(())
    }

    /// Constants in quotes that an aggregate or a window function reads as another type than text: the planner asks for
    /// their types before they are settled.
    fn note_constants(&mut self, typed: &[Typed], chosen: &Chosen) {
        let wanted = chosen.arguments.iter().zip(&chosen.signature.arguments);
        for (value, (wanted, declared)) in typed.iter().zip(wanted) {
            if !declared.is_polymorphic() && declared.0 != "any" {
                self.note_constant(value, *wanted);
            }
        }
    }

    fn kind_of_ours(&self, name: &str) -> Kind {
        if self.context.functions.aggregates.contains_key(name) {
            Kind::Aggregate
        } else if self.context.functions.windows.contains_key(name) {
            Kind::Window
        } else {
            Kind::Scalar
        }
    }

    /// What DISTINCT leaves has no other values to be ordered by. A constant in quotes that the aggregate reads as a type is
    /// another value to PostgreSQL than the same text without one.
    fn ordered_by_arguments(
        &self,
        function: &Function,
        style: &Style<'_>,
        typed: &[Typed],
        chosen: &Chosen,
    ) -> Checked<()> {
        let FunctionArguments::List(list) = &function.args else { return Ok(()) };
        let is_converted = |(typed, declared): (&Typed, &Type)| {
            typed.data_type == Type::UNKNOWN && !declared.is_polymorphic() && declared.0 != "any"
        };
        let converted: Vec<bool> = typed.iter().zip(&chosen.signature.arguments).map(is_converted).collect();
        let is_argument = |key: &Expr| {
            let mut arguments = argument_expressions(&list.args).enumerate();
            arguments.any(|(place, argument)| {
                !converted.get(place).copied().unwrap_or_default() && self.equal(argument, key)
            })
        };
        match style.order_by.iter().find(|key| !is_argument(&key.expr)) {
            Some(key) => {
                let message = "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
                Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, self.places.start(&key.expr)))
            }
            None => Ok(()),
        }
    }

    fn comparable(&self, typed: &[Typed], _place: usize) -> Checked<()> {
        let wrong = typed.iter().find(|argument| !argument.data_type.is_comparable());
        match wrong {
            Some(argument) => Err(no_equality(argument.data_type, argument.place)),
            None => Ok(()),
        }
    }
}

/// What this server reads as a call though it is in no table: the normaliser writes it in another form.
const OTHERS: [&str; 12] = [
    "json_to_record",
    "json_to_recordset",
    "jsonb_to_record",
    "jsonb_to_recordset",
    "current_catalog",
    "inet_server_addr",
    "inet_server_port",
    "txid_current",
    "row_to_json",
    "current_role",
    "array",
    "unnest",
];

pub(super) fn no_equality(data_type: Type, place: usize) -> ErrorReport {
    let message = format!("could not identify an equality operator for type {}", data_type.display());
    error(SqlState::UNDEFINED_FUNCTION, message, place)
}

pub(super) fn types_of(typed: &[Typed]) -> Vec<Type> {
    typed.iter().map(|argument| argument.data_type).collect()
}

fn list(types: &[Type]) -> String {
    types.iter().map(|one| one.display()).collect::<Vec<_>>().join(", ")
}

pub(super) fn undefined(shown: &str, types: &[Type], place: usize) -> ErrorReport {
    error(SqlState::UNDEFINED_FUNCTION, format!("function {shown}({}) does not exist", list(types)), place)
        .with_hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

fn wrong_kind(message: String, place: usize) -> ErrorReport {
    at(ErrorReport::new(SqlState::WRONG_OBJECT_TYPE, message), place)
}

fn misused_scalar(name: &str, style: &Style<'_>, place: usize) -> Checked<()> {
    let what = if style.star {
        format!("{name}(*) specified, but {name} is not an aggregate function")
    } else if style.distinct {
        format!("DISTINCT specified, but {name} is not an aggregate function")
    } else if style.within_group {
        format!("WITHIN GROUP specified, but {name} is not an aggregate function")
    } else if !style.order_by.is_empty() {
        format!("ORDER BY specified, but {name} is not an aggregate function")
    } else if style.filter {
        format!("FILTER specified, but {name} is not an aggregate function")
    } else if style.over {
        format!("OVER specified, but {name} is not a window function nor an aggregate function")
    } else {
        return Ok(());
    };
    Err(wrong_kind(what, place))
}

fn misused_ordered_set(name: &str, style: &Style<'_>, place: usize) -> Checked<()> {
    if !style.within_group {
        return Err(wrong_kind(format!("WITHIN GROUP is required for ordered-set aggregate {name}"), place));
    }
    if style.over {
        let message = format!("OVER is not supported for ordered-set aggregate {name}");
        return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, place));
    }
    if style.distinct {
        return Err(error(SqlState::FEATURE_NOT_SUPPORTED, "cannot use DISTINCT with WITHIN GROUP", place));
    }
    Ok(())
}

fn misused_aggregate(name: &str, kind: Kind, style: &Style<'_>, is_bare: bool, place: usize) -> Checked<()> {
    let refused = |message: &str| Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, place));
    if kind == Kind::Window && !style.over {
        return Err(wrong_kind(format!("window function {name} requires an OVER clause"), place));
    }
    if style.within_group {
        let message = match kind {
            Kind::Window => format!("window function {name} cannot have WITHIN GROUP"),
            Kind::Scalar | Kind::Aggregate => {
                format!("{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP")
            }
        };
        return Err(wrong_kind(message, place));
    }
    if style.over && style.distinct {
        return refused("DISTINCT is not implemented for window functions");
    }
    if kind == Kind::Aggregate && is_bare && !style.star {
        return Err(wrong_kind(format!("{name}(*) must be used to call a parameterless aggregate function"), place));
    }
    if style.over && !style.order_by.is_empty() {
        return refused("aggregate ORDER BY is not implemented for window functions");
    }
    if kind == Kind::Window && style.filter {
        return refused("FILTER is not implemented for non-aggregate window functions");
    }
    Ok(())
}
