//! Expressions: what type each has, in PostgreSQL's order of looking (`parse_expr.c`).

use sqlparser::ast::{
    AccessExpr, DataType, Expr, Function, FunctionArguments, Ident, Query, Subscript, Value, ValueWithSpan,
};

use sqlparser::tokenizer::Token;

use crate::base::SqlState;
use crate::functions::literal;
use crate::sql::normalise;
use crate::sql::words::{folded, is_reserved};

use super::grouping::cast_column;
use super::places::{begin, of};
use super::queries::unexpected;
use super::scope::{Clause, Found};
use super::types::{Context, Type, written};
use super::{Checked, Checker, Constant, Typed, at, error};

impl Checker<'_> {
    /// Looks at an expression and all of its parts.
    pub(super) fn expression(&mut self, expr: &Expr) -> Checked<Typed> {
        match expr {
            Expr::Nested(inner) => self.expression(inner),
            Expr::Value(value) => Ok(self.constant(value)),
            Expr::Identifier(ident) => self.bare_name(ident),
            Expr::CompoundIdentifier(parts) => self.qualified_name(parts),
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op, expr: operand } => self.unary(expr, *op, operand),
            Expr::Cast { expr: operand, data_type, .. } => self.cast(expr, operand, data_type),
            Expr::TypedString(typed) => self.typed_constant(&typed.value, &typed.data_type),
            Expr::Interval(interval) => self.interval(&interval.value, interval.leading_field.is_some()),
            Expr::Function(function) => self.call(function),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(begin(expr), operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Subquery(query) => self.scalar_subquery(query, self.places.parenthesis(query)),
            Expr::Exists { subquery, .. } => {
                self.subquery(subquery)?;
                Ok(Typed::new(Type::BOOL, self.places.start(expr)))
            }
            Expr::Tuple(items) => {
                for item in items {
                    self.expression(item)?;
                }
                Ok(Typed::new(Type::RECORD, self.places.start(expr)))
            }
            Expr::Array(array) => self.array(expr, &array.elem),
            Expr::Collate { expr: inner, .. } => self.expression(inner),
            other => match self.predicate(other)? {
                Some(typed) => Ok(typed),
                None => self.keyword_call(other),
            },
        }
    }

    fn constant(&self, value: &ValueWithSpan) -> Typed {
        let place = begin(value);
        let text =
            |text: &str| Typed { data_type: Type::UNKNOWN, place, constant: Some(Constant::Text(text.to_owned())) };
        match &value.value {
            Value::Number(digits, _) => {
                let constant = normalise::is_wide(digits).then_some(Constant::Wide(place));
                Typed { constant, ..Typed::new(number_type(digits), place) }
            }
            Value::SingleQuotedString(inner)
            | Value::EscapedStringLiteral(inner)
            | Value::UnicodeStringLiteral(inner)
            | Value::NationalStringLiteral(inner) => text(inner),
            Value::DollarQuotedString(inner) => text(&inner.value),
            Value::Boolean(_) => Typed::new(Type::BOOL, place),
            Value::Null => Typed::null(place),
            Value::Placeholder(id) => self.parameter(id, place),
            _ => Typed::new(Type::ANY, place),
        }
    }

    fn parameter(&self, id: &str, place: usize) -> Typed {
        let number = id.strip_prefix('$').and_then(|digits| digits.parse().ok()).unwrap_or_default();
        match self.parameters.get(&number) {
            Some(known) => Typed::new(*known, place),
            None => Typed { data_type: Type::UNKNOWN, place, constant: Some(Constant::Parameter(number)) },
        }
    }

    /// A column, or a word that is a call without parentheses.
    fn bare_name(&mut self, ident: &Ident) -> Checked<Typed> {
        let place = of(ident);
        if ident.quote_style.is_none()
            && let Some(data_type) = word_value(&ident.value.to_lowercase())
        {
            return Ok(Typed::new(data_type, place));
        }
        if let Some(found) = self.scope.column(ident, place)? {
            self.note_merged(found, &folded(ident), place);
            return Ok(self.note_column(found, place));
        }
        if ident.quote_style.is_none() && is_reserved(&ident.value) {
            return Err(match ident.value.eq_ignore_ascii_case("not") {
                true => self.places.unexpected_at(place + ident.value.chars().count()),
                false => unexpected(&ident.value, place),
            });
        }
        let name = folded(ident);
        match self.scope.named(None, &name, place)? {
            Some((level, table)) => match self.note_scalar(level, table, place) {
                Some(value) => Ok(value),
                None => self.note_row(level, table, place),
            },
            None => Err(self.scope.missing_column(None, &name, place)),
        }
    }

    fn qualified_name(&mut self, parts: &[Ident]) -> Checked<Typed> {
        let place = parts.first().map_or(0, of);
        let names: Vec<String> = parts.iter().map(folded).collect();
        let (schema, table, column) = match names.as_slice() {
            [table, column] => (None, table, column),
            [schema, table, column] => (Some(schema.as_str()), table, column),
            [database, schema, table, column] if database == self.context.database => {
                (Some(schema.as_str()), table, column)
            }
            _ => return Ok(Typed::new(Type::ANY, place)),
        };
        let Some((level, index)) = self.scope.named(schema, table, place)? else {
            return self.field_of_column(parts, table, place);
        };
        self.qualifiers.insert(place, (level, index));
        self.scope.note_table(level, index, table);
        self.note_alias(level, index, place)?;
        let Some(known) = self.scope.table(level, index) else { return Ok(Typed::new(Type::ANY, place)) };
        let mut same = known.columns.iter().enumerate().filter(|(_, one)| one.name == *column);
        match (same.next(), same.next()) {
            (Some((position, one)), None) => {
                let found = Found { level, table: index, column: Some(position), data_type: one.data_type };
                Ok(self.note_column(found, place))
            }
            (Some(_), Some(_)) => {
                let message = format!("column reference \"{column}\" is ambiguous");
                Err(error(SqlState::AMBIGUOUS_COLUMN, message, place))
            }
            (None, _) if known.is_open => {
                self.refuse_open_alias(known, column, place)?;
                Ok(self.note_column(Found { level, table: index, column: None, data_type: Type::ANY }, place))
            }
            (None, _) => Err(self.scope.missing_column(Some(table), column, place)),
        }
    }

    /// `a.b` where `a` is no table: PostgreSQL says so, whether or not it is a column.
    fn field_of_column(&mut self, parts: &[Ident], table: &str, place: usize) -> Checked<Typed> {
        let is_open = self.scope.levels.iter().any(|level| level.tables.iter().any(|table| table.is_open));
        if is_open && parts.len() > 2 {
            return Ok(Typed::new(Type::ANY, place));
        }
        Err(self.scope.missing_table(table, place))
    }

    fn note_column(&mut self, mut found: Found, place: usize) -> Typed {
        // A joined column is the one that it was taken from.
        while let Some((table, column)) = found.column.and_then(|column| {
            self.scope.table(found.level, found.table).and_then(|table| table.columns.get(column)?.stands_for)
        }) {
            found.table = table;
            found.column = Some(column);
        }
        self.watch_column(found.level, place);
        self.columns.insert(place, found);
        Typed::new(found.data_type, place)
    }

    /// `t.*` as an argument.
    pub(super) fn starred_row(&mut self, name: &sqlparser::ast::ObjectName) -> Checked<Typed> {
        let (names, place) = (super::scope::parts(name), begin(name));
        let (schema, table) = match names.as_slice() {
            [table] => (None, table),
            [schema, table] => (Some(schema.as_str()), table),
            _ => return Ok(Typed::new(Type::ANY, place)),
        };
        match self.scope.named(schema, table, place)? {
            Some((level, index)) => self.note_row(level, index, place),
            None => Err(self.scope.missing_table(table, place)),
        }
    }

    /// The row of a function that returns single values, which is that value.
    fn note_scalar(&mut self, level: usize, table: usize, place: usize) -> Option<Typed> {
        let column = self.scope.table(level, table).filter(|table| table.is_scalar)?.columns.first()?;
        let found = Found { level, table, column: Some(0), data_type: column.data_type };
        self.findings.scalars.insert(place, column.name.clone());
        self.qualifiers.insert(place, (level, table));
        Some(self.note_column(found, place))
    }

    fn note_row(&mut self, level: usize, table: usize, place: usize) -> Checked<Typed> {
        self.note_alias(level, table, place)?;
        self.watch_column(level, place);
        // An alias of USING is the columns that it stands for, also where these are grouped.
        let is_alias = self.findings.merged.contains_key(&place);
        let data_type = if is_alias { Type::ANY } else { Type::RECORD };
        self.columns.insert(place, Found { level, table, column: None, data_type });
        self.qualifiers.insert(place, (level, table));
        if !is_alias {
            self.findings.rows.insert(place);
        }
        Ok(Typed::new(Type::RECORD, place))
    }

    fn access(&mut self, root: &Expr, chain: &[AccessExpr]) -> Checked<Typed> {
        if let (Expr::Value(_), Some(AccessExpr::Subscript(_))) = (root, chain.first()) {
            return Err(unexpected("[", self.places.token_after(self.places.start(root), &Token::LBracket)));
        }
        let mut typed = match super::operators::bare(root) {
            // A row may be anywhere for the sake of its fields.
            Expr::Identifier(ident) => {
                let typed = self.within(Clause::Nothing, |checker| checker.expression(root))?;
                if self.findings.rows.remove(&of(ident))
                    && let Some(row) = self.columns.get_mut(&of(ident))
                {
                    // What is read is one of its columns.
                    row.data_type = Type::ANY;
                }
                typed
            }
            _ => self.expression(root)?,
        };
        for access in chain {
            let AccessExpr::Subscript(subscript) = access else {
                if matches!(root, Expr::Function(Function { args: FunctionArguments::None, .. })) {
                    // A word that is a value has no fields.
                    return Err(unexpected(".", self.places.token_after(typed.place, &Token::Period)));
                }
                typed = Typed::new(Type::ANY, typed.place);
                continue;
            };
            let (bounds, is_slice) = match subscript {
                Subscript::Index { index } => (vec![index], false),
                Subscript::Slice { lower_bound, upper_bound, stride } => {
                    ([lower_bound, upper_bound, stride].into_iter().flatten().collect(), true)
                }
            };
            let container = typed.data_type;
            let element = match container.element() {
                Some(_) if is_slice => container,
                Some(element) => element,
                None if container == Type::ANY || container.0 == "jsonb" => container,
                None => {
                    let message = format!(
                        "cannot subscript type {} because it does not support subscripting",
                        container.display()
                    );
                    return Err(error(SqlState::DATATYPE_MISMATCH, message, typed.place));
                }
            };
            for bound in bounds {
                let bound = self.expression(bound)?;
                if container.element().is_some() && !bound.data_type.becomes(Type::INT4, Context::Assignment) {
                    let message = "array subscript must have type integer";
                    return Err(error(SqlState::DATATYPE_MISMATCH, message, bound.place));
                }
                if container.element().is_some() {
                    self.adopt(&bound, Type::INT4)?;
                }
            }
            typed = Typed::new(if chain.len() > 1 { Type::ANY } else { element }, typed.place);
        }
        Ok(typed)
    }

    fn cast(&mut self, whole: &Expr, operand: &Expr, data_type: &DataType) -> Checked<Typed> {
        // The type is looked up before the operand is typed.
        let Some(wanted) = written(data_type) else {
            let place = self.places.cast_type(whole);
            if let DataType::Custom(name, _) = data_type
                && let [schema, _] = super::scope::parts(name).as_slice()
                && !self.has_schema(schema)
            {
                let message = format!("schema \"{schema}\" does not exist");
                return Err(error(SqlState::INVALID_SCHEMA_NAME, message, place));
            }
            return Err(error(SqlState::UNDEFINED_OBJECT, no_type(data_type), place));
        };
        let typed = match operand {
            // The elements of a constructed array take the type of the cast.
            Expr::Array(array) if array.elem.is_empty() => {
                return Ok(Typed::new(wanted, self.places.start(operand)));
            }
            _ => self.expression(operand)?,
        };
        if let (Some(_), Some((place, casts))) = (self.column_at(whole), cast_column(whole)) {
            let known = self.findings.same_casts.entry(place).or_default();
            *known = (*known).max(casts);
        }
        if !typed.data_type.is_known() {
            self.adopt_as(&typed, wanted, data_type)?;
            return Ok(Typed::new(wanted, typed.place));
        }
        if !typed.data_type.becomes(wanted, Context::Explicit) {
            let message = format!("cannot cast type {} to {}", typed.data_type.display(), wanted.display());
            return Err(error(SqlState::CANNOT_COERCE, message, self.places.cast(whole)));
        }
        let place = if typed.data_type == wanted { typed.place } else { self.places.start(whole) };
        Ok(Typed::new(wanted, place))
    }

    fn typed_constant(&mut self, value: &ValueWithSpan, data_type: &DataType) -> Checked<Typed> {
        let typed = self.constant(value);
        let Some(wanted) = written(data_type) else { return Ok(Typed::new(Type::ANY, typed.place)) };
        self.adopt_as(&typed, wanted, data_type)?;
        Ok(Typed::new(wanted, typed.place))
    }

    fn interval(&mut self, value: &Expr, has_fields: bool) -> Checked<Typed> {
        let typed = self.expression(value)?;
        if !has_fields {
            self.adopt(&typed, Type::INTERVAL)?;
        }
        Ok(Typed::new(Type::INTERVAL, typed.place))
    }

    /// A constant takes a type with digits: they are not checked here, only that it can be read.
    fn adopt_as(&mut self, typed: &Typed, wanted: Type, data_type: &DataType) -> Checked<()> {
        match data_type {
            DataType::Interval { fields: Some(_), .. } => Ok(()),
            _ => self.adopt(typed, wanted),
        }
    }

    /// Gives a type to a constant in quotes or to a parameter.
    pub(super) fn adopt(&mut self, typed: &Typed, wanted: Type) -> Checked<()> {
        match &typed.constant {
            Some(Constant::Text(text)) if wanted == Type::JSONPATH => {
                literal::check_path(text).map_err(|report| at(report, typed.place))
            }
            Some(Constant::Text(_)) if wanted == Type::RECORD => {
                let message = "input of anonymous composite types is not implemented";
                Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, typed.place))
            }
            Some(Constant::Text(text)) => {
                let Some(sql_type) = wanted.sql_type() else { return Ok(()) };
                match literal::parse(text, &sql_type, self.zone) {
                    Ok(_) => Ok(()),
                    Err(report) if report.sqlstate == SqlState::FEATURE_NOT_SUPPORTED => Ok(()),
                    Err(report) => Err(at(report, typed.place)),
                }
            }
            Some(Constant::Parameter(number)) if wanted.is_known() && !wanted.is_polymorphic() => {
                self.parameters.entry(*number).or_insert(wanted);
                Ok(())
            }
            Some(Constant::Wide(place)) => {
                // No decimal holds it, and a float may.
                if matches!(wanted, Type::FLOAT4 | Type::FLOAT8) {
                    self.findings.constants.insert(*place, wanted.display());
                }
                Ok(())
            }
            Some(Constant::Null | Constant::Parameter(_)) | None => Ok(()),
        }
    }

    /// An expression that must have a type, such as a condition.
    pub(super) fn require(&mut self, typed: &Typed, wanted: Type, word: &str) -> Checked<()> {
        if typed.data_type == Type::UNKNOWN {
            return self.adopt(typed, wanted);
        }
        if typed.data_type.becomes(wanted, Context::Assignment) {
            return Ok(());
        }
        let message =
            format!("argument of {word} must be type {}, not type {}", wanted.display(), typed.data_type.display());
        Err(error(SqlState::DATATYPE_MISMATCH, message, typed.place))
    }

    /// An expression that must be true or false, and one value (`coerce_to_boolean`).
    pub(super) fn condition(&mut self, expr: &Expr, word: &str) -> Checked<Typed> {
        self.watch();
        let typed = self.expression(expr)?;
        self.require(&typed, Type::BOOL, word)?;
        if self.forget().last_set().is_some() {
            let message = format!("argument of {word} must not return a set");
            return Err(error(SqlState::DATATYPE_MISMATCH, message, typed.place));
        }
        Ok(typed)
    }

    /// Looks at an expression of a clause.
    pub(super) fn within<T>(&mut self, clause: Clause, look: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        let before = std::mem::replace(&mut self.scope.current().clause, clause);
        let seen = look(self);
        self.scope.current().clause = before;
        seen
    }

    fn scalar_subquery(&mut self, query: &Query, place: usize) -> Checked<Typed> {
        let columns = self.subquery(query)?;
        match columns.as_slice() {
            [only] => Ok(Typed::new(only.typed.data_type, place)),
            _ if columns.iter().any(|column| column.is_open) => Ok(Typed::new(Type::ANY, place)),
            _ => Err(error(SqlState::SYNTAX_ERROR, "subquery must return only one column", place)),
        }
    }
}

/// `integer` where it fits, then `bigint`, then `numeric`.
fn number_type(digits: &str) -> Type {
    if digits.parse::<i32>().is_ok() {
        Type::INT4
    } else if digits.parse::<i64>().is_ok() {
        Type::INT8
    } else {
        Type::NUMERIC
    }
}

/// Words that have a value without parentheses.
pub(super) fn word_value(word: &str) -> Option<Type> {
    Some(Type(match word {
        "current_date" => "date",
        "current_time" => "timetz",
        "localtime" => "time",
        "current_timestamp" => "timestamptz",
        "localtimestamp" => "timestamp",
        "current_user" | "session_user" | "user" | "current_role" | "current_schema" | "current_catalog" => "name",
        _ => return None,
    }))
}

fn no_type(data_type: &DataType) -> String {
    let shown = match data_type {
        DataType::Custom(name, _) => super::scope::parts(name).join("."),
        other => other.to_string().to_lowercase(),
    };
    format!("type \"{shown}\" does not exist")
}
