//! What the benchmarks share: a program that ends with them, its memory, and times with their medians.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Parts of a measurement whose medians show how steady the machine was.
const PARTS: usize = 10;

/// A program that is ended when this is dropped.
pub struct Stopped(pub Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A port of the loopback interface that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

pub fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000_000.0
}

/// The one in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How long each run took, in the order of the runs.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// What this part of the runs stayed below: 0.5 is the median.
    pub fn quantile(&self, part: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[((sorted.len() as f64 * part) as usize).min(sorted.len() - 1)]
    }

    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// The lowest and the highest median among the tenths of the runs, one after the other.
    pub fn spread(&self) -> (Duration, Duration) {
        let parts = self.0.chunks(self.0.len().div_ceil(PARTS));
        let medians: Vec<Duration> = parts.map(|part| Self(part.to_vec()).median()).collect();
        (*medians.iter().min().unwrap(), *medians.iter().max().unwrap())
    }
}

/// The resident memory of a program, looked at until this is asked how much it grew.
pub struct MemoryWatch {
    before_kib: u64,
    peak_kib: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

impl MemoryWatch {
    pub fn start(pid: u32) -> Self {
        let before_kib = resident_kib(pid).unwrap();
        let peak_kib = Arc::new(AtomicU64::new(before_kib));
        let done = Arc::new(AtomicBool::new(false));
        let (peak, end) = (Arc::clone(&peak_kib), Arc::clone(&done));
        let watcher = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                // One that has ended has none.
                peak.fetch_max(resident_kib(pid).unwrap_or_default(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { before_kib, peak_kib, done, watcher: Some(watcher) }
    }

    /// MiB before, and MiB by which it was more at the most.
    pub fn end(mut self) -> (f64, f64) {
        self.stop();
        let grown_kib = self.peak_kib.load(Ordering::Relaxed).saturating_sub(self.before_kib);
        (self.before_kib as f64 / 1024.0, grown_kib as f64 / 1024.0)
    }

    fn stop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            drop(watcher.join());
        }
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.stop();
    }
}

fn resident_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
