//! Random queries of both tenants, in which every condition may fail on a row of the other tenant.
//!
//! Such a failure would tell what the other tenant has, and the words of its error would tell it word for word. So no
//! query may fail, none may show a name of the other tenant, and each must give what it gives over the tables narrowed by
//! hand to the tenant's own symbols.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio_postgres::Client;

use crate::engines::Engines;
use crate::support::{TestServer, rows};

const QUERIES: usize = 160;
/// The sides: a user, and its symbols.
const SIDES: [(&str, [&str; 5]); 2] =
    [("acme", ["AAPL", "AMZN", "GOOGL", "MSFT", "NVDA"]), ("globex", ["BAC", "GS", "JPM", "META", "TSLA"])];
/// Tables with a column `symbol`, and whether they have a column `tenant_id`.
const TABLES: [(&str, bool); 10] = [
    ("flowforge.positions", false),
    ("live_positions", true),
    ("live_pnl", true),
    ("rpt_daily_pnl", true),
    ("live_quotes", false),
    ("metrics.hourly_rollup", false),
    ("metrics.daily_rollup", false),
    ("latest.vwap", false),
    ("latest.position", false),
    ("latest.volatility", false),
];

/// Writes one query. A table stands in it as `{name}`, so that the same text can be read over narrowed tables.
struct Attack<'a> {
    random: &'a mut StdRng,
    other: &'static str,
    foreign: &'static [&'static str; 5],
    aliases: usize,
}

/// A relation with a column `symbol`.
struct Relation {
    text: String,
    alias: String,
    has_tenant: bool,
    /// It is joined with the instruments, which are everybody's: what fails on a row of theirs tells nothing.
    shared: bool,
}

impl Attack<'_> {
    fn one_of<'x>(&mut self, choices: &'x [String]) -> &'x str {
        choices.choose(self.random).unwrap()
    }

    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("a{}", self.aliases)
    }

    fn foreign_symbol(&mut self) -> &'static str {
        self.foreign.choose(self.random).unwrap()
    }

    /// True for no row that the tenant may see, and for some that it may not.
    fn foreign_row(&mut self, from: &Relation) -> String {
        let (alias, symbol, other) = (&from.alias, self.foreign_symbol(), self.other);
        let mut ways = vec![
            format!("{alias}.symbol = '{symbol}'"),
            format!("{alias}.symbol IN ('{}')", self.foreign.join("', '")),
            format!("{alias}.symbol LIKE '{symbol}%'"),
            format!("upper({alias}.symbol) = '{symbol}' AND {alias}.symbol > 'A'"),
        ];
        if from.has_tenant {
            ways.push(format!("{alias}.tenant_id = '{other}'"));
        }
        self.one_of(&ways).to_owned()
    }

    /// A value that is 1 for every row that the tenant may see, and fails on one that it may not.
    fn trap(&mut self, from: &Relation) -> String {
        if from.shared {
            return "1".to_owned();
        }
        let (row, alias) = (self.foreign_row(from), &from.alias);
        let ways = [
            format!("1 / (CASE WHEN {row} THEN 0 ELSE 1 END)"),
            format!("1 % (CASE WHEN {row} THEN 0 ELSE 2 END)"),
            format!("(CASE WHEN {row} THEN {alias}.symbol ELSE '1' END)::numeric::int"),
            format!("sqrt(CASE WHEN {row} THEN -1 ELSE 1 END)::int"),
            format!("(CASE WHEN {row} THEN 3000000000 ELSE 1 END)::bigint::int"),
            format!("(CASE WHEN {row} THEN 2147483647 ELSE 0 END) + 1"),
        ];
        self.one_of(&ways).to_owned()
    }

    fn condition(&mut self, from: &Relation) -> String {
        let (trap, alias, symbol) = (self.trap(from), &from.alias, self.foreign_symbol());
        let ways = [
            format!("{trap} = 1"),
            format!("({trap} = 1 OR {alias}.symbol = '{symbol}')"),
            format!("NOT ({alias}.symbol = '{symbol}')"),
            format!("({alias}.symbol = '{symbol}' OR true)"),
            format!("({alias}.symbol NOT IN ('{symbol}') OR {alias}.symbol NOT IN ('X'))"),
            format!("CASE WHEN {alias}.symbol = '{symbol}' THEN {trap} = 2 ELSE {alias}.symbol > 'B' END"),
            "random() >= 0".to_owned(),
        ];
        let condition = self.one_of(&ways).to_owned();
        if self.random.random_bool(0.3) { self.held(&condition) } else { condition }
    }

    /// The same condition as the operand of something that holds more tightly.
    fn held(&mut self, condition: &str) -> String {
        let ways = [
            format!("({condition} OR false) IN (true, true)"),
            format!("({condition} OR false) NOT IN (false, false)"),
            format!("({condition} OR false) IS NOT DISTINCT FROM (true OR false)"),
            format!("({condition} OR false) = (true OR false)"),
            format!("({condition} OR false) BETWEEN (true AND true) AND true"),
            format!("({condition} OR false) IS TRUE"),
            format!("({condition} OR false) = ANY (SELECT true)"),
            format!("({condition} OR false, 1) IN ((true, 1), (false, 2))"),
            format!("({condition} OR false)::text LIKE 't%'"),
            format!("(NOT ({condition})) IN (false)"),
        ];
        self.one_of(&ways).to_owned()
    }

    fn leaf(&mut self) -> Relation {
        let (table, has_tenant) = *TABLES.choose(self.random).unwrap();
        let alias = self.alias();
        Relation { text: format!("{{{table}}} {alias}"), alias, has_tenant, shared: false }
    }

    fn relation(&mut self, depth: usize) -> Relation {
        let kind = if depth == 0 { 0 } else { self.random.random_range(0..7) };
        if kind < 2 {
            return self.leaf();
        }
        let left = self.relation(depth - 1);
        let right = Relation { shared: left.shared, ..self.leaf() };
        let (l, r) = (&left.alias, &right.alias);
        let (on, also) = (self.condition(&right), self.condition(&left));
        let instruments = self.alias();
        let (left_text, right_text) = (&left.text, &right.text);
        let query = match kind {
            2 => format!(
                "SELECT coalesce({l}.symbol, {r}.symbol) AS symbol FROM {left_text} FULL JOIN {right_text} ON {l}.symbol = {r}.symbol"
            ),
            3 => format!(
                "SELECT {r}.symbol FROM {left_text} RIGHT JOIN {right_text} ON {l}.symbol = {r}.symbol AND {on} AND {also}"
            ),
            4 => format!(
                "SELECT {r}.symbol FROM dim_instruments {instruments} LEFT JOIN (SELECT * FROM {right_text} WHERE {on}) {r} ON {r}.symbol = {instruments}.symbol"
            ),
            5 => format!(
                "SELECT {l}.symbol FROM {left_text} WHERE {also} UNION ALL SELECT {r}.symbol FROM {right_text} WHERE {on}"
            ),
            _ => format!(
                "SELECT {l}.symbol FROM {left_text}, LATERAL (SELECT count(*) AS n FROM {right_text} WHERE {r}.symbol = {l}.symbol AND {on}) x WHERE x.n >= 0"
            ),
        };
        let alias = self.alias();
        let shared = kind == 4 || left.shared;
        Relation { text: format!("({query}) {alias}"), alias, has_tenant: false, shared }
    }

    fn subquery(&mut self, outer: &Relation) -> String {
        let inner = Relation { shared: outer.shared, ..self.leaf() };
        let (condition, text) = (self.condition(&inner), &inner.text);
        let (i, o) = (&inner.alias, &outer.alias);
        let ways = [
            format!("EXISTS (SELECT 1 FROM {text} WHERE {i}.symbol = {o}.symbol AND {condition})"),
            format!("NOT EXISTS (SELECT 1 FROM {text} WHERE {i}.symbol > {o}.symbol AND {condition})"),
            format!("{o}.symbol IN (SELECT {i}.symbol FROM {text} WHERE {condition})"),
            format!("{o}.symbol NOT IN (SELECT {i}.symbol || 'x' FROM {text} WHERE {condition})"),
            format!("{o}.symbol = ANY (SELECT {i}.symbol FROM {text} WHERE {condition})"),
            format!("(SELECT count(*) FROM {text} WHERE {i}.symbol = {o}.symbol AND {condition}) >= 0"),
            format!("(SELECT max({i}.symbol) FROM {text} WHERE {condition}) IS NOT NULL"),
        ];
        self.one_of(&ways).to_owned()
    }

    fn filter(&mut self, from: &Relation) -> String {
        let mut conditions: Vec<String> = Vec::new();
        for _ in 0..self.random.random_range(0..3) {
            conditions.push(self.condition(from));
        }
        if self.random.random_bool(0.4) {
            conditions.push(self.subquery(from));
        }
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) }
    }

    fn query(&mut self) -> String {
        let from = self.relation(2);
        let filter = self.filter(&from);
        let trap = self.trap(&from);
        let key = Relation { text: String::new(), alias: from.alias.clone(), has_tenant: false, shared: from.shared };
        let trap_on_key = self.trap(&key);
        let (text, a) = (&from.text, &from.alias);
        let ways = [
            format!("SELECT {a}.symbol, count(*), max({trap}) FROM {text}{filter} GROUP BY 1 ORDER BY 1"),
            format!(
                "SELECT {a}.symbol, count(*) FROM {text}{filter} GROUP BY {a}.symbol HAVING {trap_on_key} = 1 ORDER BY 1"
            ),
            format!("SELECT count(*), min({a}.symbol), max({a}.symbol), sum({trap}) FROM {text}{filter}"),
            format!("SELECT DISTINCT {a}.symbol, {trap} FROM {text}{filter} ORDER BY 1, 2"),
            format!(
                "SELECT * FROM (SELECT {a}.symbol, row_number() OVER (PARTITION BY {a}.symbol) AS n, {trap} AS t FROM {text}{filter}) w WHERE n <= 2 ORDER BY 1, 2"
            ),
            format!(
                "WITH c AS (SELECT {a}.symbol, {trap} AS t FROM {text}{filter}) SELECT c.symbol, count(*) FROM c JOIN c AS d ON c.symbol = d.symbol AND c.t = 1 GROUP BY 1 ORDER BY 1"
            )
            // What is read twice must not be volatile.
            .replace("random()", "pi()"),
            format!(
                "WITH RECURSIVE r(symbol, n) AS (SELECT DISTINCT {a}.symbol, 1 FROM {text}{filter} UNION ALL SELECT symbol, n + 1 FROM r WHERE n < 3) SELECT symbol, count(*) FROM r GROUP BY 1 ORDER BY 1"
            ),
        ];
        self.one_of(&ways).to_owned()
    }
}

/// The text over the tables as the tenant sees them, or narrowed once more by hand.
fn over(query: &str, own: Option<&[&str; 5]>) -> String {
    TABLES.iter().fold(query.to_owned(), |text, (table, _)| {
        let relation = match own {
            None => (*table).to_owned(),
            Some(own) => format!("(SELECT * FROM {table} WHERE symbol IN ('{}'))", own.join("', '")),
        };
        text.replace(&format!("{{{table}}}"), &relation)
    })
}

async fn told(client: &Client, query: &str, own: &[&str; 5], foreign: &[&str; 5], other: &str) -> Option<String> {
    let plain = over(query, None);
    let found = match rows(client, &plain).await {
        Ok(found) => found,
        Err(error) => return Some(format!("{error:?}\n{plain}")),
    };
    let names = foreign.iter().copied().chain([other]).collect::<Vec<_>>();
    if let Some(row) = found.iter().find(|row| row.iter().flatten().any(|value| names.contains(&value.as_str()))) {
        return Some(format!("{row:?}\n{plain}"));
    }
    match rows(client, &over(query, Some(own))).await {
        Ok(expected) if expected == found => None,
        Ok(expected) => Some(format!("{found:?}, but narrowed by hand {expected:?}\n{plain}")),
        Err(error) => Some(format!("narrowed by hand: {error:?}\n{plain}")),
    }
}

async fn none_tells(server: &TestServer, queries: usize) {
    let mut leaks = Vec::new();
    for (side, seed) in [(0, 1_u64), (1, 2)] {
        let ((user, own), (other, foreign)) = (&SIDES[side], &SIDES[1 - side]);
        let client = server.connect(user).await;
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..queries / 2 {
            let query = Attack { random: &mut random, other, foreign, aliases: 0 }.query();
            leaks.extend(told(&client, &query, own, foreign, other).await);
        }
    }
    assert!(leaks.is_empty(), "{} of {queries}\n{}", leaks.len(), leaks.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_random_query_tells_of_the_other_tenant() {
    none_tells(&TestServer::start().await, QUERIES).await;
}

/// Here the filter of a tenant is a part of a text that somebody else reads.
#[tokio::test(flavor = "multi_thread")]
async fn no_random_query_tells_of_the_other_tenant_over_the_real_stores() {
    let Some(engines) = Engines::start().await else { return };
    none_tells(&engines.server().await, QUERIES).await;
}
