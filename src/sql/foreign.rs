//! What the parser reads and PostgreSQL does not: clauses of other databases.
//!
//! The planner would pass over some of them in silence, and answer another question than the one that was asked. Every
//! field of the tree that can hold such a clause is named here, so that a new one does not pass by accident.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Distinct, GroupByExpr, Join, JoinOperator, LimitClause, OrderByKind, Query, Select, SelectFlavor, SelectItem,
    TableFactor, TableSample, TableSampleKind, TableSampleMethod, TableSampleModifier, TableSampleSeedModifier,
    TableWithJoins, Visitor, WildcardAdditionalOptions,
};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState};

use super::lexer::Piece;
use super::syntax;

/// Refuses a query with a clause that PostgreSQL does not have, or that nothing here can answer.
///
/// # Errors
/// `42601` where PostgreSQL would not read it either, `0A000` where it would.
pub(super) fn refuse(query: &Query, piece: &Piece) -> Result<(), ErrorReport> {
    if let Some(bracket) = after_constructor(&piece.tokens) {
        return Err(syntax::unexpected(piece, Some(bracket)));
    }
    match walk(query, &mut Refuser) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(clause) => Err(clause.report(piece)),
    }
}

/// The bracket of a subscript right after `ARRAY[…]`, which needs parentheses.
fn after_constructor(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    let is_array = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::ARRAY);
    let begins = tokens.windows(2).enumerate();
    begins.filter(|(_, pair)| is_array(&pair[0].token) && pair[1].token == Token::LBracket).find_map(|(index, _)| {
        let mut depth = 0_i32;
        let end = tokens.iter().skip(index + 1).position(|token| {
            depth += match token.token {
                Token::LBracket => 1,
                Token::RBracket => -1,
                _ => 0,
            };
            depth == 0
        })?;
        tokens.get(index + 1 + end + 1).filter(|next| next.token == Token::LBracket)
    })
}

/// A clause by the word that begins it.
#[derive(Debug, Clone, Copy)]
enum Clause {
    /// PostgreSQL stumbles over the word.
    At(&'static str),
    /// PostgreSQL takes the word for a name, and stumbles over what follows.
    After(&'static str),
    /// PostgreSQL has it.
    Missing(&'static str, &'static str),
    /// `LIMIT 1, 2`
    LimitComma,
    /// A way to choose rows that is none, or words of other databases.
    Sample,
}

impl Clause {
    fn report(self, piece: &Piece) -> ErrorReport {
        match self {
            Self::At(word) => syntax::unexpected(piece, place(piece, word).and_then(|at| piece.tokens.get(at))),
            Self::After(word) => syntax::unexpected(piece, place(piece, word).and_then(|at| piece.tokens.get(at + 1))),
            Self::Missing(what, hint) => {
                ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported")).with_hint(hint)
            }
            Self::Sample => sample_report(piece),
            Self::LimitComma => ErrorReport::new(SqlState::SYNTAX_ERROR, "LIMIT #,# syntax is not supported")
                .with_hint("Use separate LIMIT and OFFSET clauses."),
        }
    }
}

fn sample_report(piece: &Piece) -> ErrorReport {
    let at = place(piece, "tablesample").map(|at| at + 1);
    let token = at.and_then(|at| piece.tokens.get(at));
    match token.map(|token| &token.token) {
        Some(Token::Word(method)) if !["bernoulli", "system"].contains(&method.value.to_lowercase().as_str()) => {
            let message = format!("tablesample method {} does not exist", method.value.to_lowercase());
            let place = token.map_or(0, |token| usize::try_from(token.span.start.column).unwrap_or_default());
            ErrorReport::new(SqlState::UNDEFINED_OBJECT, message).with_position(place)
        }
        _ => syntax::unexpected(piece, token),
    }
}

fn place(piece: &Piece, word: &str) -> Option<usize> {
    piece.tokens.iter().position(|token| match &token.token {
        Token::Word(found) => found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word),
        _ => false,
    })
}

type Flow = ControlFlow<Clause>;

/// The clause that stands in the query, if one of them does.
fn none_of<const N: usize>(clauses: [(bool, Clause); N]) -> Flow {
    match clauses.into_iter().find(|(stands, _)| *stands) {
        Some((_, clause)) => ControlFlow::Break(clause),
        None => ControlFlow::Continue(()),
    }
}

struct Refuser;

impl Visitor for Refuser {
    type Break = Clause;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        let Query {
            with: _,
            body: _,
            order_by,
            limit_clause,
            fetch: _,
            locks: _,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let comma = matches!(limit_clause, Some(LimitClause::OffsetCommaLimit { .. }));
        let limit_by = matches!(limit_clause, Some(LimitClause::LimitOffset { limit_by, .. }) if !limit_by.is_empty());
        let order_by_all = order_by.as_ref().is_some_and(|order| matches!(order.kind, OrderByKind::All(_)));
        none_of([
            (for_clause.is_some(), Clause::At("for")),
            (settings.is_some(), Clause::At("settings")),
            (format_clause.is_some(), Clause::At("format")),
            (!pipe_operators.is_empty(), Clause::At("|>")),
            (comma, Clause::LimitComma),
            (limit_by, Clause::At("by")),
            (order_by_all, Clause::At("all")),
            (order_by.as_ref().is_some_and(|order| order.interpolate.is_some()), Clause::At("interpolate")),
        ])
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        let Select {
            select_token: _,
            optimizer_hints: _,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into: _,
            from,
            lateral_views,
            prewhere,
            selection: _,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having: _,
            named_window: _,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        none_of([
            (matches!(distinct, Some(Distinct::On(keys)) if keys.is_empty()), Clause::At("on")),
            (select_modifiers.is_some(), Clause::At("select")),
            (top.is_some(), Clause::After("top")),
            (exclude.is_some(), Clause::At("exclude")),
            (!lateral_views.is_empty(), Clause::At("lateral")),
            (prewhere.is_some(), Clause::After("prewhere")),
            (!connect_by.is_empty(), Clause::At("connect")),
            (!cluster_by.is_empty(), Clause::After("cluster")),
            (!distribute_by.is_empty(), Clause::After("distribute")),
            (!sort_by.is_empty(), Clause::After("sort")),
            (qualify.is_some(), Clause::After("qualify")),
            (value_table_mode.is_some(), Clause::At("as")),
            (!matches!(flavor, SelectFlavor::Standard), Clause::At("from")),
        ])?;
        match group_by {
            GroupByExpr::All(_) => return ControlFlow::Break(Clause::After("all")),
            GroupByExpr::Expressions(_, modifiers) => none_of([(!modifiers.is_empty(), Clause::At("with"))])?,
        }
        projection.iter().try_for_each(item)?;
        from.iter().try_for_each(joined)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        match factor {
            TableFactor::Table {
                name: _,
                alias: _,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => none_of([
                (!with_hints.is_empty(), Clause::At("with")),
                (*with_ordinality && args.is_none(), Clause::At("with")),
                (version.is_some(), Clause::At("for")),
                (!partitions.is_empty(), Clause::At("partition")),
                (json_path.is_some(), Clause::At("[")),
                (!index_hints.is_empty(), Clause::At("index")),
                (sample.as_ref().is_some_and(|sample| !is_postgresql(sample)), Clause::Sample),
                (sample.is_some() && args.is_some(), Clause::At("tablesample")),
            ]),
            TableFactor::Derived { lateral: _, subquery: _, alias: _, sample } => {
                none_of([(sample.is_some(), Clause::At("tablesample"))])
            }
            TableFactor::NestedJoin { table_with_joins, alias: _ } => joined(table_with_joins),
            TableFactor::UNNEST { alias: _, array_exprs: _, with_offset, with_offset_alias: _, with_ordinality: _ } => {
                none_of([(*with_offset, Clause::At("with"))])
            }
            TableFactor::Function { .. } => ControlFlow::Continue(()),
            TableFactor::XmlTable { .. } => ControlFlow::Break(Clause::Missing("XMLTABLE", "XML cannot be read here.")),
            TableFactor::TableFunction { .. } => ControlFlow::Break(Clause::At("table")),
            TableFactor::JsonTable { .. } => ControlFlow::Break(Clause::At("columns")),
            TableFactor::OpenJsonTable { .. } => ControlFlow::Break(Clause::At("with")),
            TableFactor::Pivot { .. } => ControlFlow::Break(Clause::After("pivot")),
            TableFactor::Unpivot { .. } => ControlFlow::Break(Clause::After("unpivot")),
            TableFactor::MatchRecognize { .. } => ControlFlow::Break(Clause::After("match_recognize")),
            TableFactor::SemanticView { .. } => ControlFlow::Break(Clause::After("semantic_view")),
        }
    }
}

/// `TABLESAMPLE SYSTEM (10) REPEATABLE (1)`; other databases say more, and less.
fn is_postgresql(sample: &TableSampleKind) -> bool {
    let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample;
    let TableSample { modifier, name, quantity, seed, bucket, offset } = sample.as_ref();
    matches!(modifier, TableSampleModifier::TableSample)
        && matches!(name, Some(TableSampleMethod::Bernoulli | TableSampleMethod::System))
        && quantity.as_ref().is_some_and(|quantity| quantity.parenthesized && quantity.unit.is_none())
        && seed.as_ref().is_none_or(|seed| matches!(seed.modifier, TableSampleSeedModifier::Repeatable))
        && bucket.is_none()
        && offset.is_none()
}

const NAMED_JOIN: Clause = Clause::Missing(
    "a join of this kind",
    "If the word before JOIN is the name that the table goes by, write it after AS or in double quotes.",
);

fn item(item: &SelectItem) -> Flow {
    match item {
        SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. } => ControlFlow::Continue(()),
        SelectItem::ExprWithAliases { .. } => ControlFlow::Break(Clause::At("as")),
        SelectItem::QualifiedWildcard(_, options) | SelectItem::Wildcard(options) => wildcard(options),
    }
}

fn wildcard(options: &WildcardAdditionalOptions) -> Flow {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias: _,
    } = options;
    none_of([
        (opt_ilike.is_some(), Clause::At("ilike")),
        (opt_exclude.is_some(), Clause::At("exclude")),
        (opt_except.is_some(), Clause::After("except")),
        (opt_replace.is_some(), Clause::At("replace")),
        (opt_rename.is_some(), Clause::At("rename")),
    ])
}

fn joined(table: &TableWithJoins) -> Flow {
    table.joins.iter().try_for_each(|Join { relation: _, global, join_operator }| {
        none_of([(*global, Clause::After("global"))])?;
        match join_operator {
            JoinOperator::Join(_)
            | JoinOperator::Inner(_)
            | JoinOperator::Left(_)
            | JoinOperator::LeftOuter(_)
            | JoinOperator::Right(_)
            | JoinOperator::RightOuter(_)
            | JoinOperator::FullOuter(_)
            | JoinOperator::CrossJoin(_) => ControlFlow::Continue(()),
            JoinOperator::CrossApply => ControlFlow::Break(Clause::At("apply")),
            JoinOperator::OuterApply => ControlFlow::Break(Clause::At("outer")),
            JoinOperator::StraightJoin(_) => ControlFlow::Break(Clause::After("straight_join")),
            JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::RightAnti(_)
            | JoinOperator::AsOf { .. }
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => ControlFlow::Break(NAMED_JOIN),
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::base::limits::LimitSet;
    use crate::base::{SqlState, UserFacing};
    use crate::sql::parse;

    #[test]
    fn clauses_of_other_databases_are_errors_and_not_passed_over() {
        let refused = [
            ("SELECT * FROM t TABLESAMPLE (10 ROWS)", "syntax error at or near \"(\"", Some(29)),
            ("SELECT * FROM t TABLESAMPLE x (10)", "tablesample method x does not exist", Some(29)),
            ("SELECT * FROM t WITH ORDINALITY", "syntax error at or near \"WITH\"", Some(17)),
            ("SELECT * FROM t WITH (nolock)", "syntax error at or near \"WITH\"", Some(17)),
            ("SELECT a FROM t QUALIFY true", "syntax error at or near \"true\"", Some(25)),
            ("SELECT TOP 1 a FROM t", "syntax error at or near \"1\"", Some(12)),
            ("SELECT count(*) FROM t GROUP BY ALL", "syntax error at end of input", Some(36)),
            ("SELECT * FROM t CROSS APPLY (SELECT 1) x", "syntax error at or near \"APPLY\"", Some(23)),
            ("SELECT * FROM (a CROSS APPLY b)", "syntax error at or near \"APPLY\"", Some(24)),
        ];
        for (sql, message, position) in refused {
            let error = parse(sql, &LimitSet::default()).unwrap_err();
            assert_eq!((error.message().as_str(), error.position()), (message, position), "{sql}");
        }
    }

    #[test]
    fn what_postgresql_has_passes() {
        for sql in [
            "SELECT * FROM unnest(ARRAY[1]) WITH ORDINALITY",
            "SELECT * FROM f(1) WITH ORDINALITY AS x (a, b)",
            "SELECT DISTINCT ON (a) * FROM t x JOIN u USING (a) NATURAL LEFT JOIN v CROSS JOIN LATERAL (SELECT 1) y",
            "SELECT a, count(*) FROM t GROUP BY GROUPING SETS ((a), ()) HAVING true WINDOW w AS (ORDER BY a)",
            "SELECT 1 ORDER BY 1 OFFSET 1 ROWS FETCH FIRST 2 ROWS ONLY",
            "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT 1) SELECT t.*, r.* FROM r, (SELECT 1) t LIMIT 1 OFFSET 2",
        ] {
            assert!(parse(sql, &LimitSet::default()).is_ok(), "{sql}");
        }
        let error = parse("SELECT * FROM a SEMI JOIN b USING (x)", &LimitSet::default()).unwrap_err();
        assert_eq!(error.sqlstate(), SqlState::FEATURE_NOT_SUPPORTED);
    }
}
