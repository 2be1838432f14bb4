//! How steady the machine is: what a byte takes to another thread and back, over loopback, without a server of ours.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Instant;

use crate::Outcome;
use crate::common::{Times, microseconds};

const ROUND_TRIPS: usize = 20_000;

pub fn measure() -> Outcome<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    let (mut peer, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    peer.set_nodelay(true)?;
    let echo = std::thread::spawn(move || {
        let mut byte = [0];
        // It ends when the other side is closed.
        while peer.read_exact(&mut byte).is_ok() && peer.write_all(&byte).is_ok() {}
    });
    let mut times = Times::default();
    let mut byte = [0];
    for _ in 0..ROUND_TRIPS {
        let started = Instant::now();
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
        times.push(started.elapsed());
    }
    drop(stream);
    drop(echo.join());
    let (low, high) = times.spread();
    println!(
        "  round trip over loopback: p50 {:.1} µs, p99 {:.1} µs; the medians of its tenths are {:.1} to {:.1} µs",
        microseconds(times.median()),
        microseconds(times.quantile(0.99)),
        microseconds(low),
        microseconds(high)
    );
    Ok(())
}
