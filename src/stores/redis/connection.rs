//! The connection: to one server, to a cluster, or to the master that Sentinel names. Many statements share it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Pipeline, RedisResult,
    Value, cmd,
};
use tokio::sync::Mutex;

use crate::config::{RedisSection, RedisTopology};

/// Why the configuration cannot be connected with.
#[derive(Debug, thiserror::Error)]
pub enum RedisConnectionError {
    /// An address is none.
    #[error("{0}")]
    Address(#[from] redis::RedisError),
    /// Sentinel needs the master's name.
    #[error("Sentinel needs the name of the master")]
    NoMaster,
    /// There is no address.
    #[error("there is no address")]
    NoAddress,
}

/// A connection that is made when it is first needed, and again after it broke.
pub struct RedisConnection {
    target: Target,
    config: AsyncConnectionConfig,
    current: Mutex<Option<Shared>>,
}

enum Target {
    Single(Client),
    Cluster(ClusterClient),
    Sentinel(Mutex<SentinelClient>),
}

/// What statements share. Cheap to clone.
#[derive(Clone)]
pub(super) enum Shared {
    Server(MultiplexedConnection, Arc<()>),
    Cluster(ClusterConnection, Arc<()>),
}

impl std::fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConnection").finish_non_exhaustive()
    }
}

impl RedisConnection {
    /// What the configuration says. Nothing is connected yet.
    ///
    /// # Errors
    /// [`RedisConnectionError`]
    pub fn new(section: &RedisSection) -> Result<Self, RedisConnectionError> {
        let addresses: Vec<ConnectionInfo> =
            section.urls.iter().map(|url| address(url, section)).collect::<RedisResult<_>>()?;
        let first = addresses.first().cloned().ok_or(RedisConnectionError::NoAddress)?;
        let (connect, answer) = (section.connection.connect_timeout(), section.connection.answer_timeout());
        let target = match section.topology {
            RedisTopology::Single => Target::Single(Client::open(first)?),
            RedisTopology::Cluster => {
                let builder = ClusterClient::builder(addresses).connection_timeout(connect).response_timeout(answer);
                Target::Cluster(builder.retries(0).build()?)
            }
            RedisTopology::Sentinel => Target::Sentinel(Mutex::new(sentinel(section, addresses)?)),
        };
        Ok(Self { target, config: times(connect, answer), current: Mutex::new(None) })
    }

    /// The connection, made anew where there is none.
    ///
    /// # Errors
    /// Whatever connecting says.
    pub(super) async fn get(&self) -> RedisResult<Shared> {
        let mut current = self.current.lock().await;
        if let Some(shared) = current.as_ref() {
            return Ok(shared.clone());
        }
        let mark = Arc::new(());
        let made = match &self.target {
            Target::Single(client) => {
                Shared::Server(client.get_multiplexed_async_connection_with_config(&self.config).await?, mark)
            }
            Target::Cluster(client) => Shared::Cluster(client.get_async_connection().await?, mark),
            Target::Sentinel(client) => {
                let mut client = client.lock().await;
                Shared::Server(client.get_async_connection_with_config(&self.config).await?, mark)
            }
        };
        *current = Some(made.clone());
        Ok(made)
    }

    /// Gives a connection up that broke, unless another one took its place.
    pub(super) async fn give_up(&self, broken: &Shared) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|shared| Arc::ptr_eq(shared.mark(), broken.mark())) {
            *current = None;
        }
    }
}

fn address(url: &str, section: &RedisSection) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    let mut settings = info.redis_settings().clone();
    if let Some(user) = &section.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &section.password {
        settings = settings.set_password(password.expose());
    }
    Ok(info.set_redis_settings(settings))
}

fn times(connect: Duration, answer: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(connect)).set_response_timeout(Some(answer))
}

fn sentinel(section: &RedisSection, addresses: Vec<ConnectionInfo>) -> Result<SentinelClient, RedisConnectionError> {
    let master = section.master.clone().ok_or(RedisConnectionError::NoMaster)?;
    let database = addresses.first().map_or(0, |address| address.redis_settings().db());
    let nodes = addresses.into_iter().map(|address| address.addr().clone());
    let mut builder =
        SentinelClientBuilder::new(nodes, master, SentinelServerType::Master)?.set_client_to_redis_db(database);
    if let Some(user) = &section.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &section.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    Ok(builder.build()?)
}

impl Shared {
    fn mark(&self) -> &Arc<()> {
        match self {
            Self::Server(_, mark) | Self::Cluster(_, mark) => mark,
        }
    }

    /// One answer each, in the order of the commands: one round trip to a server; in a cluster the nodes are asked at once.
    pub(super) async fn answers(&self, commands: impl Iterator<Item = Cmd>) -> RedisResult<Vec<Value>> {
        match self {
            Self::Server(connection, _) => {
                let mut pipeline = Pipeline::new();
                for command in commands {
                    pipeline.add_command(command);
                }
                pipeline.query_async(&mut connection.clone()).await
            }
            Self::Cluster(connection, _) => {
                let asked = commands.map(|command| {
                    let mut connection = connection.clone();
                    async move { command.query_async(&mut connection).await }
                });
                try_join_all(asked).await
            }
        }
    }

    /// The servers that hold the keys together.
    pub(super) async fn masters(&self) -> RedisResult<Vec<Master>> {
        let Self::Cluster(connection, _) = self else { return Ok(vec![Master::Only]) };
        let nodes: String = cmd("CLUSTER").arg("NODES").query_async(&mut connection.clone()).await?;
        Ok(masters_of(&nodes))
    }

    /// Asks one of the masters.
    pub(super) async fn ask<T: FromRedisValue>(&self, master: &Master, command: &Cmd) -> RedisResult<T> {
        match (self, master) {
            (Self::Server(connection, _), _) => command.query_async(&mut connection.clone()).await,
            (Self::Cluster(connection, _), Master::Only) => command.query_async(&mut connection.clone()).await,
            (Self::Cluster(connection, _), Master::At { host, port }) => {
                let node = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                let value = connection.clone().route_command(command.clone(), RoutingInfo::SingleNode(node)).await?;
                Ok(T::from_redis_value(value)?)
            }
        }
    }
}

/// A server that holds keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Master {
    /// The one that there is.
    Only,
    /// A master of a cluster.
    At {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// The masters among the lines of `CLUSTER NODES`: id, `host:port@bus[,name]`, flags, …
fn masters_of(nodes: &str) -> Vec<Master> {
    let master = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (address, flags) = (words.next()?, words.next()?);
        let flags: Vec<&str> = flags.split(',').collect();
        let lives =
            flags.contains(&"master") && !flags.iter().any(|flag| matches!(*flag, "fail" | "noaddr" | "handshake"));
        let (host, port) = address.split('@').next()?.rsplit_once(':')?;
        lives.then_some(Master::At { host: host.to_owned(), port: port.parse().ok()? })
    };
    nodes.lines().filter_map(master).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masters_of_a_cluster_are_those_that_live() {
        let nodes = "\
            07c3 127.0.0.1:30004@31004,host4 slave e7d1 0 1426238317239 4 connected\n\
            67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922\n\
            292f 127.0.0.1:30003@31003 master,fail - 0 1426238318243 3 connected 10923-16383\n\
            e7d1 ::1:30001@31001 myself,master - 0 0 1 connected 0-5460\n";
        let at = |host: &str, port| Master::At { host: host.to_owned(), port };
        assert_eq!(masters_of(nodes), [at("127.0.0.1", 30002), at("::1", 30001)]);
    }
}
