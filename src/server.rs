//! Putting it together: configuration → stores → engine → listeners, and the way back down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, InternalError, TenantId, UserFacing, UserName};
use crate::config::{Config, ConfigError};
use crate::demo;
use crate::engine::{Engine, EngineParts};
use crate::live;
use crate::pg;
use crate::stores::StoreError;
use crate::stores::hub::Hub;
use crate::stores::local::LocalExecutor;
use crate::tenancy::{Authenticators, Identity, MintError, PolicyBook};

/// How often every store is asked for its tables.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(60);

/// Seconds that the tokens of the greeting live.
const GREETING_TOKEN_SECONDS: u64 = 24 * 60 * 60;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not hold together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot use the certificate: {0}")]
    Certificate(String),
    /// An embedded store could not be filled.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect.
    #[error(transparent)]
    Internal(#[from] InternalError),
}
