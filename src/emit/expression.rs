//! Scalar expressions.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList, Like, Placeholder, SetQuantifier};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use sqlparser::ast::{self, BinaryOperator, UnaryOperator, Value};

use crate::base::InternalError;

use super::dialect::Dialect;
use super::error::EmitError;
use super::literal::{self, Place};
use super::scope::Scope;
use super::uses::unnamed;
use super::{clickhouse, floats, nodes, quote, template, types};

/// Writes expressions and numbers the aliases and parameters of one statement.
#[derive(Debug)]
pub(super) struct Writer {
    /// The dialect.
    pub(super) dialect: Dialect,
    /// Relation aliases given so far.
    pub(super) aliases: usize,
    /// The client's numbers of the parameters met so far, in the order of the statement's own.
    pub(super) parameters: Vec<usize>,
}

/// How tightly a piece of syntax holds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tightness {
    /// AND, OR and NOT.
    Logic,
    /// Comparisons and tests.
    Comparison,
    /// Arithmetic.
    Arithmetic,
    /// What needs no parentheses anywhere.
    Atom,
}

fn tightness(expr: &ast::Expr) -> Tightness {
    match expr {
        ast::Expr::Identifier(_)
        | ast::Expr::CompoundIdentifier(_)
        | ast::Expr::Value(_)
        | ast::Expr::Function(_)
        | ast::Expr::Cast { .. }
        | ast::Expr::Nested(_)
        | ast::Expr::Subquery(_)
        | ast::Expr::Case { .. }
        | ast::Expr::Tuple(_)
        | ast::Expr::Array(_)
        | ast::Expr::Wildcard(_)
        | ast::Expr::Extract { .. }
        | ast::Expr::Exists { negated: false, .. } => Tightness::Atom,
        ast::Expr::BinaryOp { op, .. } => match op {
            BinaryOperator::And | BinaryOperator::Or => Tightness::Logic,
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo => Tightness::Arithmetic,
            _ => Tightness::Comparison,
        },
        ast::Expr::UnaryOp { op: UnaryOperator::Not, .. } => Tightness::Logic,
        _ => Tightness::Comparison,
    }
}

/// Puts parentheses around what holds together less than is needed.
pub(super) fn at_least(expr: ast::Expr, needed: Tightness) -> ast::Expr {
    if tightness(&expr) >= needed { expr } else { ast::Expr::Nested(Box::new(expr)) }
}

/// An expression between parentheses, unless it needs none.
pub(super) fn atom(expr: ast::Expr) -> ast::Expr {
    at_least(expr, Tightness::Atom)
}

/// All conditions joined by AND, left to right.
pub(super) fn all_of(conditions: impl IntoIterator<Item = ast::Expr>) -> Option<ast::Expr> {
    conditions.into_iter().map(|part| at_least(part, Tightness::Comparison)).reduce(|left, right| ast::Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    })
}

/// The operands of a chain of one operator, in order, found without recursion: such a chain may have thousands.
pub(super) fn chain(expr: &Expr, operator: Operator) -> Vec<&Expr> {
    chain_from(vec![expr], operator)
}

fn chain_from(mut open: Vec<&Expr>, operator: Operator) -> Vec<&Expr> {
    let mut operands = Vec::new();
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == operator => {
                open.extend([right.as_ref(), left.as_ref()]);
            }
            Expr::Alias(alias) => open.push(&alias.expr),
            other => operands.push(other),
        }
    }
    operands
}

pub(super) fn binary(left: ast::Expr, op: BinaryOperator, right: ast::Expr) -> ast::Expr {
    ast::Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// `(left IS DISTINCT FROM right)`. In parentheses, because there are parsers that take all that follows for the second
/// operand.
pub(super) fn distinct(left: Box<ast::Expr>, right: Box<ast::Expr>) -> ast::Expr {
    ast::Expr::Nested(Box::new(ast::Expr::IsDistinctFrom(left, right)))
}

/// `(left IS NOT DISTINCT FROM right)`, in parentheses as [`distinct`].
pub(super) fn not_distinct(left: Box<ast::Expr>, right: Box<ast::Expr>) -> ast::Expr {
    ast::Expr::Nested(Box::new(ast::Expr::IsNotDistinctFrom(left, right)))
}

type Written = Result<ast::Expr, EmitError>;

/// What relation aliases begin with, before their number.
const ALIAS: char = 't';

/// Whether a name could be a relation's alias. Columns of a SELECT list have no such names: to ClickHouse the alias of an
/// expression goes before that of a relation.
pub(super) fn could_be_an_alias(name: &str) -> bool {
    name.strip_prefix(ALIAS).is_some_and(|rest| {
        let number = rest.split('.').next().unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

impl Writer {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, aliases: 0, parameters: Vec::new() }
    }

    /// The next relation alias.
    pub(super) fn next_alias(&mut self) -> String {
        let alias = format!("{ALIAS}{}", self.aliases);
        self.aliases += 1;
        alias
    }

    /// The next relation alias under which each column of a table can be told from the others: to ClickHouse `t0.x` is
    /// the column `t0.x`, or the field `x` of a column `t0`, before it is the column `x` of a table with the alias `t0`.
    pub(super) fn next_alias_beside<'a>(&mut self, columns: &(impl Iterator<Item = &'a str> + Clone)) -> String {
        loop {
            let alias = self.next_alias();
            let stands_for_another = |column: &str| {
                column.strip_prefix(alias.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if !columns.clone().any(stands_for_another) {
                return alias;
            }
        }
    }

    pub(super) fn unsupported<T>(&self, what: impl Into<String>) -> Result<T, EmitError> {
        Err(EmitError::unsupported(what, self.dialect))
    }

    /// An expression on its own, where its type shows.
    pub(super) fn alone(&mut self, expr: &Expr, scope: &Scope<'_>) -> Written {
        match expr {
            Expr::Literal(value, _) => literal::write(self.dialect, value, Place::Alone),
            Expr::Alias(alias) => self.alone(&alias.expr, scope),
            other => self.expr(other, scope),
        }
    }

    /// An operand that needs to hold together.
    fn operand(&mut self, expr: &Expr, scope: &Scope<'_>, needed: Tightness) -> Written {
        Ok(at_least(self.expr(expr, scope)?, needed))
    }

    fn boxed(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Box<ast::Expr>, EmitError> {
        Ok(Box::new(atom(self.expr(expr, scope)?)))
    }

    /// A condition whose NULL counts as false. Its conjuncts come apart, so that each can be seen.
    pub(super) fn conditions(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<Vec<ast::Expr>, EmitError> {
        chain(expr, Operator::And).into_iter().map(|part| self.condition(part, scope)).collect()
    }

    /// One conjunct of a condition.
    pub(super) fn condition(&mut self, part: &Expr, scope: &Scope<'_>) -> Written {
        match part {
            Expr::InList(list) if !list.negated && !list.list.is_empty() => {
                let written = self.expr(&list.expr, scope)?;
                self.plain_in_list(list, written, scope)
            }
            other => self.expr(other, scope),
        }
    }

    /// An expression, where a literal's type shows from what stands beside it.
    #[recursive::recursive]
    pub(super) fn expr(&mut self, expr: &Expr, scope: &Scope<'_>) -> Written {
        match expr {
            Expr::Alias(alias) => self.expr(&alias.expr, scope),
            Expr::Column(column) => Ok(scope.slot(column)?.map_or_else(stand_in, |slot| slot.expr.clone())),
            Expr::OuterReferenceColumn(_, column) => {
                Ok(scope.outer_slot(column)?.map_or_else(stand_in, |slot| slot.expr.clone()))
            }
            Expr::Literal(value, _) => literal::write(self.dialect, value, Place::Beside),
            Expr::BinaryExpr(binary) => self.binary(binary, scope),
            Expr::Like(like) => self.like(like, scope),
            Expr::SimilarTo(like) => self.similar_to(like, scope),
            Expr::Not(inner) => Ok(ast::Expr::UnaryOp { op: UnaryOperator::Not, expr: self.boxed(inner, scope)? }),
            Expr::IsNotNull(inner) => Ok(ast::Expr::IsNotNull(self.boxed(inner, scope)?)),
            Expr::IsNull(inner) => Ok(ast::Expr::IsNull(self.boxed(inner, scope)?)),
            Expr::IsTrue(inner) => self.is_truth(inner, true, false, scope),
            Expr::IsFalse(inner) => self.is_truth(inner, false, false, scope),
            Expr::IsUnknown(inner) => Ok(ast::Expr::IsNull(self.boxed(inner, scope)?)),
            Expr::IsNotTrue(inner) => self.is_truth(inner, true, true, scope),
            Expr::IsNotFalse(inner) => self.is_truth(inner, false, true, scope),
            Expr::IsNotUnknown(inner) => Ok(ast::Expr::IsNotNull(self.boxed(inner, scope)?)),
            Expr::Negative(inner) if self.dialect == Dialect::ClickHouse => clickhouse::negative(self, inner, scope),
            Expr::Negative(inner) => {
                let inner = ast::Expr::Nested(Box::new(self.expr(inner, scope)?));
                Ok(ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(inner) })
            }
            Expr::Between(between) => self.between(between, scope),
            Expr::Case(case) => self.case(case, scope),
            Expr::Cast(cast) => self.cast(&cast.expr, cast.field.data_type(), scope),
            Expr::ScalarFunction(call) => self.scalar_call(call, scope),
            Expr::AggregateFunction(call) => self.aggregate_call(call, scope),
            Expr::WindowFunction(call) => self.window_call(call, scope),
            Expr::InList(list) => self.in_list(list, scope),
            Expr::Exists(exists) => {
                let subquery = self.subquery(&exists.subquery, scope, false)?;
                Ok(ast::Expr::Exists { subquery, negated: exists.negated })
            }
            Expr::InSubquery(membership) => {
                if self.dialect == Dialect::ClickHouse && !membership.subquery.outer_ref_columns.is_empty() {
                    return self.unsupported("IN with a subquery that reads outer columns");
                }
                let nullable_sides = self.dialect == Dialect::ClickHouse && may_be_null(&membership.expr, scope);
                if floats::is_float(self, &membership.expr, scope) {
                    return self.unsupported("IN (SELECT …) over floats");
                }
                if nullable_sides || (self.dialect == Dialect::ClickHouse && membership.negated) {
                    return self.unsupported("IN (SELECT …) over what may be NULL");
                }
                let subquery = self.subquery(&membership.subquery, scope, true)?;
                let expr = self.boxed(&membership.expr, scope)?;
                Ok(ast::Expr::InSubquery { expr, subquery, negated: membership.negated })
            }
            Expr::SetComparison(comparison) => {
                if self.dialect == Dialect::ClickHouse {
                    return self.unsupported("ANY or ALL of a subquery");
                }
                let Some(compare_op) = operator(comparison.op) else {
                    return self.unsupported(format!("operator {}", comparison.op));
                };
                let left = self.boxed(&comparison.expr, scope)?;
                let right = Box::new(ast::Expr::Subquery(self.subquery(&comparison.subquery, scope, true)?));
                Ok(match comparison.quantifier {
                    SetQuantifier::Any => ast::Expr::AnyOp { left, compare_op, right, is_some: false },
                    SetQuantifier::All => ast::Expr::AllOp { left, compare_op, right },
                })
            }
            Expr::ScalarSubquery(subquery) => {
                if self.dialect == Dialect::ClickHouse && !subquery.outer_ref_columns.is_empty() {
                    return self.unsupported("a correlated subquery as a value");
                }
                Ok(ast::Expr::Subquery(self.subquery(subquery, scope, true)?))
            }
            Expr::Placeholder(placeholder) => self.parameter(placeholder),
            Expr::TryCast(_) => self.unsupported("TRY_CAST"),
            Expr::ScalarVariable(..) => self.unsupported("a variable"),
            #[expect(deprecated, reason = "the variant exists until the library drops it")]
            Expr::Wildcard { .. } => self.unsupported("a wildcard"),
            Expr::GroupingSet(_) => self.unsupported("a grouping set here"),
            Expr::Unnest(_) => self.unsupported("unnest"),
            Expr::HigherOrderFunction(_) | Expr::Lambda(_) | Expr::LambdaVariable(_) => self.unsupported("a lambda"),
        }
    }

    fn binary(&mut self, expr: &BinaryExpr, scope: &Scope<'_>) -> Written {
        match expr.op {
            Operator::And | Operator::Or => return self.logic(expr, scope),
            Operator::IsDistinctFrom | Operator::IsNotDistinctFrom if floats::is_float(self, &expr.left, scope) => {
                return self.unsupported("IS DISTINCT FROM of floats");
            }
            Operator::IsDistinctFrom => {
                let (left, right) = (self.boxed(&expr.left, scope)?, self.boxed(&expr.right, scope)?);
                return Ok(distinct(left, right));
            }
            Operator::IsNotDistinctFrom => {
                let (left, right) = (self.boxed(&expr.left, scope)?, self.boxed(&expr.right, scope)?);
                return Ok(not_distinct(left, right));
            }
            _ => {}
        }
        if self.dialect == Dialect::ClickHouse
            && let Some(special) = clickhouse::binary(self, expr, scope)?
        {
            return Ok(special);
        }
        let Some(op) = operator(expr.op) else {
            return self.unsupported(format!("operator {}", expr.op));
        };
        let needed = if is_comparison(expr.op) { Tightness::Arithmetic } else { Tightness::Atom };
        // Two literals side by side give each other no type.
        let both_literal = is_literal(&expr.left) && is_literal(&expr.right);
        if both_literal {
            let (left, right) = (self.alone(&expr.left, scope)?, self.alone(&expr.right, scope)?);
            return Ok(binary(at_least(left, needed), op, at_least(right, needed)));
        }
        let left = self.operand(&expr.left, scope, needed)?;
        Ok(binary(left, op, self.operand(&expr.right, scope, needed)?))
    }

    fn logic(&mut self, expr: &BinaryExpr, scope: &Scope<'_>) -> Written {
        let op = if expr.op == Operator::And { BinaryOperator::And } else { BinaryOperator::Or };
        let mut joined: Option<ast::Expr> = None;
        for operand in chain_from(vec![&expr.right, &expr.left], expr.op) {
            let operand = self.operand(operand, scope, Tightness::Comparison)?;
            joined = Some(match joined {
                None => operand,
                Some(left) => binary(left, op.clone(), operand),
            });
        }
        joined.ok_or_else(|| InternalError::new("a chain without operands").into())
    }

    fn is_truth(&mut self, inner: &Expr, truth: bool, negated: bool, scope: &Scope<'_>) -> Written {
        let inner = self.boxed(inner, scope)?;
        if self.dialect == Dialect::ClickHouse {
            let truth = Box::new(ast::Expr::Value(Value::Boolean(truth).into()));
            return Ok(match negated {
                true => distinct(inner, truth),
                false => not_distinct(inner, truth),
            });
        }
        Ok(match (truth, negated) {
            (true, false) => ast::Expr::IsTrue(inner),
            (true, true) => ast::Expr::IsNotTrue(inner),
            (false, false) => ast::Expr::IsFalse(inner),
            (false, true) => ast::Expr::IsNotFalse(inner),
        })
    }

    fn like(&mut self, like: &Like, scope: &Scope<'_>) -> Written {
        let escape_char = self.escape(like.escape_char)?;
        let (expr, pattern) = (self.boxed(&like.expr, scope)?, self.boxed(&like.pattern, scope)?);
        let negated = like.negated;
        Ok(if like.case_insensitive {
            ast::Expr::ILike { negated, any: false, expr, pattern, escape_char }
        } else {
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char }
        })
    }

    /// A backslash is everybody's escape when none is said.
    fn escape(&self, escape: Option<char>) -> Result<Option<ast::ValueWithSpan>, EmitError> {
        match (escape, self.dialect) {
            (None | Some('\\'), _) => Ok(None),
            (Some(_), Dialect::ClickHouse) => self.unsupported("LIKE with an escape character of its own"),
            (Some(escape), Dialect::PostgreSql | Dialect::Redis) => {
                Ok(Some(quote::text(self.dialect, &escape.to_string())?.into()))
            }
        }
    }

    fn similar_to(&mut self, like: &Like, scope: &Scope<'_>) -> Written {
        if self.dialect == Dialect::ClickHouse {
            return self.unsupported("SIMILAR TO");
        }
        let escape_char = self.escape(like.escape_char)?;
        let (expr, pattern) = (self.boxed(&like.expr, scope)?, self.boxed(&like.pattern, scope)?);
        Ok(ast::Expr::SimilarTo { negated: like.negated, expr, pattern, escape_char })
    }

    fn between(&mut self, between: &Between, scope: &Scope<'_>) -> Written {
        if floats::is_float(self, &between.expr, scope) {
            return floats::between(self, between, scope);
        }
        Ok(ast::Expr::Between {
            expr: self.boxed(&between.expr, scope)?,
            negated: between.negated,
            low: self.boxed(&between.low, scope)?,
            high: self.boxed(&between.high, scope)?,
        })
    }

    fn case(&mut self, case: &Case, scope: &Scope<'_>) -> Written {
        let mut operand = match &case.expr {
            None => None,
            Some(operand) if floats::is_float(self, operand, scope) => return self.unsupported("CASE of a float"),
            Some(operand) => Some(self.boxed(operand, scope)?),
        };
        let mut conditions = case
            .when_then_expr
            .iter()
            .map(|(when, then)| {
                Ok(ast::CaseWhen { condition: self.expr(when, scope)?, result: self.alone(then, scope)? })
            })
            .collect::<Result<Vec<_>, EmitError>>()?;
        // For ClickHouse, NULL is then equal to NULL.
        let is_constant =
            |(when, _): &(Box<Expr>, Box<Expr>)| matches!(unnamed(when), Expr::Literal(value, _) if !value.is_null());
        if self.dialect == Dialect::ClickHouse
            && !case.when_then_expr.iter().all(is_constant)
            && let Some(operand) = operand.take()
        {
            template::check_repeated(self.dialect, &operand)?;
            for when in &mut conditions {
                let value = std::mem::replace(&mut when.condition, ast::Expr::Value(Value::Null.into()));
                when.condition = binary(atom(operand.as_ref().clone()), BinaryOperator::Eq, atom(value));
            }
        }
        let else_result = match &case.else_expr {
            None => None,
            Some(otherwise) => Some(Box::new(self.alone(otherwise, scope)?)),
        };
        Ok(ast::Expr::Case {
            case_token: ast::helpers::attached_token::AttachedToken::empty(),
            end_token: ast::helpers::attached_token::AttachedToken::empty(),
            operand,
            conditions,
            else_result,
        })
    }

    fn cast(&mut self, inner: &Expr, target: &DataType, scope: &Scope<'_>) -> Written {
        if !types::is_plain(target) {
            return self.unsupported(format!("a cast to {target}"));
        }
        if let Some(folded) = folded(inner, target) {
            return literal::write(self.dialect, &folded, Place::Beside);
        }
        if self.dialect == Dialect::ClickHouse {
            clickhouse::check_cast(inner, target, scope)?;
        }
        let mut written = self.alone(inner, scope)?;
        // Conditions are numbers there, which read otherwise.
        if self.dialect == Dialect::ClickHouse
            && target.is_string()
            && inner.get_type(scope.schema).is_ok_and(|source| source == DataType::Boolean)
        {
            written = types::cast(self.dialect, written, &DataType::Boolean)?;
        }
        types::cast(self.dialect, written, target)
    }

    fn plain_in_list(&mut self, list: &InList, written: ast::Expr, scope: &Scope<'_>) -> Written {
        let has_null = list.list.iter().any(|item| !matches!(item, Expr::Literal(value, _) if !value.is_null()));
        if floats::is_float(self, &list.expr, scope) && list.list.iter().any(floats::may_be_nan) {
            return self.unsupported("IN over a list with NaN");
        }
        if self.dialect == Dialect::ClickHouse && has_null {
            return self.unsupported("IN over a list with NULL or with expressions");
        }
        let mut expr = written;
        // ClickHouse turns the list into the type of what it is looked for in, and a column may hold seconds.
        if self.dialect == Dialect::ClickHouse
            && let Ok(data_type) = list.expr.get_type(scope.schema)
            && clickhouse::arrives_otherwise(&data_type)
        {
            expr = types::cast(self.dialect, expr, &data_type)?;
        }
        let items = list.list.iter().map(|item| self.expr(item, scope)).collect::<Result<_, _>>()?;
        Ok(ast::Expr::InList { expr: Box::new(atom(expr)), list: items, negated: list.negated })
    }

    /// In ClickHouse a NULL is in no list and outside every one, where PostgreSQL says NULL.
    fn in_list(&mut self, list: &InList, scope: &Scope<'_>) -> Written {
        if list.list.is_empty() {
            return Ok(ast::Expr::Value(Value::Boolean(list.negated).into()));
        }
        let written = self.expr(&list.expr, scope)?;
        if self.dialect != Dialect::ClickHouse || !may_be_null(&list.expr, scope) {
            return self.plain_in_list(list, written, scope);
        }
        template::check_repeated(self.dialect, &written)?;
        let condition = ast::Expr::IsNull(Box::new(atom(written.clone())));
        let plain = self.plain_in_list(list, written, scope)?;
        let null = ast::Expr::Value(Value::Null.into());
        Ok(ast::Expr::Case {
            case_token: ast::helpers::attached_token::AttachedToken::empty(),
            end_token: ast::helpers::attached_token::AttachedToken::empty(),
            operand: None,
            conditions: vec![ast::CaseWhen { condition, result: null }],
            else_result: Some(Box::new(plain)),
        })
    }

    /// A subquery's own query; without `columns` only whether it has rows matters.
    fn subquery(
        &mut self,
        subquery: &Subquery,
        scope: &Scope<'_>,
        columns: bool,
    ) -> Result<Box<ast::Query>, EmitError> {
        if scope.columns.is_none() {
            // Whether the subquery's own nodes can be said is asked of each of them.
            return Ok(Box::new(nodes::empty_query()));
        }
        Ok(Box::new(nodes::subquery(self, &subquery.subquery, scope, columns)?))
    }

    /// A parameter with its type; a value of the client never becomes text of the statement.
    fn parameter(&mut self, placeholder: &Placeholder) -> Written {
        let Some(number) = placeholder.id.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok()) else {
            return Err(InternalError::new(format!("a parameter named {}", placeholder.id)).into());
        };
        let known = self.parameters.iter().position(|seen| *seen == number);
        let own = known.unwrap_or_else(|| {
            self.parameters.push(number);
            self.parameters.len() - 1
        }) + 1;
        let data_type = placeholder.field.as_ref().map(|field| field.data_type());
        match (self.dialect, data_type) {
            (Dialect::ClickHouse, Some(data_type)) => {
                let name = types::name(self.dialect, data_type)?;
                Ok(ast::Expr::Value(Value::Placeholder(format!("{{p{own}:Nullable({name})}}")).into()))
            }
            (Dialect::ClickHouse, None) => self.unsupported("a parameter of unknown type"),
            (Dialect::PostgreSql | Dialect::Redis, data_type) => {
                let parameter = ast::Expr::Value(Value::Placeholder(format!("${own}")).into());
                data_type.map_or(Ok(parameter.clone()), |data_type| types::cast(self.dialect, parameter, data_type))
            }
        }
    }
}

/// A whole number that the planner casts to another numeric type is written in that type at once.
fn folded(inner: &Expr, target: &DataType) -> Option<ScalarValue> {
    match inner {
        Expr::Literal(value, _) if value.data_type().is_integer() && target.is_numeric() && !value.is_null() => {
            value.cast_to(target).ok().filter(|cast| !cast.is_null())
        }
        _ => None,
    }
}

/// What stands for a column while it is only asked whether an expression can be said.
fn stand_in() -> ast::Expr {
    ast::Expr::Identifier(ast::Ident::new("c"))
}

fn is_comparison(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(..) => true,
        Expr::Alias(alias) => is_literal(&alias.expr),
        _ => false,
    }
}

/// Whether a value may be NULL. What cannot be told may be.
pub(super) fn may_be_null(expr: &Expr, scope: &Scope<'_>) -> bool {
    match expr {
        Expr::Literal(value, _) => matches!(value, ScalarValue::Null) || value.is_null(),
        other => other.nullable(scope.schema).unwrap_or(true),
    }
}

/// The operators that read the same in both dialects.
pub(super) fn operator(op: Operator) -> Option<BinaryOperator> {
    Some(match op {
        Operator::Eq => BinaryOperator::Eq,
        Operator::NotEq => BinaryOperator::NotEq,
        Operator::Lt => BinaryOperator::Lt,
        Operator::LtEq => BinaryOperator::LtEq,
        Operator::Gt => BinaryOperator::Gt,
        Operator::GtEq => BinaryOperator::GtEq,
        Operator::Plus => BinaryOperator::Plus,
        Operator::Minus => BinaryOperator::Minus,
        Operator::Multiply => BinaryOperator::Multiply,
        Operator::Divide => BinaryOperator::Divide,
        Operator::Modulo => BinaryOperator::Modulo,
        Operator::And => BinaryOperator::And,
        Operator::Or => BinaryOperator::Or,
        Operator::RegexMatch => BinaryOperator::PGRegexMatch,
        Operator::RegexIMatch => BinaryOperator::PGRegexIMatch,
        Operator::RegexNotMatch => BinaryOperator::PGRegexNotMatch,
        Operator::RegexNotIMatch => BinaryOperator::PGRegexNotIMatch,
        Operator::LikeMatch => BinaryOperator::PGLikeMatch,
        Operator::ILikeMatch => BinaryOperator::PGILikeMatch,
        Operator::NotLikeMatch => BinaryOperator::PGNotLikeMatch,
        Operator::NotILikeMatch => BinaryOperator::PGNotILikeMatch,
        Operator::BitwiseAnd => BinaryOperator::BitwiseAnd,
        Operator::BitwiseOr => BinaryOperator::BitwiseOr,
        Operator::BitwiseXor => BinaryOperator::PGBitwiseXor,
        Operator::BitwiseShiftRight => BinaryOperator::PGBitwiseShiftRight,
        Operator::BitwiseShiftLeft => BinaryOperator::PGBitwiseShiftLeft,
        Operator::StringConcat => BinaryOperator::StringConcat,
        Operator::AtArrow => BinaryOperator::AtArrow,
        Operator::ArrowAt => BinaryOperator::ArrowAt,
        Operator::Arrow => BinaryOperator::Arrow,
        Operator::LongArrow => BinaryOperator::LongArrow,
        Operator::HashArrow => BinaryOperator::HashArrow,
        Operator::HashLongArrow => BinaryOperator::HashLongArrow,
        Operator::HashMinus => BinaryOperator::HashMinus,
        Operator::IsDistinctFrom
        | Operator::IsNotDistinctFrom
        | Operator::AtAt
        | Operator::IntegerDivide
        | Operator::AtQuestion
        | Operator::Question
        | Operator::QuestionAnd
        | Operator::QuestionPipe
        | Operator::Colon => return None,
    })
}
