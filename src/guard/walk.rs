//! The walk over a final statement. Deny by default: every construct that may stand in a statement is named here, and
//! whatever is not named is refused.

use sqlparser::ast::{
    CaseWhen, Cte, Distinct, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    GroupByExpr, Join, JoinConstraint, JoinOperator, LimitClause, ObjectName, ObjectNamePart, OrderBy, OrderByExpr,
    OrderByKind, Query, Select, SelectFlavor, SelectItem, SetExpr, SetOperator, TableAlias, TableFactor,
    TableWithJoins, WindowFrameBound, WindowSpec, WindowType,
};
use sqlparser::dialect::Dialect;

use super::binding::reads_as_its_tree;
use super::predicate::{self, Texts};
use super::printed;
use super::verify::Requirement;

/// Why a statement is refused.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

type Checked = Result<(), Refusal>;

fn refuse<T>(what: &str) -> Result<T, Refusal> {
    Err(Refusal(what.to_owned()))
}

fn must(holds: bool, otherwise: &str) -> Checked {
    if holds { Ok(()) } else { refuse(otherwise) }
}

/// The name under which an identifier reads, without its quotes.
pub(super) fn plain(ident: &sqlparser::ast::Ident) -> Option<String> {
    match ident.quote_style {
        Some('"') => Some(ident.value.replace("\"\"", "\"")),
        Some(_) | None => None,
    }
}

fn parts(name: &ObjectName) -> Option<Vec<String>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => plain(ident),
            ObjectNamePart::Function(_) => None,
        })
        .collect()
}

/// One walk, with the common table expressions that can be seen where it stands.
pub(super) struct Walk<'a> {
    requirements: &'a [Requirement],
    texts: Texts,
    common_tables: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(requirements: &'a [Requirement], grammar: &dyn Dialect) -> Self {
        Self { requirements, texts: Texts::of(grammar), common_tables: Vec::new() }
    }

    /// A query with its WITH, body, order and limit.
    #[recursive::recursive]
    pub(super) fn query(&mut self, query: &Query) -> Checked {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        must(fetch.is_none(), "FETCH")?;
        must(locks.is_empty(), "a lock")?;
        must(for_clause.is_none(), "a FOR clause")?;
        must(settings.is_none(), "SETTINGS")?;
        must(format_clause.is_none(), "FORMAT")?;
        must(pipe_operators.is_empty(), "a pipe operator")?;
        let visible = self.common_tables.len();
        if let Some(with) = with {
            must(!with.recursive, "WITH RECURSIVE")?;
            with.cte_tables.iter().try_for_each(|table| self.common_table(table))?;
        }
        self.body(body)?;
        order_by.iter().try_for_each(|order| self.order(order))?;
        limit_clause.iter().try_for_each(|limit| self.limit(limit))?;
        self.common_tables.truncate(visible);
        Ok(())
    }

    /// A common table may not bear the name of a base table: a later reader could take one for the other.
    fn common_table(&mut self, table: &Cte) -> Checked {
        let Cte { alias, query, from, materialized: _, closing_paren_token: _ } = table;
        must(from.is_none(), "WITH … FROM")?;
        must(alias.columns.is_empty() && alias.at.is_none(), "columns of a common table")?;
        let Some(name) = plain(&alias.name) else {
            return refuse("a common table's name without quotes");
        };
        let shadows = self.requirements.iter().any(|required| required.physical.last() == Some(&name));
        must(!shadows, "a common table with the name of a base table")?;
        self.query(query)?;
        self.common_tables.push(name);
        Ok(())
    }

    #[recursive::recursive]
    fn body(&mut self, body: &SetExpr) -> Checked {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { op, set_quantifier: _, left, right } => {
                must(!matches!(op, SetOperator::Minus), "MINUS")?;
                self.body(left)?;
                self.body(right)
            }
            SetExpr::Values(values) => values.rows.iter().try_for_each(|row| self.all(&row.content)),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => {
                refuse("a query body of an unknown kind")
            }
        }
    }

    fn select(&mut self, select: &Select) -> Checked {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        must(optimizer_hints.is_empty() && select_modifiers.is_none(), "a hint or modifier of SELECT")?;
        must(top.is_none() && exclude.is_none() && into.is_none(), "TOP, EXCLUDE or INTO")?;
        must(lateral_views.is_empty() && connect_by.is_empty(), "LATERAL VIEW or CONNECT")?;
        must(cluster_by.is_empty() && distribute_by.is_empty() && sort_by.is_empty(), "CLUSTER, DISTRIBUTE, SORT BY")?;
        must(named_window.is_empty() && qualify.is_none() && value_table_mode.is_none(), "WINDOW or QUALIFY")?;
        must(matches!(flavor, SelectFlavor::Standard), "a SELECT that begins with FROM")?;
        // What is looked at first is as good a place for the guard as WHERE, and a better one.
        self.from(from, &[prewhere.as_ref(), selection.as_ref()], projection)?;
        projection.iter().try_for_each(|item| self.item(item))?;
        prewhere.iter().chain(selection).chain(having).try_for_each(|expr| self.expr(expr))?;
        match distinct {
            None | Some(Distinct::All | Distinct::Distinct) => {}
            Some(Distinct::On(on)) => self.all(on)?,
        }
        self.group_by(group_by)
    }

    fn item(&mut self, item: &SelectItem) -> Checked {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, alias: _ } => self.expr(expr),
            SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => {
                refuse("a wildcard or a list of aliases")
            }
        }
    }

    fn group_by(&mut self, group_by: &GroupByExpr) -> Checked {
        match group_by {
            GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => self.all(keys),
            GroupByExpr::Expressions(..) | GroupByExpr::All(_) => refuse("GROUP BY ALL or with a modifier"),
        }
    }

    /// A base table stands alone in its FROM; everything else there is a derived table or a common table.
    fn from(&mut self, from: &[TableWithJoins], conditions: &[Option<&Expr>], projection: &[SelectItem]) -> Checked {
        if let [TableWithJoins { relation, joins }] = from
            && joins.is_empty()
        {
            return self.only_relation(relation, conditions, projection);
        }
        for TableWithJoins { relation, joins } in from {
            self.joined(relation)?;
            joins.iter().try_for_each(|join| self.join(join))?;
        }
        Ok(())
    }

    /// The alias of a base table says which column the guard is about, so nothing else may have its name: to ClickHouse
    /// an item of the SELECT list goes before a relation.
    fn only_relation(
        &mut self,
        relation: &TableFactor,
        conditions: &[Option<&Expr>],
        projection: &[SelectItem],
    ) -> Checked {
        let Some((name, alias)) = self.base_table(relation)? else { return self.joined(relation) };
        let stands_for_it = |item: &SelectItem| match item {
            SelectItem::ExprWithAlias { expr: _, alias: own } => plain(own).is_none_or(|own| {
                own.strip_prefix(&alias).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }),
            _ => false,
        };
        must(!projection.iter().any(stands_for_it), "a column with the name of its table's alias")?;
        self.guarded(&name, &alias, conditions)
    }

    fn join(&mut self, join: &Join) -> Checked {
        let Join { relation, global, join_operator } = join;
        must(!global, "GLOBAL JOIN")?;
        self.joined(relation)?;
        match join_operator {
            JoinOperator::Inner(constraint)
            | JoinOperator::Join(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::CrossJoin(constraint) => match constraint {
                JoinConstraint::On(expr) => self.expr(expr),
                JoinConstraint::None => Ok(()),
                JoinConstraint::Using(_) | JoinConstraint::Natural => refuse("USING or NATURAL"),
            },
            _ => refuse("a join of an unknown kind"),
        }
    }

    /// A relation that stands beside others, or that is no base table.
    fn joined(&mut self, relation: &TableFactor) -> Checked {
        match relation {
            TableFactor::Derived { lateral: false, subquery, alias: _, sample: None } => self.query(subquery),
            TableFactor::Table { .. } => match self.base_table(relation)? {
                None => Ok(()),
                Some((name, _)) => Err(Refusal(format!("the table {} beside others", name.join(".")))),
            },
            _ => refuse("a relation of an unknown kind"),
        }
    }

    /// The physical name and the alias of a base table; `None` for what is none.
    fn base_table(&self, relation: &TableFactor) -> Result<Option<(Vec<String>, String)>, Refusal> {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = relation
        else {
            let decorated = matches!(relation, TableFactor::Table { .. });
            return if decorated { refuse("a table with decorations") } else { Ok(None) };
        };
        must(with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty(), "a table with hints")?;
        let Some(parts) = parts(name) else {
            return refuse("a table's name without quotes");
        };
        if let [only] = parts.as_slice()
            && self.common_tables.contains(only)
        {
            return Ok(None);
        }
        match alias {
            Some(TableAlias { name, columns, at: None, explicit: _ }) if columns.is_empty() => match plain(name) {
                Some(alias) => Ok(Some((parts, alias))),
                None => refuse("a table's alias without quotes"),
            },
            Some(_) => refuse("a table whose alias renames columns"),
            None => refuse("a table without an alias"),
        }
    }

    /// Every row of the table must meet all of the conditions, so the guard may be either.
    fn guarded(&self, name: &[String], alias: &str, conditions: &[Option<&Expr>]) -> Checked {
        let mut known = false;
        for requirement in self.requirements.iter().filter(|required| required.physical == name) {
            known = true;
            if !conditions.iter().any(|condition| predicate::holds(requirement, alias, *condition, self.texts)) {
                return Err(Refusal(format!("the table {} outside its guard", name.join("."))));
            }
        }
        if known { Ok(()) } else { Err(Refusal(format!("the table {} that nobody asked for", name.join(".")))) }
    }

    fn order(&mut self, order: &OrderBy) -> Checked {
        must(order.interpolate.is_none(), "INTERPOLATE")?;
        match &order.kind {
            OrderByKind::Expressions(keys) => self.order_keys(keys),
            OrderByKind::All(_) => refuse("ORDER BY ALL"),
        }
    }

    fn order_keys(&mut self, keys: &[OrderByExpr]) -> Checked {
        keys.iter().try_for_each(|key| {
            must(key.with_fill.is_none(), "WITH FILL")?;
            self.expr(&key.expr)
        })
    }

    fn limit(&mut self, limit: &LimitClause) -> Checked {
        match limit {
            LimitClause::LimitOffset { limit, offset, limit_by } => {
                limit.iter().chain(offset.iter().map(|offset| &offset.value)).try_for_each(|expr| self.expr(expr))?;
                self.all(limit_by)
            }
            LimitClause::OffsetCommaLimit { .. } => refuse("LIMIT a, b"),
        }
    }

    fn all(&mut self, exprs: &[Expr]) -> Checked {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }

    #[recursive::recursive]
    fn expr(&mut self, expr: &Expr) -> Checked {
        must(reads_as_its_tree(expr), "an operand that needs parentheses")?;
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Ok(()),
            Expr::Value(value) => must(printed::is_one_value(&value.value), "a value that is more than one word"),
            Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::Nested(inner)
            | Expr::Cast { expr: inner, kind: _, data_type: _, array: _, format: None }
            | Expr::Extract { field: _, syntax: _, expr: inner }
            | Expr::Ceil { expr: inner, field: _ }
            | Expr::Floor { expr: inner, field: _ }
            | Expr::Collate { expr: inner, collation: _ } => self.expr(inner),
            Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right)
            | Expr::BinaryOp { left, op: _, right }
            | Expr::AnyOp { left, compare_op: _, right, is_some: _ }
            | Expr::AllOp { left, compare_op: _, right }
            | Expr::AtTimeZone { timestamp: left, time_zone: right }
            | Expr::Position { expr: left, r#in: right }
            | Expr::Like { expr: left, pattern: right, negated: _, any: false, escape_char: _ }
            | Expr::ILike { expr: left, pattern: right, negated: _, any: false, escape_char: _ }
            | Expr::SimilarTo { expr: left, pattern: right, negated: _, escape_char: _ } => {
                self.expr(left)?;
                self.expr(right)
            }
            Expr::InList { expr, list, negated: _ } => {
                self.expr(expr)?;
                self.all(list)
            }
            Expr::Between { expr, negated: _, low, high } => {
                self.expr(expr)?;
                self.expr(low)?;
                self.expr(high)
            }
            Expr::Tuple(list) => self.all(list),
            Expr::Array(array) => self.all(&array.elem),
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                sets.iter().try_for_each(|set| self.all(set))
            }
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.expr(expr)?;
                substring_from.iter().chain(substring_for).try_for_each(|part| self.expr(part))
            }
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters: None } => {
                self.expr(expr)?;
                trim_what.iter().try_for_each(|part| self.expr(part))
            }
            Expr::Case { operand, conditions, else_result, case_token: _, end_token: _ } => {
                operand.iter().chain(else_result).try_for_each(|part| self.expr(part))?;
                conditions.iter().try_for_each(|CaseWhen { condition, result }| {
                    self.expr(condition)?;
                    self.expr(result)
                })
            }
            Expr::UnaryOp { op, expr: inner } => {
                must(!printed::is_comment(*op, inner), "two signs in a row")?;
                self.expr(inner)
            }
            Expr::Function(function) => self.function(function),
            Expr::InSubquery { expr, subquery, negated: _ } => {
                self.expr(expr)?;
                self.query(subquery)
            }
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => self.query(subquery),
            Expr::Lambda(lambda) => self.expr(&lambda.body),
            _ => refuse("an expression of an unknown kind"),
        }
    }

    fn function(&mut self, function: &Function) -> Checked {
        let Function { name, uses_odbc_syntax, parameters, args, filter, null_treatment: _, over, within_group } =
            function;
        let [ObjectNamePart::Identifier(own)] = name.0.as_slice() else {
            return refuse("a function of another schema");
        };
        must(!uses_odbc_syntax && !printed::reads_elsewhere(&own.value), "a function that reads tables or files")?;
        self.arguments(parameters)?;
        self.arguments(args)?;
        filter.iter().try_for_each(|filter| self.expr(filter))?;
        self.order_keys(within_group)?;
        match over {
            None => Ok(()),
            Some(WindowType::WindowSpec(window)) => self.window(window),
            Some(WindowType::NamedWindow(_)) => refuse("a named window"),
        }
    }

    fn arguments(&mut self, arguments: &FunctionArguments) -> Checked {
        let list = match arguments {
            FunctionArguments::None => return Ok(()),
            FunctionArguments::Subquery(query) => return self.query(query),
            FunctionArguments::List(list) => list,
        };
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expr(expr)?,
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {}
                FunctionArg::Unnamed(_) | FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
                    return refuse("an argument of an unknown kind");
                }
            }
        }
        list.clauses.iter().try_for_each(|clause| match clause {
            FunctionArgumentClause::OrderBy(keys) => self.order_keys(keys),
            FunctionArgumentClause::IgnoreOrRespectNulls(_) => Ok(()),
            _ => refuse("a clause of an unknown kind among arguments"),
        })
    }

    fn window(&mut self, window: &WindowSpec) -> Checked {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = window;
        must(window_name.is_none(), "a named window")?;
        self.all(partition_by)?;
        self.order_keys(order_by)?;
        let Some(frame) = window_frame else { return Ok(()) };
        std::iter::once(&frame.start_bound).chain(&frame.end_bound).try_for_each(|bound| match bound {
            WindowFrameBound::CurrentRow => Ok(()),
            WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) => {
                value.iter().try_for_each(|value| self.expr(value))
            }
        })
    }
}
