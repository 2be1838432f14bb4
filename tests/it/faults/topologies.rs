//! Redis as a cluster and behind Sentinel, and what happens when a master dies.

use std::fmt::Write;
use std::time::Duration;

use crate::engines::{has_redis, redis_tables};
use crate::processes::{Redis, free_port, until};
use crate::support::{TestServer, TextRows, rows, value};

use super::impatience;
use super::load::Load;

/// Rows that are there: enough that every node of the cluster holds some.
const ROWS: usize = 200;
/// All of them, read by a scan.
const ALL: &str = "SELECT symbol, vwap FROM latest.vwap ORDER BY symbol";
/// What another store answers.
const OTHER: &str = "SELECT symbol, name FROM dim_instruments ORDER BY symbol";
/// How long servers may take to agree with each other.
const AGREEMENT: Duration = Duration::from_secs(60);

fn symbol(number: usize) -> String {
    format!("K{number:03}")
}

/// One command a line.
fn commands() -> String {
    (0..ROWS).fold(String::new(), |mut text, number| {
        writeln!(text, "HSET latest:vwap:{} vwap {number}.5 volume 10 timestamp 1700000000", symbol(number)).unwrap();
        text
    })
}

fn whole() -> TextRows {
    (0..ROWS).map(|number| vec![Some(symbol(number)), Some(format!("{number}.5"))]).collect()
}

/// A server with embedded stores but for Redis, whose keys are everybody's.
async fn server(topology: &str, nodes: &[&Redis], more: &[(&str, &str)]) -> TestServer {
    let urls: Vec<String> = nodes.iter().map(|node| format!("\"redis://127.0.0.1:{}/0\"", node.port())).collect();
    let policies =
        r#"[{ table = "latest.vwap", kind = "shared" }, { table = "marts.dim_instruments", kind = "shared" }]"#;
    let mut changes = vec![
        ("stores.redis.kind".to_owned(), "remote".to_owned()),
        ("stores.redis.topology".to_owned(), topology.to_owned()),
        ("stores.redis.urls".to_owned(), format!("[{}]", urls.join(", "))),
        ("stores.redis.tables".to_owned(), redis_tables()),
        ("policies".to_owned(), policies.to_owned()),
    ];
    changes.extend(impatience("redis", "3"));
    changes.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let changes: Vec<_> = changes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    TestServer::start_with(&changes).await
}

/// Loads on Redis, which may fail, and on another store, which may not.
async fn loads(server: &TestServer) -> [Load; 2] {
    let client = server.connect("acme").await;
    let other = rows(&client, OTHER).await.unwrap();
    assert!(!other.is_empty());
    [Load::start(server, ALL, &whole(), Some("redis")).await, Load::start(server, OTHER, &other, None).await]
}

/// Three masters that share the slots, and a replica of the first.
struct Cluster {
    nodes: [Redis; 4],
    _folder: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node = || {
            let bus = free_port().to_string();
            let options = [
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "1000",
                // However long the replica has not heard of its master, it may take its place.
                "--cluster-replica-validity-factor",
                "0",
            ];
            (Redis::start(folder.path(), &options), bus)
        };
        let nodes = [node(), node(), node(), node()];
        let ranges = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (at, (node, _)) in nodes.iter().enumerate() {
            node.tell(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
            if let Some((first, last)) = ranges.get(at) {
                node.tell(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
            }
        }
        for (node, bus) in &nodes[1..] {
            nodes[0].0.tell(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string(), bus]);
        }
        let cluster = Self { nodes: nodes.map(|(node, _)| node), _folder: folder };
        cluster.agrees(&["cluster_state:ok", "cluster_known_nodes:4"]);
        let first = cluster.nodes[0].ask(&["CLUSTER", "MYID"]);
        cluster.nodes[3].tell(&["CLUSTER", "REPLICATE", &first]);
        cluster.nodes[0].load(&commands());
        cluster.is_replicated();
        // A driver that asks any of them must hear of a replica, and of three masters.
        until("the nodes know the replica", AGREEMENT, || {
            cluster.nodes.iter().all(|node| node.ask(&["CLUSTER", "NODES"]).matches("slave").count() == 1)
        });
        cluster
    }

    /// Waits until every node says so.
    fn agrees(&self, words: &[&str]) {
        until(&format!("the cluster agrees on {words:?}"), AGREEMENT, || {
            self.nodes.iter().all(|node| {
                let info = node.ask(&["CLUSTER", "INFO"]);
                words.iter().all(|word| info.lines().any(|line| line.trim() == *word))
            })
        });
    }

    fn is_replicated(&self) {
        until("the replica has what its master has", AGREEMENT, || {
            let size = self.nodes[0].ask(&["DBSIZE"]);
            self.nodes[3].ask(&["INFO", "replication"]).contains("master_link_status:up")
                && size != "0"
                && self.nodes[3].ask(&["DBSIZE"]) == size
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_read_as_one_also_while_keys_move() {
    if !has_redis() {
        return;
    }
    let cluster = Cluster::start();
    let masters = &cluster.nodes[..3];
    for master in masters {
        assert_ne!(master.ask(&["DBSIZE"]), "0");
    }
    // One address is enough: the others are told by the cluster.
    let server = server("cluster", &[&masters[1]], &[]).await;
    let client = server.connect("acme").await;
    assert_eq!(rows(&client, ALL).await.unwrap(), whole());

    let moving = "latest:vwap:K007";
    let lookup = "SELECT vwap FROM latest.vwap WHERE symbol = 'K007'";
    assert_eq!(value(&client, lookup).await, "7.5");
    let slot = masters[0].ask(&["CLUSTER", "KEYSLOT", moving]);
    let holds = |node: &&Redis| node.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]) != "0";
    let from = masters.iter().find(holds).unwrap();
    let to = masters.iter().find(|node| !holds(node)).unwrap();
    let (from_id, to_id) = (from.ask(&["CLUSTER", "MYID"]), to.ask(&["CLUSTER", "MYID"]));
    to.tell(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    from.tell(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    let port = to.port().to_string();
    for key in from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).lines() {
        from.tell(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    }
    // The slot is still the old master's, and the key is the new one's.
    for _ in 0..5 {
        assert_eq!(value(&client, lookup).await, "7.5");
    }
    for node in [to, from] {
        node.tell(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
    for _ in 0..5 {
        assert_eq!(value(&client, lookup).await, "7.5");
        assert_eq!(rows(&client, ALL).await.unwrap(), whole());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_loses_a_master_is_whole_or_an_error() {
    if !has_redis() {
        return;
    }
    let cluster = Cluster::start();
    let [first, second, third, replica] = &cluster.nodes;
    let server = server("cluster", &[first, second, third], &[]).await;
    let [redis, other] = loads(&server).await;
    // A replica takes the place of the first.
    first.crash();
    redis.fails().await;
    other.is_answered().await;
    redis.is_answered().await;
    until("the replica is a master", AGREEMENT, || replica.ask(&["ROLE"]).starts_with("master"));
    // Nobody takes the place of the second, until it comes back itself.
    second.crash();
    redis.fails().await;
    other.is_answered().await;
    second.start_again();
    redis.is_answered().await;
    // The first comes back as a replica, and nobody notices.
    first.start_again();
    until("the first is a replica", AGREEMENT, || first.ask(&["ROLE"]).starts_with("slave"));
    redis.is_answered().await;
    assert!(redis.end().await > 0);
    assert_eq!(other.end().await, 0);
    assert_eq!(rows(&server.connect("acme").await, ALL).await.unwrap(), whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_behind_sentinel_that_dies_is_followed_by_its_replica() {
    if !has_redis() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let master = Redis::start(folder.path(), &[]);
    master.load(&commands());
    let port = master.port().to_string();
    let replica = Redis::start(folder.path(), &["--replicaof", "127.0.0.1", &port]);
    until("the replica has what its master has", AGREEMENT, || replica.ask(&["DBSIZE"]) == ROWS.to_string());
    let sentinel = Redis::start_sentinel(folder.path(), "prices", master.port());
    until("the sentinel knows the replica", AGREEMENT, || {
        let replicas = sentinel.ask(&["SENTINEL", "REPLICAS", "prices"]);
        let lines: Vec<&str> = replicas.lines().map(str::trim).collect();
        lines.windows(2).any(|pair| pair == ["master-link-status", "ok"])
    });
    let server = server("sentinel", &[&sentinel], &[("stores.redis.master", "prices")]).await;
    let [redis, other] = loads(&server).await;
    master.crash();
    redis.fails().await;
    other.is_answered().await;
    redis.is_answered().await;
    assert!(replica.ask(&["ROLE"]).starts_with("master"));
    // The old one comes back as a replica of the new one.
    master.start_again();
    until("the old master is a replica", AGREEMENT, || master.ask(&["ROLE"]).starts_with("slave"));
    redis.is_answered().await;
    assert!(redis.end().await > 0);
    assert_eq!(other.end().await, 0);
    assert_eq!(rows(&server.connect("acme").await, ALL).await.unwrap(), whole());
}
