//! The tables of types, casts, operators and functions by which queries are checked, against PostgreSQL's own catalogs.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::postgres;

const TYPES: &str = "
    SELECT t.typname, t.typcategory, t.typispreferred::int,
        CASE WHEN t.typname ~ '^_' OR t.typname IN ('int2vector', 'oidvector') THEN e.typname ELSE '-' END,
        coalesce(a.typname, '-'), format_type(t.oid, NULL)
    FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem LEFT JOIN pg_type a ON a.oid = t.typarray
    WHERE t.typnamespace = 'pg_catalog'::regnamespace";

const CASTS: &str = "
    SELECT s.typname, t.typname, c.castcontext
    FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget";

const OPERATORS: &str = "
    SELECT o.oprname, coalesce(l.typname, '-'), r.typname, t.typname
    FROM pg_operator o LEFT JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
        JOIN pg_type t ON t.oid = o.oprresult
    WHERE o.oprcode <> 0";

const FUNCTIONS: &str = "
    SELECT p.proname, p.prokind, p.proretset::int, t.typname, p.provariadic::int > 0, p.pronargdefaults,
        coalesce((SELECT string_agg(a.typname, ' ' ORDER BY n)
            FROM unnest(p.proargtypes) WITH ORDINALITY u(o, n) JOIN pg_type a ON a.oid = u.o), '')
    FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype
    WHERE p.pronamespace = 'pg_catalog'::regnamespace";

/// The rows of a query, their values with a blank between them.
async fn rows(client: &Client, sql: &str) -> HashSet<String> {
    let messages = client.simple_query(sql).await.unwrap();
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            let cells: Vec<&str> = (0..row.len()).map(|index| row.get(index).unwrap_or_default()).collect();
            Some(cells.join(" ").trim_end().to_owned())
        }
        _ => None,
    };
    messages.iter().filter_map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_queries_are_checked_by_is_what_postgresql_has() {
    let Some(server) = postgres::shared().await else { return };
    let client = server.connect("postgres", "postgres").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sql/check/postgresql");
    // Casts and operators are complete; of the others what no query can name is left out.
    for (file, sql, complete) in [
        ("types.txt", TYPES, false),
        ("casts.txt", CASTS, true),
        ("operators.txt", OPERATORS, true),
        ("functions.txt", FUNCTIONS, false),
    ] {
        let theirs = rows(&client, sql).await;
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let ours: HashSet<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        let wrong: Vec<&String> = ours.difference(&theirs).collect();
        assert!(wrong.is_empty(), "{file} has what PostgreSQL has not: {wrong:#?}");
        let missing: Vec<&String> = theirs.difference(&ours).filter(|_| complete).collect();
        assert!(missing.is_empty(), "{file} has not what PostgreSQL has: {missing:#?}");
    }
}

const SETTINGS: &str = "
    SELECT concat_ws(E'\\t', name, context, vartype, coalesce(unit, '-'), coalesce(min_val, '-'), coalesce(max_val, '-'),
        coalesce(array_to_string(enumvals, ','), '-'), category), setting = boot_val AS is_default,
        CASE WHEN setting = boot_val THEN current_setting(name) ELSE coalesce(boot_val, '') END AS default
    FROM pg_settings";

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_are_those_of_postgresql() {
    let Some(server) = postgres::shared().await else { return };
    let client = server.connect("postgres", "postgres").await;
    // A role that may not see all settings.
    client.batch_execute("SET ROLE pg_signal_backend").await.unwrap();
    let seen = rows(&client, "SELECT name FROM pg_settings").await;
    client.batch_execute("RESET ROLE").await.unwrap();
    let theirs = client.query(SETTINGS, &[]).await.unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/settings/postgresql.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let ours: HashMap<&str, &str> = text.lines().filter_map(|line| line.rsplit_once('\t')).collect();
    // What the server's own list says, and what a distribution adds.
    let elsewhere = ["server_version", "server_version_num", "extension_destdir"];
    let mut found = 0;
    for row in theirs {
        let (line, is_default, default): (&str, Option<bool>, &str) = (row.get(0), row.get(1), row.get(2));
        let name = line.split('\t').next().unwrap_or_default();
        if elsewhere.contains(&name) {
            continue;
        }
        let hidden = if seen.contains(name) { "" } else { " hidden" };
        let line = line.replacen('\t', "\u{1}", 1).replacen('\t', &format!("{hidden}\t"), 1).replace('\u{1}', "\t");
        let Some(our_default) = ours.get(line.as_str()) else { panic!("postgresql.txt lacks {line}") };
        assert!(is_default != Some(true) || *our_default == default, "{line}: {default}");
        found += 1;
    }
    assert_eq!(found, ours.len(), "PostgreSQL has every setting of postgresql.txt");
}
