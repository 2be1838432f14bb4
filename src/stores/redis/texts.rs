//! Texts under keys of this server's own.

use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, FromRedisValue, RedisResult, cmd};

use crate::stores::{KeptTexts, StoreError};

use super::connection::RedisConnection;
use super::failure::{connect_error, is_broken, store_error};
use super::slots::Master;

/// Texts in Redis, over a connection of their own.
#[derive(Debug)]
pub struct RedisTexts {
    connection: RedisConnection,
}

impl RedisTexts {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(connection: RedisConnection) -> Self {
        Self { connection }
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<RedisResult<T>, StoreError> {
        let connection = self.connection.get().await.map_err(|error| connect_error(&error))?;
        let answer = connection.ask(&Master::Only, command).await;
        if answer.as_ref().is_err_and(is_broken) {
            self.connection.give_up(&connection).await;
        }
        Ok(answer)
    }
}

#[async_trait]
impl KeptTexts for RedisTexts {
    async fn read(&self, key: &str, most_bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let mut command = cmd("GETRANGE");
        // The last place is read too: a text that is longer is one byte longer at least.
        command.arg(key).arg(0).arg(most_bytes);
        match self.ask::<Vec<u8>>(&command).await? {
            Ok(text) => Ok(Some(text).filter(|text| !text.is_empty() && text.len() <= most_bytes)),
            // Something else has the key; it is overwritten.
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(None),
            Err(error) => Err(store_error(&error)),
        }
    }

    async fn write(&self, key: &str, text: &[u8], lifetime: Duration) -> Result<(), StoreError> {
        let mut command = cmd("SET");
        command.arg(key).arg(text).arg("EX").arg(lifetime.as_secs().max(1));
        self.ask::<String>(&command).await?.map(drop).map_err(|error| store_error(&error))
    }
}
