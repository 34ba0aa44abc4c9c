//! What the door and the road cost: calls of a tool that does nothing, through everything that the product does for a
//! call (policy, audit log, redaction, budget), beside the same tool on the bare SDK.
//!
//! `cargo run --release -p trainyard-serve --example load` prints a table of both, from one run.
//! `… --example load -- beside FILE` measures servers of others over stdio beside ours and the bare SDK, in one run; a line
//! of the file is a name, a tool, its arguments and a command, with tabs between them.
//! `… --example load -- soak 3600 200` calls for an hour over HTTP, 200 times a second, and prints how the memory went.

#![expect(clippy::unwrap_used, reason = "a broken measurement ends")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

mod client;
mod servers;

use std::{
    env,
    process::ExitCode,
    time::{Duration, Instant},
};

use client::{Child, Connection};

/// Calls of one measurement.
const CALLS: usize = 20_000;
/// Requests that a client has under way at once, over one pipe or over as many connections.
const WIDE: usize = 64;
/// Each is measured this often; the best counts, since whatever else the machine does only makes it worse.
const ROUNDS: usize = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => table().await,
        ["beside", file] => match Peer::read(file) {
            Some(peers) => beside(&peers).await,
            None => return usage(),
        },
        ["soak", seconds, rate] => match (seconds.parse(), rate.parse()) {
            (Ok(seconds), Ok(rate)) if rate > 0 => soak(Duration::from_secs(seconds), rate).await,
            _ => return usage(),
        },
        ["serve", kind @ ("bare" | "ours"), "stdio"] => servers::stdio(kind).await,
        ["serve", kind @ ("bare" | "ours"), "http"] => servers::http(kind).await,
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: load | load beside FILE | load soak SECONDS CALLS_A_SECOND");
    ExitCode::from(2)
}

async fn table() {
    println!("{:<40} {:>12} {:>12} {:>8} {:>22}", "", "bare calls/s", "ours calls/s", "ratio", "CPU a call, us");
    let stdio = |wide| move |kind| over_stdio(kind, wide);
    let http = |wide| move |kind| over_http(kind, wide);
    row("stdio, one after the other", stdio(1)).await;
    row("stdio, 64 in the pipe", stdio(WIDE)).await;
    row("HTTP, one connection", http(1)).await;
    row("HTTP, 64 connections", http(WIDE)).await;
    many().await;
}

/// A server that somebody else wrote, and a call that it answers out of its own memory.
struct Peer {
    name: String,
    tool: String,
    arguments: String,
    command: Vec<String>,
}

impl Peer {
    /// Each line of a file is one: name, tool, arguments and command, with tabs between them.
    fn read(path: &str) -> Option<Vec<Self>> {
        let text = std::fs::read_to_string(path).ok()?;
        text.lines().filter(|line| !line.is_empty()).map(Self::of).collect()
    }

    fn of(line: &str) -> Option<Self> {
        let mut cells = line.split('\t').map(str::to_owned);
        let (name, tool, arguments) = (cells.next()?, cells.next()?, cells.next()?);
        let command = cells.next()?.split_whitespace().map(str::to_owned).collect();
        Some(Self { name, tool, arguments, command })
    }
}

/// Ours, the bare SDK and other servers in turns, over stdio and with fewer calls: some take a millisecond for each.
async fn beside(peers: &[Peer]) {
    const FEW: usize = CALLS / 10;
    println!(
        "{:<32} {:>16} {:>16} {:>14} {:>12}",
        "", "calls/s, single", "calls/s, 64", "CPU a call, us", "memory, MiB"
    );
    let mut best = vec![(Speed(0.0, f64::MAX), Speed(0.0, f64::MAX), 0.0_f64); peers.len() + 2];
    for _ in 0..ROUNDS {
        for (at, best) in best.iter_mut().enumerate() {
            let mut child = match at {
                0 => Child::stdio("ours").await,
                1 => Child::stdio("bare").await,
                at => Child::peer(&peers[at - 2]).await,
            };
            for (wide, best) in [(1, &mut best.0), (WIDE, &mut best.1)] {
                let before = child.processor();
                let started = Instant::now();
                child.pipe().calls(FEW, wide).await;
                let Speed(calls, processor) = child.speed(started, before, FEW / wide * wide);
                *best = Speed(best.0.max(calls), best.1.min(processor));
            }
            best.2 = child.memory();
        }
    }
    let names = ["ours", "bare SDK"].into_iter().chain(peers.iter().map(|peer| peer.name.as_str()));
    for (name, (single, wide, memory)) in names.zip(best) {
        println!("{name:<32} {:>16.0} {:>16.0} {:>14.1} {memory:>12.1}", single.0, wide.0, single.1);
    }
}

/// Calls a second, and microseconds of processor time a call.
#[derive(Clone, Copy)]
struct Speed(f64, f64);

async fn row<F: Future<Output = Speed>>(name: &str, measure: impl Fn(&'static str) -> F) {
    let (mut bare, mut ours) = (Speed(0.0, f64::MAX), Speed(0.0, f64::MAX));
    // In turns, so that both meet the same machine.
    for _ in 0..ROUNDS {
        for (kind, best) in [("bare", &mut bare), ("ours", &mut ours)] {
            let Speed(calls, processor) = measure(kind).await;
            *best = Speed(best.0.max(calls), best.1.min(processor));
        }
    }
    let ratio = ours.0 / bare.0;
    println!("{name:<40} {:>12.0} {:>12.0} {ratio:>8.2} {:>10.1} {:>10.1}", bare.0, ours.0, bare.1, ours.1);
}

async fn over_stdio(kind: &'static str, wide: usize) -> Speed {
    let mut child = Child::stdio(kind).await;
    let before = child.processor();
    let started = Instant::now();
    child.pipe().calls(CALLS, wide).await;
    child.speed(started, before, CALLS)
}

async fn over_http(kind: &'static str, wide: usize) -> Speed {
    let child = Child::http(kind).await;
    let mut connections = Vec::new();
    for _ in 0..wide {
        connections.push(Connection::open(child.address()).await);
    }
    let before = child.processor();
    let started = Instant::now();
    let calls =
        connections.into_iter().map(|mut connection| tokio::spawn(async move { connection.calls(CALLS / wide).await }));
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    child.speed(started, before, CALLS)
}

/// A thousand clients at once, each with a connection of its own.
async fn many() {
    const CLIENTS: usize = 1000;
    let child = Child::http("ours").await;
    let quiet = child.memory();
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(Connection::open(child.address()).await);
    }
    let started = Instant::now();
    let calls = connections.into_iter().map(|mut connection| {
        tokio::spawn(async move {
            connection.calls(10).await;
            connection
        })
    });
    let mut open = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        open.push(call.await.unwrap());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{CLIENTS} connections, 10 calls each: {:.0} calls/s, {:.1} MiB with all open (quiet: {quiet:.1})",
        10.0 * 1000.0 / seconds,
        child.memory()
    );
}

/// So many calls a second over eight connections, and what the memory is every so often.
async fn soak(time: Duration, rate: u32) {
    const WORKERS: u32 = 8;
    const BURST: u32 = 10;
    let child = Child::http("ours").await;
    let pause = Duration::from_secs(1) * WORKERS * BURST / rate;
    let end = Instant::now() + time;
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let mut connection = Connection::open(child.address()).await;
        workers.push(tokio::spawn(async move {
            let mut calls = 0;
            let mut next = tokio::time::interval(pause);
            while Instant::now() < end {
                next.tick().await;
                connection.calls(BURST as usize).await;
                calls += u64::from(BURST);
            }
            calls
        }));
    }
    let step = (time / 12).max(Duration::from_secs(1));
    let started = Instant::now();
    println!("{:>6} s  {:>7.2} MiB", 0, child.memory());
    while Instant::now() + step < end {
        tokio::time::sleep(step).await;
        println!("{:>6} s  {:>7.2} MiB", started.elapsed().as_secs(), child.memory());
    }
    let mut calls = 0;
    for worker in workers {
        calls += worker.await.unwrap();
    }
    println!("{calls} calls, {:.2} MiB at the end", child.memory());
}
