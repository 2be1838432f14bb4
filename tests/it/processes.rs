//! Servers of other makers as child processes. They end with the test process, or when a test ends them.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Runs a program until it is told a signal, and with the signal that it is given first when its standard input ends:
/// that happens however the test process ends.
const GUARDIAN: &str =
    r#""$@" & child=$!; read -r signal; kill -s "${signal:-$0}" "$child" 2>/dev/null; wait "$child""#;

/// A program that ends when its standard input does.
pub struct Process {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Process {
    /// Starts a program that looks after its standard input itself.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let lifeline = child.stdin.take();
        Self { child, lifeline }
    }

    /// Starts a program that does not, with somebody who does. It is stopped with this signal.
    pub fn guarded(stop: &str, words: &[String], folder: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", GUARDIAN, stop]).args(words).current_dir(folder);
        Self::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Ends a guarded program with a signal of another name, and waits for its end.
    pub fn end(mut self, signal: &str) {
        if let Some(lifeline) = &mut self.lifeline {
            // One that has ended already is not told.
            drop(writeln!(lifeline, "{signal}"));
        }
    }

    /// Ends a program without a guardian at once.
    pub fn kill(mut self) {
        drop(self.child.kill());
    }

    /// What the program is to the system.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.child.wait();
    }
}

/// A port of the loopback interface that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until something is so, and fails when it is not in time.
pub fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < limit, "not in {} seconds: {what}", limit.as_secs());
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// What a store shows over TLS: PEM files.
pub struct Encryption {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// The authority that the certificate is from.
    pub authority: PathBuf,
}

/// A server of Redis. What it is told it finds again after it was ended.
pub struct Redis {
    port: u16,
    words: Vec<String>,
    folder: PathBuf,
    process: Mutex<Option<Process>>,
}

impl Redis {
    /// Starts one on a free port, with its files in a folder of its own below the given one, and with further options.
    pub fn start(below: &Path, options: &[&str]) -> Self {
        let port = free_port();
        let folder = below.join(format!("redis-{port}"));
        std::fs::create_dir(&folder).unwrap();
        let own =
            ["redis-server", "--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "yes"];
        let words = own.iter().chain(options).map(|word| (*word).to_owned()).collect();
        Self::run(port, words, folder)
    }

    /// Starts a Sentinel that watches a master, alone.
    pub fn start_sentinel(below: &Path, name: &str, master: u16) -> Self {
        let port = free_port();
        let folder = below.join(format!("sentinel-{port}"));
        std::fs::create_dir(&folder).unwrap();
        let settings = format!(
            "port {port}\nbind 127.0.0.1\n\
             sentinel monitor {name} 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds {name} 500\n\
             sentinel failover-timeout {name} 5000\n"
        );
        let file = folder.join("sentinel.conf");
        std::fs::write(&file, settings).unwrap();
        let words = ["redis-server", &file.display().to_string(), "--sentinel"].map(str::to_owned).to_vec();
        Self::run(port, words, folder)
    }

    fn run(port: u16, words: Vec<String>, folder: PathBuf) -> Self {
        let redis = Self { port, words, folder, process: Mutex::new(None) };
        redis.start_again();
        redis
    }

    /// Ends it as a crash would.
    pub fn crash(&self) {
        self.process.lock().unwrap().take().expect("it runs").end("KILL");
    }

    /// Starts it where it was, and waits until it listens.
    pub fn start_again(&self) {
        *self.process.lock().unwrap() = Some(Process::guarded("TERM", &self.words, &self.folder));
        until("redis listens", Duration::from_secs(20), || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
        });
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it answers to a command, or what it says against it.
    pub fn ask(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let asked = Command::new("redis-cli").args(["-p", &port]).args(command).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    }

    /// Tells it something that it must agree to.
    pub fn tell(&self, command: &[&str]) {
        let answer = self.ask(command);
        assert_eq!(answer, "OK", "{command:?}");
    }

    /// Gives it a command a line; those of a cluster send the ones on that are not theirs.
    pub fn load(&self, commands: &str) {
        let mut loading = Command::new("redis-cli")
            .args(["-c", "-p", &self.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        loading.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
        assert!(loading.wait().unwrap().success());
    }
}
