//! The connection: to one server, to a cluster, or to the master that Sentinel names. Many statements share it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Pipeline,
    RedisError, RedisResult, TlsCertificates, TlsMode, Value, cmd,
};
use tokio::sync::Mutex;

use crate::config::{RedisSection, RedisTopology};
use crate::stores::Trust;

use super::slots::{Master, masters_of};

/// How often a command to a cluster goes on elsewhere: a key may have moved, and be on the move again.
const REDIRECTIONS: u32 = 2;

/// The pauses before a command goes to a cluster again that is busy with its own affairs.
const CLUSTER_PAUSES_MS: (u64, u64) = (50, 200);

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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Shared>,
    /// The last attempt that failed, and when it ended.
    failed: Option<(Instant, RedisError)>,
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
    pub fn new(section: &RedisSection, trust: &Trust) -> Result<Self, RedisConnectionError> {
        let addresses: Vec<ConnectionInfo> =
            section.urls.iter().map(|url| address(url, section)).collect::<RedisResult<_>>()?;
        let certificates = certificates(&addresses, trust);
        let first = addresses.first().cloned().ok_or(RedisConnectionError::NoAddress)?;
        let (connect, answer) = (section.connection.connect_timeout(), section.connection.answer_timeout());
        let target = match section.topology {
            RedisTopology::Single => Target::Single(match certificates {
                Some(certificates) => Client::build_with_tls(first, certificates)?,
                None => Client::open(first)?,
            }),
            RedisTopology::Cluster => {
                let mut builder = ClusterClient::builder(addresses)
                    .connection_timeout(connect)
                    .response_timeout(answer)
                    .retries(REDIRECTIONS)
                    .min_retry_wait(CLUSTER_PAUSES_MS.0)
                    .max_retry_wait(CLUSTER_PAUSES_MS.1);
                if let Some(certificates) = certificates {
                    builder = builder.certs(certificates);
                }
                Target::Cluster(builder.build()?)
            }
            RedisTopology::Sentinel => Target::Sentinel(Mutex::new(sentinel(section, addresses, certificates)?)),
        };
        Ok(Self { target, config: times(connect, answer), state: Mutex::default() })
    }

    /// The connection, made anew where there is none.
    ///
    /// # Errors
    /// Whatever connecting says.
    pub(super) async fn get(&self) -> RedisResult<Shared> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(shared) = &state.current {
            return Ok(shared.clone());
        }
        // Those who waited for an attempt that failed share what it met: one after the other they would wait for long.
        if let Some((ended_at, error)) = &state.failed
            && *ended_at >= asked_at
        {
            return Err(error.clone());
        }
        match self.connect().await {
            Ok(made) => {
                state.current = Some(made.clone());
                Ok(made)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn connect(&self) -> RedisResult<Shared> {
        let mark = Arc::new(());
        Ok(match &self.target {
            Target::Single(client) => {
                Shared::Server(client.get_multiplexed_async_connection_with_config(&self.config).await?, mark)
            }
            Target::Cluster(client) => Shared::Cluster(client.get_async_connection().await?, mark),
            Target::Sentinel(client) => {
                let mut client = client.lock().await;
                Shared::Server(client.get_async_connection_with_config(&self.config).await?, mark)
            }
        })
    }

    /// Gives a connection up that broke, unless another one took its place.
    pub(super) async fn give_up(&self, broken: &Shared) {
        let mut state = self.state.lock().await;
        if state.current.as_ref().is_some_and(|shared| Arc::ptr_eq(shared.mark(), broken.mark())) {
            state.current = None;
        }
    }
}

/// An address with the user and password of the configuration. Those in the address of a Sentinel are the Sentinel's.
fn address(url: &str, section: &RedisSection) -> RedisResult<ConnectionInfo> {
    let info = url.into_connection_info()?;
    if section.topology == RedisTopology::Sentinel {
        return Ok(info);
    }
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

fn is_encrypted(address: &ConnectionInfo) -> bool {
    matches!(address.addr(), ConnectionAddr::TcpTls { .. })
}

/// What the driver is told of the trusted authorities; nothing where it is to take the system's, or needs none.
fn certificates(addresses: &[ConnectionInfo], trust: &Trust) -> Option<TlsCertificates> {
    let root_cert = trust.pem().filter(|_| addresses.iter().any(is_encrypted))?.to_vec();
    Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
}

fn sentinel(
    section: &RedisSection,
    addresses: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
) -> Result<SentinelClient, RedisConnectionError> {
    let name = section.master.clone().ok_or(RedisConnectionError::NoMaster)?;
    let first = addresses.first().cloned().ok_or(RedisConnectionError::NoAddress)?;
    let is_tls = addresses.iter().any(is_encrypted);
    let nodes = addresses.into_iter().map(|address| address.addr().clone());
    let (own, server) = (first.redis_settings(), SentinelServerType::Master);
    let mut builder = SentinelClientBuilder::new(nodes, name, server)?.set_client_to_redis_db(own.db());
    if let Some(user) = own.username() {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = own.password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if let Some(user) = &section.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &section.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    if is_tls {
        // Sentinel names the master by its address alone. Its password must not go there in the clear.
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
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
    pub(super) async fn answers(&self, mut commands: impl ExactSizeIterator<Item = Cmd>) -> RedisResult<Vec<Value>> {
        match self {
            Self::Server(connection, _) => {
                let mut connection = connection.clone();
                if commands.len() == 1
                    && let Some(only) = commands.next()
                {
                    return Ok(vec![only.query_async(&mut connection).await?]);
                }
                let mut pipeline = Pipeline::new();
                for command in commands {
                    pipeline.add_command(command);
                }
                pipeline.query_async(&mut connection).await
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
        let slots: Value = cmd("CLUSTER").arg("SLOTS").query_async(&mut connection.clone()).await?;
        masters_of(&slots)
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
