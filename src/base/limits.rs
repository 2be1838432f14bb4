//! Everything that a client can make large, with a name, a default and a reason, in one place.
//!
//! A [`Limit`] is a constant; the `[limits]` section of the configuration may change its value, and [`LimitSet`] holds
//! the values in force. `protocol/limits.md` is the same table for people.

use std::collections::BTreeMap;

use super::error::ErrorReport;
use super::sqlstate::SqlState;

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The key in the configuration and in error messages; the unit is its last word.
    pub name: &'static str,
    /// The value when the configuration says nothing.
    pub default: usize,
    /// What would go wrong without it.
    pub reason: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $constant:ident = $name:literal, $default:expr, $reason:literal;)+) => {
        $($(#[doc = $doc])+ pub const $constant: Limit = Limit { name: $name, default: $default, reason: $reason };)+

        /// Every limit, in the order of this file.
        pub const ALL: &[Limit] = &[$($constant),+];
    };
}

limits! {
    /// Bytes of a tenant id.
    TENANT_ID_BYTES = "tenant_id_bytes", 64, "a tenant id is part of every key and channel name";
    /// Bytes of an identifier, as in PostgreSQL.
    IDENTIFIER_BYTES = "identifier_bytes", 63, "PostgreSQL's names have 63 bytes, and clients rely on it";
    /// Bytes of one statement's text.
    STATEMENT_BYTES = "statement_bytes", 16 * 1024 * 1024, "a parsed statement takes many times the memory of its text";
    /// Depth of nesting in a statement.
    STATEMENT_DEPTH = "statement_depth", 256, "every level costs stack in the parser and in the planner";
    /// Operators in one chain, such as `a OR b OR c …`.
    STATEMENT_CHAIN = "statement_chain", 2_000, "a chain of operators is a tree as deep as it is long";
    /// Operators in one operand, such as `a + b + c …`.
    OPERATOR_CHAIN = "operator_chain", 250, "the planner names each step of a chain by all the steps before it";
    /// Parts that planning adds to a statement by writing some of it out several times.
    PLAN_EXPANSION = "plan_expansion", 20_000, "nested, each level multiplies, and a short statement would be planned for hours";
    /// Rows that `generate_series` makes.
    GENERATED_ROWS = "generated_rows", 1_000_000, "they are made in memory before the query runs";
    /// Keys of Redis that a read without a key may find.
    REDIS_SCAN_KEYS = "redis_scan_keys", 10_000, "a scan asks for every key of the pattern and holds up the server";
    /// Keys of a small side of a join that are sent to the store of the other side; 0 sends none.
    JOIN_KEYS = "join_keys", 2_000, "a store looks for every key, and reads the whole sooner than very many of them";
    /// Bytes of the rows in which the keys of a small side are looked for.
    JOIN_SIDE_BYTES = "join_side_bytes", 4 * 1024 * 1024, "the other store waits until they have come, and they are kept in memory";
    /// Bytes that the keys add to the statement of the other store, which with them has at most twice as many.
    JOIN_FILTER_BYTES = "join_filter_bytes", 128 * 1024, "ClickHouse reads statements of 256 KiB";
    /// Milliseconds between two lookups of a store's tables that statements ask for.
    CATALOG_LOOKUP_PAUSE_MS = "catalog_lookup_pause_ms", 1_000, "a client whose statements meet changed tables must not make the server ask the store all the time";
    /// Bytes of a tenant's view of one store's tables that are kept in Redis.
    CATALOG_VIEW_BYTES = "catalog_view_bytes", 4 * 1024 * 1024, "what is kept is read whole, and whoever can write to that Redis can make it long";
    /// Tokens in a statement.
    STATEMENT_TOKENS = "statement_tokens", 2_000_000, "planning time and memory grow with the tokens";
    /// Statements in one simple query.
    STATEMENTS_PER_QUERY = "statements_per_query", 1_000, "one message must not queue endless work";
    /// Bytes of one frontend message.
    FRONTEND_MESSAGE_BYTES = "frontend_message_bytes", 64 * 1024 * 1024, "a message is buffered whole before it is read";
    /// Bytes of a message before the client is known.
    STARTUP_MESSAGE_BYTES = "startup_message_bytes", 10_000, "strangers may not make the server buffer; PostgreSQL has the same limit";
    /// Seconds a client has to authenticate.
    AUTHENTICATION_SECONDS = "authentication_seconds", 60, "half-open connections must not pile up";
    /// Sessions on the PostgreSQL listener.
    SESSIONS = "sessions", 1_000, "each session holds a socket, buffers and statements";
    /// Sessions of one tenant.
    SESSIONS_PER_TENANT = "sessions_per_tenant", 500, "one tenant must not take all the sessions";
    /// Prepared statements in one session.
    PREPARED_STATEMENTS = "prepared_statements", 1_000, "a client that never closes statements would grow without bound";
    /// Open portals in one session.
    PORTALS = "portals", 1_000, "an open portal may hold a running query";
    /// Portals of one session whose query has begun and waits for the client to ask for more.
    SUSPENDED_PORTALS = "suspended_portals", 50, "a query that waits keeps its memory, though not its place among those that run";
    /// Bytes of fetched rows that a cursor keeps to go back to.
    CURSOR_HISTORY_BYTES = "cursor_history_bytes", 16 * 1024 * 1024, "rows are streamed; only a cursor that may go back keeps what was read";
    /// Savepoints open in one transaction.
    SAVEPOINTS = "savepoints", 1_000, "each keeps the settings that it goes back to";
    /// Seconds in which a client must take something of what is sent to it.
    CLIENT_WRITE_SECONDS = "client_write_seconds", 300, "a client that reads nothing must not keep its query for ever";
    /// Parameters of one statement. The wire counts them in 16 bits.
    PARAMETERS = "parameters", 65_535, "the wire counts parameters in 16 bits";
    /// Columns of one result, as PostgreSQL's target lists.
    RESULT_COLUMNS = "result_columns", 1_664, "PostgreSQL's limit on target lists";
    /// Bytes of encoded rows that wait for a slow client.
    ROW_BUFFER_BYTES = "row_buffer_bytes", 64 * 1024, "rows are flushed as they come; this is how many wait in one write";
    /// Statements that run at once for one tenant.
    QUERIES_PER_TENANT = "queries_per_tenant", 100, "one tenant must not take all the processors";
    /// Memory that the running queries may take together, in bytes.
    QUERY_MEMORY_BYTES = "query_memory_bytes", 2 * 1024 * 1024 * 1024, "a sort or a join must fail before the process does";
    /// Memory that the running queries of one tenant may take together, in bytes.
    QUERY_MEMORY_PER_TENANT_BYTES = "query_memory_per_tenant_bytes", 1024 * 1024 * 1024, "one tenant's sorts must not make the queries of others fail";
    /// Bytes of a workflow graph's JSON.
    GRAPH_BYTES = "graph_bytes", 8 * 1024 * 1024, "a graph is parsed whole";
    /// Nodes of a workflow graph.
    GRAPH_NODES = "graph_nodes", 5_000, "plans grow with the nodes";
    /// Edges of a workflow graph.
    GRAPH_EDGES = "graph_edges", 10_000, "walks grow with the edges";
    /// Nesting of JSON in a graph, a configuration of a node or a WebSocket message.
    JSON_DEPTH = "json_depth", 64, "every level costs stack in the parser";
    /// Depth of the tree of nodes that one compile request makes.
    GRAPH_DEPTH = "graph_depth", 1_000, "a plan is walked recursively";
    /// Nodes of the tree that one compile request makes; a node that feeds two others is in it twice.
    GRAPH_TREE_NODES = "graph_tree_nodes", 20_000, "a chain of nodes that each feed both inputs of the next doubles at every step";
    /// Bytes of one formula.
    FORMULA_BYTES = "formula_bytes", 64 * 1024, "a formula is parsed whole";
    /// Nesting of one formula.
    FORMULA_DEPTH = "formula_depth", 100, "every level costs stack in the parser and in the planner";
    /// Columns of one node.
    NODE_COLUMNS = "node_columns", 1_600, "PostgreSQL's limit on the columns of a table";
    /// Rows that a preview returns when it does not say.
    PREVIEW_DEFAULT_ROWS = "preview_default_rows", 100, "a canvas shows a page";
    /// Rows that a preview returns at most.
    PREVIEW_ROWS = "preview_rows", 10_000, "a preview is for looking, not for exporting";
    /// Milliseconds that a preview may run on the store.
    PREVIEW_TIMEOUT_MS = "preview_timeout_ms", 3_000, "a preview is waited for";
    /// Connections on the side listener.
    WEBSOCKET_CONNECTIONS = "websocket_connections", 10_000, "each connection holds a socket and a queue";
    /// WebSocket connections of one tenant.
    WEBSOCKET_CONNECTIONS_PER_TENANT = "websocket_connections_per_tenant", 1_000, "one tenant must not take all the connections";
    /// Channels of one WebSocket connection.
    CHANNELS_PER_CONNECTION = "channels_per_connection", 100, "each channel costs memory and a lookup for every message";
    /// Bytes of one WebSocket message from a client.
    WEBSOCKET_MESSAGE_BYTES = "websocket_message_bytes", 1024 * 1024, "a message is buffered whole before it is read";
    /// Messages that a channel keeps for clients that come back.
    CHANNEL_HISTORY_MESSAGES = "channel_history_messages", 100, "what is kept must fit into the queue of a client that comes back";
    /// Bytes that a channel keeps for clients that come back.
    CHANNEL_HISTORY_BYTES = "channel_history_bytes", 256 * 1024, "what is kept must fit into the queue of a client that comes back";
    /// Seconds that a channel keeps a message for clients that come back.
    CHANNEL_HISTORY_SECONDS = "channel_history_seconds", 300, "channels that nobody uses any more must not cost memory";
    /// Channels whose last offset is remembered after their messages are gone.
    RETIRED_CHANNELS = "retired_channels", 100_000, "an offset must not be given twice, and the memory of it must end";
    /// Messages that wait for one WebSocket client.
    WEBSOCKET_QUEUE_MESSAGES = "websocket_queue_messages", 256, "a client that does not keep up must not cost memory";
    /// Bytes that wait for one WebSocket client.
    WEBSOCKET_QUEUE_BYTES = "websocket_queue_bytes", 1024 * 1024, "a client that does not keep up must not cost memory";
    /// Seconds in which a WebSocket client must say who it is.
    WEBSOCKET_AUTHENTICATION_SECONDS = "websocket_authentication_seconds", 5, "unknown clients must not hold connections";
    /// Bytes of a token.
    TOKEN_BYTES = "token_bytes", 16 * 1024, "a token is decoded before it is trusted";
    /// Rows that an embedded table keeps; the oldest go first.
    EMBEDDED_TABLE_ROWS = "embedded_table_rows", 1_000_000, "the feed runs for ever, the memory does not grow";
}

/// A limit that no configuration changes: functions evaluate without one, or another value would not be PostgreSQL's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedLimit {
    /// Its name; the unit is its last word.
    pub name: &'static str,
    /// The value.
    pub value: u64,
    /// What would go wrong without it.
    pub reason: &'static str,
}

macro_rules! fixed_limits {
    ($($(#[doc = $doc:literal])+ $constant:ident: $kind:ty = $name:literal, $value:expr, $reason:literal;)+) => {
        $($(#[doc = $doc])+ pub const $constant: $kind = $value;)+

        /// Every fixed limit, in the order of this file.
        pub const ALL_FIXED: &[FixedLimit] =
            &[$(FixedLimit { name: $name, value: $constant as u64, reason: $reason }),+];
    };
}

fixed_limits! {
    /// Sets of keys that ROLLUP, CUBE and GROUPING SETS multiply to.
    GROUPING_SETS: u64 = "grouping_sets", 4_096, "PostgreSQL's limit; every set is a query of its own";
    /// `EXECUTE` of statements that are `EXECUTE` themselves, which only the protocol can prepare.
    EXECUTE_DEPTH: usize = "execute_depth", 8, "each is run within the one before";
    /// Bytes of all results of a function for the rows that are computed at once.
    FUNCTION_RESULT_BYTES: usize = "function_result_bytes", 256 * 1024 * 1024, "a few bytes of a statement can ask for very long texts in every row";
    /// Steps of one match of a regular expression; 64 for each byte of a text that is longer.
    REGEX_STEPS: usize = "regex_steps", 20_000_000, "back references take time that grows with every one of them";
    /// Nesting of a regular expression.
    REGEX_DEPTH: usize = "regex_depth", 200, "every level costs stack";
    /// Parts that stand for back references in one regular expression.
    REGEX_COPIED_PARTS: usize = "regex_copied_parts", 10_000, "a reference to a group with references doubles them";
    /// Steps that a regular expression is compiled to.
    REGEX_PROGRAM_STEPS: usize = "regex_program_steps", 50_000, "counts within counts multiply";
    /// Nesting of a json or jsonb value.
    JSON_VALUE_DEPTH: usize = "json_value_depth", 1_000, "every level costs stack";
    /// Digits that the numbers of a jsonb value have beyond those of its text.
    JSONB_EXTRA_DIGITS: usize = "jsonb_extra_digits", 4_194_304, "1e131071 has 131,072 of them";
    /// Steps, comparisons and the like of one evaluation of a jsonpath.
    JSONPATH_STEPS: usize = "jsonpath_steps", 10_000_000, "steps within steps multiply";
    /// Values that one evaluation of a jsonpath keeps.
    JSONPATH_VALUES: usize = "jsonpath_values", 1_000_000, "each is in memory until the end";
    /// Height of the tree of a jsonpath.
    JSONPATH_DEPTH: usize = "jsonpath_depth", 200, "every level costs stack";
    /// Digits of all numbers of a jsonpath.
    JSONPATH_DIGITS: usize = "jsonpath_digits", 1_000_000, "1e100000 has many more of them than letters";
    /// Bytes of a set of keys that tokens are checked with.
    KEY_SET_BYTES: u64 = "key_set_bytes", 1024 * 1024, "it comes over the network and is read whole";
    /// Keys of such a set that are kept.
    KEY_SET_KEYS: usize = "key_set_keys", 100, "a token may have to be tried with each";
    /// Bytes of a password.
    PASSWORD_BYTES: usize = "password_bytes", 1_024, "hashing takes time for every byte";
    /// Bytes of one SASL message, as in PostgreSQL.
    SASL_MESSAGE_BYTES: usize = "sasl_message_bytes", 1_024, "strangers may not make the server buffer";
    /// Connections for each allowed session: the rest is for clients that log in, are refused, or cancel.
    CONNECTIONS_PER_SESSION: usize = "connections_per_session", 2, "a connection without a session holds a socket, too";
    /// Messages that a slow receiver within the server may fall behind before it loses the oldest.
    HUB_BACKLOG_MESSAGES: usize = "hub_backlog_messages", 4_096, "they are kept for the slowest";
    /// Characters of an id in the name of a channel.
    CHANNEL_ID_CHARACTERS: usize = "channel_id_characters", 128, "names are kept for every channel";
    /// How many times the longest WebSocket message is read before the library ends the connection without a close frame.
    WEBSOCKET_HARD_LIMIT_FACTOR: usize = "websocket_hard_limit_factor", 2, "what is a little too long is told to the client";
    /// Elements of an array that a function makes.
    ARRAY_ELEMENTS: i64 = "array_elements", 134_217_727, "PostgreSQL's limit";
    /// Bytes of one value.
    VALUE_BYTES: i64 = "value_bytes", 0x3fff_ffff, "PostgreSQL's limit";
}

/// Limits that may be 0: what they limit is then not done at all.
pub const MAY_BE_ZERO: &[Limit] = &[JOIN_KEYS];

/// The values in force: the defaults, and what the configuration changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitSet {
    changed: BTreeMap<&'static str, usize>,
}

/// A key of the `[limits]` section that no limit has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no limit named \"{0}\"")]
pub struct UnknownLimit(pub String);

impl LimitSet {
    /// The value in force.
    #[must_use]
    pub fn of(&self, limit: Limit) -> usize {
        self.changed.get(limit.name).copied().unwrap_or(limit.default)
    }

    /// Changes one value.
    ///
    /// # Errors
    /// [`UnknownLimit`] when no limit has the name.
    pub fn set(&mut self, name: &str, value: usize) -> Result<(), UnknownLimit> {
        let limit = ALL.iter().find(|limit| limit.name == name).ok_or_else(|| UnknownLimit(name.to_owned()))?;
        self.changed.insert(limit.name, value);
        Ok(())
    }

    /// Passes when `actual` is within the limit.
    ///
    /// # Errors
    /// A report with `54000` (program limit exceeded) that names the limit, its value and what was asked for.
    pub fn check(&self, limit: Limit, actual: usize) -> Result<(), ErrorReport> {
        let allowed = self.of(limit);
        if actual <= allowed {
            return Ok(());
        }
        Err(exceeded(limit, allowed, actual))
    }
}

/// The report for a limit that was passed.
#[must_use]
pub fn exceeded(limit: Limit, allowed: usize, actual: usize) -> ErrorReport {
    ErrorReport::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("limit {} exceeded", limit.name))
        .with_detail(format!("At most {allowed} are allowed, {actual} were given."))
        .with_hint("The operator can change it in the [limits] section of the configuration.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_end_in_what_they_count() {
        let fixed = ALL_FIXED.iter().map(|limit| limit.name);
        let mut names: Vec<_> = ALL.iter().map(|limit| limit.name).chain(fixed).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len() + ALL_FIXED.len());
        assert!(ALL_FIXED.iter().all(|limit| limit.value > 0 && !limit.reason.is_empty()));
        assert!(ALL.iter().all(|limit| limit.default > 0 && !limit.reason.is_empty()));
    }

    #[test]
    fn one_past_a_limit_is_refused_by_name() {
        let mut limits = LimitSet::default();
        limits.set("graph_nodes", 3).unwrap();
        assert!(limits.check(GRAPH_NODES, 3).is_ok());
        let report = limits.check(GRAPH_NODES, 4).unwrap_err();
        assert_eq!(report.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
        assert!(report.message.contains("graph_nodes"));
        assert!(limits.set("nodes", 3).is_err());
    }
}
