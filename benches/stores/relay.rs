//! What a hop costs on this machine with the server's runtime: a program of its own that hands bytes on, both ways, between a
//! client and PostgreSQL, and reads none of them.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;
use crate::common::{Stopped, free_port};

/// The word that makes the benchmark's program this relay.
const WORD: &str = "relay";
const PATIENCE: Duration = Duration::from_secs(10);

/// The relay in a process of its own. It ends with this.
pub struct Relay {
    port: u16,
    _child: Stopped,
}

impl Relay {
    /// Starts one before a server.
    pub async fn start(target: u16) -> Outcome<Self> {
        let port = free_port();
        let child = Command::new(std::env::current_exe()?)
            .args([WORD, &port.to_string(), &target.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let relay = Self { port, _child: Stopped(child) };
        let limit = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            if Instant::now() > limit {
                return Err("the relay does not listen".into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(relay)
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Relays until it is ended, where the program was started for that.
pub async fn serve_if_asked() -> Outcome<bool> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [word, port, target] = words.as_slice() else { return Ok(false) };
    if word != WORD {
        return Ok(false);
    }
    let (listener, target) = (TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?, target.parse::<u16>()?);
    loop {
        let (mut client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await?;
            server.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await
        });
    }
}
