//! Tests of the checks and of the explained example.

use super::*;

const EXAMPLE: &str = include_str!("../../config/flowforge.toml");

fn problems_of(text: &str) -> Vec<String> {
    Config::parse(text, &[]).unwrap().check().iter().map(ToString::to_string).collect()
}

#[test]
fn all_problems_come_at_once() {
    let text = r#"
        [server]
        database = ""
        [[tenants]]
        id = "acme"
        [[tenants]]
        id = "acme"
        [[auth.users]]
        name = "token"
        tenant = "nobody"
        verifier = "hunter2"
        [auth.jwt]
        algorithm = "HS256"
        secret = "short"
        leeway_seconds = 3600
        [[policies]]
        table = "a.b"
        kind = "list_attribute"
        column = "symbol"
        attribute = "symbols"
        [[policies]]
        table = "a.b"
        kind = "shared"
        column = "x"
        [[policies]]
        table = "a.c"
        kind = "tenant_column"
        [limits]
        sessions = 0
        join_keys = 0
        nodes = 1
        [live]
        dead_after_seconds = 3
    "#;
    let problems = problems_of(text);
    let expected = [
        "server.database:",
        "auth.users[0].name: \"token\" is auth.token_user",
        "auth.users[0].tenant: there is no tenant \"nobody\"",
        "auth.users[0].verifier: bad verifier",
        "auth.jwt.secret: it must have at least 32 bytes",
        "auth.jwt.leeway_seconds:",
        "tenants[1].id: tenant \"acme\" is there twice",
        "policies[0].attribute: no tenant has",
        "policies[1].table: table a.b has two policies",
        "policies[1].column: this kind of policy does not have it",
        "policies[2].column: this kind of policy needs it",
        "limits.nodes: there is no limit named",
        "limits.sessions: a limit must be at least 1",
        "live.dead_after_seconds:",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, start) in problems.iter().zip(expected) {
        assert!(problem.starts_with(start), "{problem} should start with {start}");
    }
    assert!(!problems.iter().any(|problem| problem.contains("hunter2") || problem.contains("short")));
}

#[test]
fn authorities_are_for_addresses_that_ask_for_tls() {
    let section = |store: &str, url: &str| {
        let text = format!("[stores.{store}]\nkind = \"remote\"\nurls = [\"{url}\"]\nca_file = \"ca.pem\"\n");
        problems_of(&text)
    };
    for (store, encrypted, plain) in
        [("clickhouse", "https://h:8443", "http://h:8123"), ("redis", "rediss://h:6379", "redis://h:6379")]
    {
        assert!(section(store, encrypted).is_empty());
        let problems = section(store, plain);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(&format!("stores.{store}.ca_file: it is for addresses")), "{problems:?}");
    }
}

#[test]
fn public_keys_come_from_exactly_one_place() {
    for keys in ["", "jwks_file = \"a\"\njwks_url = \"https://b\"\n", "secret = \"x\"\njwks_file = \"a\"\n"] {
        let problems = problems_of(&format!("[auth.jwt]\nalgorithm = \"RS256\"\n{keys}"));
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
    assert!(problems_of("[auth.jwt]\nalgorithm = \"ES256\"\njwks_url = \"https://b\"\n").is_empty());
    assert_eq!(problems_of("[auth.jwt]\nalgorithm = \"ES256\"\njwks_url = \"file:///b\"\n").len(), 1);
}

#[test]
fn what_is_kept_of_the_catalog_stays_off_the_tables() {
    let problems = |prefix: &str, pattern: &str| {
        problems_of(&format!(
            "[stores.redis]\ncatalog = {{ prefix = \"{prefix}\" }}\n[[stores.redis.tables]]\n\
             table = \"latest.x\"\npattern = \"{pattern}\"\nkey = \"k\"\nfields = []\n"
        ))
    };
    assert!(problems("flowforge:catalog:", "latest:vwap:*").is_empty());
    assert!(problems("", "flowforge:*").is_empty());
    for (prefix, pattern) in [("flowforge:catalog:", "flowforge:*"), ("a:", "a:b:*:c"), ("a:", "a:*")] {
        let told = problems(prefix, pattern);
        assert!(told.len() == 1 && told[0].starts_with("stores.redis.catalog.prefix: keys of latest.x"), "{told:?}");
    }
    let short = problems_of("[stores.redis]\ncatalog = { lifetime_seconds = 599 }\n");
    assert!(short.len() == 1 && short[0].starts_with("stores.redis.catalog.lifetime_seconds:"), "{short:?}");
    assert!(problems_of("[stores.redis]\ncatalog = { lifetime_seconds = 600 }\n").is_empty());
}

#[test]
fn the_example_loads_and_its_optional_keys_load_too() {
    assert_eq!(problems_of(EXAMPLE), Vec::<String>::new());
    let all = uncommented();
    Config::parse(&all, &[]).unwrap_or_else(|error| panic!("{error}"));
}

/// The example with every `#key = value` and `#[section]` in force; prose has a blank after the `#`.
fn uncommented() -> String {
    let optional = |line: &str| line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
    EXAMPLE.lines().map(|line| if optional(line) { &line[1..] } else { line }).collect::<Vec<_>>().join("\n")
}

/// The keys of a section as its type has them, read from what it says to a key that it does not have. `lists` are the
/// parts of the path that are lists.
fn keys_of(path: &[&str], lists: &[usize]) -> Vec<String> {
    let headers = lists.iter().map(|end| format!("[[{}]]\n", path[..*end].join(".")));
    let own_header = match path {
        [] => String::new(),
        _ if lists.last() == Some(&path.len()) => String::new(),
        _ => format!("[{}]\n", path.join(".")),
    };
    let document = format!("{}{own_header}nonsense = 1\n", headers.collect::<String>());
    let error = Config::parse(&document, &[]).unwrap_err().to_string();
    let (_, list) = error.split_once(", expected").unwrap_or_else(|| panic!("{document}: {error}"));
    let list = list.split(" in `").next().unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Walks the sections, and lists of sections, that the example has; what a type has within is looked for in turn. `found`
/// are the tables of the example at this path: one, or those of a list.
fn check_section(path: &[&str], lists: &[usize], found: &[&toml::Table]) {
    for key in keys_of(path, lists) {
        let values: Vec<&toml::Value> = found.iter().filter_map(|table| table.get(&key)).collect();
        assert!(!values.is_empty(), "the example lacks {path:?} {key}");
        let below = [path, &[key.as_str()]].concat();
        let sections: Vec<&toml::Table> = values.iter().filter_map(|value| value.as_table()).collect();
        let listed = values.iter().filter_map(|value| value.as_array()).flatten();
        let listed: Vec<&toml::Table> = listed.filter_map(toml::Value::as_table).collect();
        // The limits have names of their own, which another test looks for.
        if below == ["limits"] {
            continue;
        }
        if !sections.is_empty() {
            check_section(&below, lists, &sections);
        } else if !listed.is_empty() {
            check_section(&below, &[lists, &[below.len()]].concat(), &listed);
        }
    }
}

#[test]
fn the_example_has_every_key() {
    let example: toml::Table = toml::from_str(&uncommented()).unwrap();
    check_section(&[], &[], &[&example]);
}

#[test]
fn the_example_has_every_limit_with_its_default() {
    let example: toml::Table = toml::from_str(&uncommented()).unwrap();
    let listed = example.get("limits").and_then(toml::Value::as_table).unwrap();
    let missing: Vec<String> = limits::ALL
        .iter()
        .filter(|limit| listed.get(limit.name).and_then(toml::Value::as_integer) != i64::try_from(limit.default).ok())
        .map(|limit| format!("# {}\n#{} = {}", limit.reason, limit.name, limit.default))
        .collect();
    assert!(missing.is_empty(), "add to [limits] of config/flowforge.toml:\n{}", missing.join("\n"));
    assert_eq!(listed.len(), limits::ALL.len());
}

#[test]
fn a_key_is_not_read_under_two_policies() {
    let problems = |one: &str, other: &str, policies: &str| {
        let table = |name: &str, pattern: &str| {
            format!(
                "[[stores.redis.tables]]\ntable = \"latest.{name}\"\npattern = \"{pattern}\"\nkey = \"k\"\nfields = []\n"
            )
        };
        let text = format!("{}{}{policies}", table("x", one), table("y", other));
        problems_of(&text).into_iter().filter(|told| told.contains("match it too")).count()
    };
    let policy = |name: &str, kind: &str| format!("[[policies]]\ntable = \"latest.{name}\"\nkind = \"{kind}\"\n");
    let both_shared = policy("x", "shared") + &policy("y", "shared");
    let x_shared = policy("x", "shared");
    assert_eq!(problems("latest:*", "latest:quotes:*", &x_shared), 1);
    assert_eq!(problems("latest:*", "latest:quotes:*", &both_shared), 0);
    assert_eq!(problems("a:*:x", "a:b:*", &x_shared), 1);
    assert_eq!(problems("a:*:x", "a:*:y", &x_shared), 0);
    assert_eq!(problems("a:*", "b:*", &x_shared), 0);
}
