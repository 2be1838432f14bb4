//! The command line.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use flowforge::base::{TenantId, UserName};
use flowforge::config::{Config, Override};
use flowforge::demo;
use flowforge::server::{self, Server, greeting};
use flowforge::tenancy::{Authenticators, ScramVerifier};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Deep expressions are planned recursively; the stack of a planning thread must hold them. In bytes.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Seconds that a development token lives when the command does not say.
const TOKEN_LIFETIME_SECONDS: u64 = 24 * 60 * 60;

#[derive(Parser)]
#[command(name = "flowforge", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start with embedded stores, a week of seeded market data, and a feed.
    Demo(DemoFlags),
    /// Start with a configuration file.
    Serve {
        /// The configuration; config/flowforge.toml explains every key.
        #[arg(long)]
        config: PathBuf,
        #[command(flatten)]
        listen: ListenFlags,
    },
    /// Make a development token for a tenant's user.
    Token {
        /// The configuration with the shared secret (`[auth.jwt]`, HS256).
        #[arg(long, env = "FLOWFORGE_CONFIG")]
        config: Option<PathBuf>,
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The user.
        #[arg(long)]
        user: String,
        /// How long it is valid.
        #[arg(long, default_value_t = TOKEN_LIFETIME_SECONDS)]
        lifetime_seconds: u64,
    },
    /// Read a password from standard input and print its verifier for the configuration.
    HashPassword,
    /// Write the demo's data as files for the tools of ClickHouse, Materialize and Redis.
    DemoData {
        /// The same seed gives the same history.
        #[arg(long, default_value_t = 42)]
        seed: u64,
        /// Where the files go.
        folder: PathBuf,
    },
    /// Check a configuration file and print every problem.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Args)]
struct ListenFlags {
    /// Address of the PostgreSQL listener.
    #[arg(long)]
    pg_listen: Option<String>,
    /// Address of the side listener: WebSocket, health, metrics.
    #[arg(long)]
    http_listen: Option<String>,
}

#[derive(Args)]
struct DemoFlags {
    #[command(flatten)]
    listen: ListenFlags,
    /// The same seed gives the same history.
    #[arg(long)]
    seed: Option<u64>,
    /// Trades that the feed makes. With both rates 0 the history stays as it is.
    #[arg(long)]
    trades_per_second: Option<u32>,
    /// Quotes that the feed makes.
    #[arg(long)]
    quotes_per_second: Option<u32>,
}

impl ListenFlags {
    fn overrides(&self) -> Vec<Override> {
        let flags = [
            ("--pg-listen", "server.pg_listen", &self.pg_listen),
            ("--http-listen", "server.http_listen", &self.http_listen),
        ];
        flags.into_iter().filter_map(|(flag, key, value)| Some(Override::flag(flag, key, value.as_ref()?))).collect()
    }
}

impl DemoFlags {
    fn overrides(&self) -> Vec<Override> {
        let mut overrides = self.listen.overrides();
        overrides.extend(self.seed.map(|value| Override::flag("--seed", "demo.seed", value)));
        let trades = self.trades_per_second;
        overrides.extend(trades.map(|value| Override::flag("--trades-per-second", "demo.trades_per_second", value)));
        let quotes = self.quotes_per_second;
        overrides.extend(quotes.map(|value| Override::flag("--quotes-per-second", "demo.quotes_per_second", value)));
        overrides
    }
}

fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("flowforge: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Demo(flags) => {
            let config = Config::demo(&with_environment(flags.overrides())).map_err(text)?;
            serve(&config, true)
        }
        Command::Serve { config, listen } => {
            let config = Config::load(Some(&config), &with_environment(listen.overrides())).map_err(text)?;
            serve(&config, false)
        }
        Command::Token { config, tenant, user, lifetime_seconds } => {
            let config = Config::load(config.as_deref(), &with_environment(Vec::new())).map_err(text)?;
            let tenant = TenantId::new(tenant).map_err(text)?;
            let user = UserName::new(user).map_err(text)?;
            let authenticators = Authenticators::new(&config).map_err(text)?;
            print_line(&authenticators.mint_token(&tenant, &user, lifetime_seconds).map_err(text)?)
        }
        Command::HashPassword => print_line(&ScramVerifier::generate(&read_password()?).map_err(text)?.to_string()),
        Command::DemoData { seed, folder } => demo::write_data(seed, &folder).map_err(text),
        Command::CheckConfig { file } => {
            let config = Config::load(Some(&file), &with_environment(Vec::new())).map_err(text)?;
            server::check(&config).map_err(text)?;
            print_line(&format!("{}: no problem found", file.display()))
        }
    }
}

/// File, then environment, then flags: the last word wins.
fn with_environment(flags: Vec<Override>) -> Vec<Override> {
    let mut overrides = Override::environment(std::env::vars());
    overrides.extend(flags);
    overrides
}

fn serve(config: &Config, greet: bool) -> Result<(), String> {
    start_log(&config.log.filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(text)?;
    runtime.block_on(async {
        // Listened for before anybody is told that the server is there.
        let mut interrupts = Interrupts::listen()?;
        let server = Server::start(config).await.map_err(text)?;
        if greet {
            print_line(&greeting(config, &server).map_err(text)?)?;
        }
        interrupts.next().await;
        eprintln!("flowforge: draining, once more to end at once");
        tokio::select! {
            () = server.stop() => {}
            () = interrupts.next() => {}
        }
        Ok(())
    })
}

/// Ctrl-C, and what service managers send.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn listen() -> Result<Self, String> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(text)?,
            terminate: signal(SignalKind::terminate()).map_err(text)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn start_log(filter: &str) -> Result<(), String> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(text)?;
    // Colours are for eyes. In a file they would stand between `error_id=` and the id that somebody looks for.
    let has_colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(has_colours).with_writer(std::io::stderr).init();
    Ok(())
}

fn read_password() -> Result<String, String> {
    if std::io::stdin().is_terminal() {
        eprint!("Password (it will be shown): ");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(text)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() { Err("the password is empty".to_owned()) } else { Ok(password.to_owned()) }
}

/// Prints a line; a reader that has left is no error worth a panic.
fn print_line(line: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{line}").map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
