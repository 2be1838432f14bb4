//! PostgreSQL's dialect for the parser, with a bound on the parser's work.
//!
//! The library's parser tries a reading, goes back and tries the next one. Where such places nest, each level doubles the
//! work, and a statement of a hundred characters would take hours. What can be read in one way only is asked for in that
//! way, and the rest is stopped when the parser has asked many times more than the length of the statement accounts for.

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::{Expr, UnaryOperator};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::limits::{self, LimitSet};

use super::parenthesised::Unseen;

/// The parser begins an expression, or asks what comes after one, about once for each token; a test measures it.
const STEPS_PER_TOKEN: usize = 20;

/// So that a short statement may go back as often as it likes.
const STEPS_AT_LEAST: usize = 20_000;

/// PostgreSQL's dialect, for one text.
#[derive(Debug)]
pub(super) struct Postgres {
    steps_left: Cell<usize>,
    /// Whether a table after JOIN may have joins of its own without parentheses.
    nests_joins: bool,
    unseen: Unseen,
}

impl Postgres {
    /// For a text of these tokens.
    pub(super) fn of(tokens: &[TokenWithSpan]) -> Self {
        // `a NATURAL JOIN b JOIN c ON …` has no condition to wait for; the library would look for one.
        let is_natural = |token: &TokenWithSpan| match &token.token {
            Token::Word(word) => word.keyword == Keyword::NATURAL && word.quote_style.is_none(),
            _ => false,
        };
        Self {
            steps_left: Cell::new(tokens.len().saturating_mul(STEPS_PER_TOKEN).max(STEPS_AT_LEAST)),
            nests_joins: !tokens.iter().any(is_natural),
            unseen: Unseen::of(tokens),
        }
    }

    /// A parser of these tokens with the depth that the configuration allows.
    pub(super) fn parser(&self, tokens: Vec<TokenWithSpan>, limits: &LimitSet) -> Parser<'_> {
        // The parser spends several levels of its own on one level of the text.
        let depth = limits.of(limits::STATEMENT_DEPTH).saturating_mul(8);
        Parser::new(self).with_recursion_limit(depth).with_tokens_with_locations(tokens)
    }

    /// `a IS DISTINCT FROM b AND c`: the library reads all that follows as the second operand.
    fn distinct_from(&self, parser: &mut Parser, expr: &Expr) -> Option<Result<Expr, ParserError>> {
        let negated = if parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]) {
            false
        } else if parser.parse_keywords(&[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM]) {
            true
        } else {
            return None;
        };
        let left = Box::new(expr.clone());
        let right = parser.parse_subexpr(self.prec_value(Precedence::Is)).map(Box::new);
        Some(right.map(|right| match negated {
            true => Expr::IsNotDistinctFrom(left, right),
            false => Expr::IsDistinctFrom(left, right),
        }))
    }

    /// `NOT EXISTS (…) IS NULL` is `NOT (EXISTS (…) IS NULL)`: the library has one word of the first two.
    fn not_exists(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let is = |place: usize, wanted: Keyword| match &parser.peek_nth_token_ref(place).token {
            Token::Word(word) => word.keyword == wanted && word.quote_style.is_none(),
            _ => false,
        };
        if !is(0, Keyword::NOT) || !is(1, Keyword::EXISTS) {
            return None;
        }
        parser.advance_token();
        let operand = parser.parse_subexpr(self.prec_value(Precedence::UnaryNot));
        Some(operand.map(|operand| match operand {
            Expr::Exists { subquery, negated: false } => Expr::Exists { subquery, negated: true },
            other => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(other) },
        }))
    }

    /// A query in parentheses that the library does not see.
    fn unseen_query(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let at = parser.index();
        if self.unseen.is_inside(at) {
            return Some(parser.parse_query().map(Expr::Subquery));
        }
        self.unseen.is_around(at).then(|| {
            parser.advance_token();
            let query = parser.parse_query()?;
            parser.expect_token(&Token::RParen)?;
            Ok(Expr::Subquery(query))
        })
    }

    fn step(&self) -> Result<(), ParserError> {
        let left = self.steps_left.get().checked_sub(1).ok_or(ParserError::RecursionLimitExceeded)?;
        self.steps_left.set(left);
        Ok(())
    }
}

/// `a IN ((SELECT …), (SELECT …))`: the library takes the first one for the query that the whole list is.
fn list_of_queries(parser: &mut Parser, expr: &Expr) -> Option<Result<Expr, ParserError>> {
    let negated = parser.peek_keyword(Keyword::NOT);
    let first = usize::from(negated) + 1;
    let inner = (first..).find(|place| parser.peek_nth_token_ref(*place).token != Token::LParen)?;
    let begins_query = match &parser.peek_nth_token_ref(inner).token {
        Token::Word(word) => matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES),
        _ => false,
    };
    // One parenthesis alone is around the query that the whole list is.
    if !begins_query || inner - first < 2 {
        return None;
    }
    let read = parser.maybe_parse(|parser| {
        let _: bool = parser.parse_keyword(Keyword::NOT);
        parser.expect_keyword_is(Keyword::IN)?;
        parser.expect_token(&Token::LParen)?;
        let mut list = vec![parser.parse_expr()?];
        parser.expect_token(&Token::Comma)?;
        list.extend(parser.parse_comma_separated(Parser::parse_expr)?);
        parser.expect_token(&Token::RParen)?;
        Ok(Expr::InList { expr: Box::new(expr.clone()), list, negated })
    });
    read.transpose()
}

macro_rules! as_in_postgresql {
    ($($flag:ident)+) => {
        $(fn $flag(&self) -> bool {
            PostgreSqlDialect {}.$flag()
        })+
    };
}

impl Dialect for Postgres {
    fn dialect(&self) -> TypeId {
        PostgreSqlDialect {}.dialect()
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        if let Err(spent) = self.step() {
            return Some(Err(spent));
        }
        if let Some(query) = self.unseen_query(parser) {
            return Some(query);
        }
        if let Some(negated) = self.not_exists(parser) {
            return Some(negated);
        }
        // `-2 ^ 2` is 4: only casts, subscripts and fields bind closer than a sign. The library has signs below `^`. And
        // `~1 + 2` is `~(1 + 2)`: arithmetic binds closer than operators that have no place of their own.
        let (op, precedence) = match parser.peek_token_ref().token {
            Token::Minus => (UnaryOperator::Minus, Precedence::AtTz),
            Token::Plus => (UnaryOperator::Plus, Precedence::AtTz),
            Token::Tilde => (UnaryOperator::BitwiseNot, Precedence::PgOther),
            Token::AtSign => (UnaryOperator::PGAbs, Precedence::PgOther),
            Token::PGSquareRoot => (UnaryOperator::PGSquareRoot, Precedence::PgOther),
            Token::PGCubeRoot => (UnaryOperator::PGCubeRoot, Precedence::PgOther),
            _ => return None,
        };
        parser.advance_token();
        let operand = parser.parse_subexpr(self.prec_value(precedence));
        Some(operand.map(|operand| Expr::UnaryOp { op, expr: Box::new(operand) }))
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _: u8) -> Option<Result<Expr, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::Word(word) if word.keyword == Keyword::IS => self.distinct_from(parser, expr),
            Token::Word(word) if matches!(word.keyword, Keyword::IN | Keyword::NOT) => list_of_queries(parser, expr),
            _ => None,
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match self.step() {
            Ok(()) => PostgreSqlDialect {}.get_next_precedence(parser),
            Err(spent) => Some(Err(spent)),
        }
    }

    /// Only names name arguments in PostgreSQL 15. With expressions as names, every argument is read twice.
    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        false
    }

    fn supports_named_fn_args_with_colon_operator(&self) -> bool {
        false
    }

    /// `a JOIN b JOIN c ON … ON …`
    fn supports_left_associative_joins_without_parens(&self) -> bool {
        !self.nests_joins
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        PostgreSqlDialect {}.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        PostgreSqlDialect {}.is_delimited_identifier_start(character)
    }

    fn is_identifier_start(&self, character: char) -> bool {
        PostgreSqlDialect {}.is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        PostgreSqlDialect {}.is_identifier_part(character)
    }

    fn is_custom_operator_part(&self, character: char) -> bool {
        PostgreSqlDialect {}.is_custom_operator_part(character)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        PostgreSqlDialect {}.is_reserved_for_identifier(keyword)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        PostgreSqlDialect {}.prec_value(precedence)
    }

    as_in_postgresql! {
        supports_unicode_string_literal supports_filter_during_aggregation supports_group_by_expr allow_extract_custom
        allow_extract_single_quotes supports_create_index_with_clause supports_explain_with_utility_options
        supports_listen_notify supports_factorial_operator supports_bitwise_shift_operators supports_comment_on
        supports_load_extension supports_empty_projections supports_nested_comments supports_string_escape_constant
        supports_numeric_literal_underscores supports_array_typedef_with_brackets supports_geometric_types
        supports_set_names supports_alter_column_type_using supports_notnull_operator supports_interval_options
        supports_insert_table_alias supports_create_table_like_parenthesized supports_select_wildcard_with_alias
        supports_comma_separated_trim supports_xml_expressions supports_comment_optimizer_hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SqlState, UserFacing};
    use crate::sql::parse;

    fn statements() -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "slt"));
        let texts: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        let mut statements = Vec::new();
        for text in &texts {
            for block in text.split("\n\n") {
                let mut lines = block.lines().skip_while(|line| line.starts_with('#'));
                if lines.next().is_some_and(|line| line.starts_with("query")) {
                    statements.push(lines.take_while(|line| *line != "----").collect::<Vec<_>>().join("\n"));
                }
            }
        }
        statements
    }

    #[test]
    fn statements_are_read_as_the_library_reads_them_and_far_within_the_bound() {
        let statements = statements();
        assert!(statements.len() > 1_000, "{}", statements.len());
        for statement in statements {
            let Ok(mut parser) = Parser::new(&PostgreSqlDialect {}).try_with_sql(&statement) else { continue };
            let Ok(expected) = parser.parse_statements() else { continue };
            let tokens = parser.into_tokens();
            let allowed = tokens.len().max(10) * STEPS_PER_TOKEN / 10;
            let dialect = Postgres { steps_left: Cell::new(allowed), ..Postgres::of(&tokens) };
            let sees_more = !dialect.unseen.is_empty();
            let parsed = dialect.parser(tokens, &LimitSet::default()).parse_statements();
            let parsed = parsed.unwrap_or_else(|error| panic!("{statement}: {error}"));
            // Their arguments have names here, and expressions for names there; signs and IS DISTINCT FROM bind as in
            // PostgreSQL; and more queries are seen.
            let forms = ["=>", "DISTINCT FROM", "distinct from", "^", "~", "|/", "@ ", "NOT EXISTS (SELECT 1) IS"];
            let differs = sees_more || forms.iter().any(|form| statement.contains(form));
            if !differs {
                assert_eq!(parsed, expected, "{statement}");
            }
        }
    }

    #[test]
    fn nested_calls_are_read_once() {
        let depth = 200;
        let statement = format!("SELECT {}1{}", "round(".repeat(depth), ", 1)".repeat(depth));
        assert_eq!(parse(&statement, &LimitSet::default()).unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_statement_in_any_reading_ends_soon() {
        // The work of forty levels without a bound would not end in a lifetime.
        let depth = 40;
        let statement = format!("SELECT {}{}", "CAST(CASE (".repeat(depth), ")".repeat(3 * depth));
        let report = parse(&statement, &LimitSet::default()).unwrap_err().report();
        assert_eq!(report.sqlstate, SqlState::SYNTAX_ERROR);
    }
}
