//! Slow calls must not hold up anything else.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use trainyard_harness::{Endpoint, Era, Reply, Trainyard, Wait};

use super::{Figure, median, process};
use crate::Result;

const SLOW: usize = 100;
const PINGS: usize = 200;

pub(super) fn figures(binary: &Path) -> Result<Vec<Figure>> {
    let endpoint = Endpoint::start(|_| Reply::new(200, "text/xml", "").after(Wait::UntilClosed))?;
    let trainyard = Trainyard::at(binary, &endpoint.url())?;
    let mut session = trainyard.serve(&[], Era::Legacy)?;
    session.hello()?;
    for _ in 0..SLOW {
        session.request("tools/call", json!({ "name": "iam_get_caller_identity", "arguments": {} }))?;
    }
    if !endpoint.eventually(Duration::from_secs(20), |endpoint| endpoint.under_way() == SLOW) {
        return Err(format!("only {} calls arrived", endpoint.under_way()).into());
    }
    let mut times = Vec::new();
    for _ in 0..PINGS {
        let started = Instant::now();
        session.ask("ping", json!({}))?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let memory = process::peak_memory(session.id())?;
    times.sort_by(f64::total_cmp);
    let almost_all = times[PINGS * 99 / 100];
    Ok(vec![
        Figure::new(format!("ping with {SLOW} slow calls under way, median of {PINGS}"), median(times), "ms")
            .at_most(5.0),
        Figure::new(format!("ping with {SLOW} slow calls under way, 99 of 100 within"), almost_all, "ms"),
        Figure::new(format!("peak memory with {SLOW} slow calls under way"), memory, "MiB"),
    ])
}
