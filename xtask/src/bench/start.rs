//! From the start of the process to the first answers.

use std::{path::Path, process::Command, time::Instant};

use serde_json::json;
use trainyard_harness::{Era, Session, Trainyard};

use super::{Figure, median, process};
use crate::{Result, environment};

const STARTS: usize = 20;
/// Servers of others for the same job, and the starts that each is given: they take seconds.
const PEERS: [&str; 1] = ["awslabs.sagemaker-ai-mcp-server"];
const PEER_STARTS: usize = 5;

/// Milliseconds to the answer of the opening request and of the list, and memory.
pub(super) struct Starts {
    era: &'static str,
    hello_cpu: f64,
    hello_wall: f64,
    list_cpu: f64,
    list_wall: f64,
    memory: f64,
}

pub(super) fn ours(binary: &Path) -> Result<Vec<Starts>> {
    let trainyard = Trainyard::at(binary, "http://127.0.0.1:9")?;
    let command = || {
        let mut command = trainyard.command(&["serve"]);
        command.args(["--toolsets", "all"]);
        command
    };
    Ok(vec![starts("initialize", Era::Legacy, STARTS, command)?, starts("discover", Era::Modern, STARTS, command)?])
}

fn starts(era: &'static str, spoken: Era, times: usize, command: impl Fn() -> Command) -> Result<Starts> {
    let mut samples = Vec::new();
    // One more, whose figures are thrown away: it fills the caches.
    for _ in 0..=times {
        let started = Instant::now();
        let mut session = Session::open(command(), spoken)?;
        session.hello()?;
        let hello = (process::cpu(session.id())?, started.elapsed().as_secs_f64() * 1e3);
        session.ask("tools/list", json!({}))?;
        let list = (process::cpu(session.id())?, started.elapsed().as_secs_f64() * 1e3);
        samples.push((hello, list, process::peak_memory(session.id())?));
        session.close()?;
    }
    let samples = &samples[1..];
    Ok(Starts {
        era,
        hello_cpu: median(samples.iter().map(|sample| sample.0.0)),
        hello_wall: median(samples.iter().map(|sample| sample.0.1)),
        list_cpu: median(samples.iter().map(|sample| sample.1.0)),
        list_wall: median(samples.iter().map(|sample| sample.1.1)),
        memory: median(samples.iter().map(|sample| sample.2)),
    })
}

pub(super) fn figures(starts: &[Starts]) -> Vec<Figure> {
    let of = |start: &Starts| {
        let about = |what: &str| format!("start to {what}, median of {STARTS}");
        let era = start.era;
        [
            Figure::new(about(&format!("{era} answered, processor")), start.hello_cpu, "ms").at_most(10.0),
            Figure::new(about(&format!("{era} answered, wall")), start.hello_wall, "ms"),
            Figure::new(about(&format!("{era} and list answered, processor")), start.list_cpu, "ms"),
            Figure::new(about(&format!("{era} and list answered, wall")), start.list_wall, "ms"),
            Figure::new(format!("peak memory after {era} and list"), start.memory, "MiB").at_most(20.0),
        ]
    };
    starts.iter().flat_map(of).collect()
}

/// The same start of servers of others, and how many of ours fit into it.
pub(super) fn peers(ours: &[Starts]) -> Result<Vec<Figure>> {
    let venv = environment::python("peers-venv", "tests/requirements-peers.txt")?;
    let ours = ours.first().ok_or("nothing was measured")?;
    let mut figures = Vec::new();
    for peer in PEERS {
        let place =
            Trainyard::at(venv.join("bin").join(peer), "http://127.0.0.1:9")?.with("FASTMCP_LOG_LEVEL", "ERROR");
        let theirs = starts("initialize", Era::Legacy, PEER_STARTS, || place.command(&[]))?;
        for (what, value, unit, ratio) in [
            ("processor", theirs.list_cpu, "ms", theirs.list_cpu / ours.list_cpu),
            ("wall", theirs.list_wall, "ms", theirs.list_wall / ours.list_wall),
            ("memory", theirs.memory, "MiB", theirs.memory / ours.memory),
        ] {
            figures.push(Figure::new(format!("{peer}: start to list, {what}"), value, unit));
            figures.push(Figure::new(format!("{peer}: its {what} is ours times"), ratio, ""));
        }
    }
    Ok(figures)
}
