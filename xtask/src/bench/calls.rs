//! What calls cost: the first of a service, and our own share of each.

use std::{path::Path, time::Instant};

use serde_json::{Value, json};
use trainyard_harness::{Endpoint, Era, Moto, Reply, Session, Trainyard};

use super::{Figure, median, process};
use crate::Result;

const ROUNDS: usize = 7;
const CALLS: u32 = 1_000;

/// A cheap read of each service.
const READS: [(&str, &str); 4] =
    [("sts", "GetCallerIdentity"), ("ec2", "DescribeVpcs"), ("sagemaker", "ListClusters"), ("s3", "ListBuckets")];

/// The first call of a service against its second, in a process that has called another service before.
pub(super) fn services(binary: &Path, venv: &Path) -> Result<Vec<Figure>> {
    let moto = Moto::start(venv)?;
    let trainyard = Trainyard::at(binary, &moto.url())?;
    let mut figures = Vec::new();
    let mut cold = Vec::new();
    for (service, operation) in READS {
        let mut more = Vec::new();
        for _ in 0..ROUNDS {
            let mut session = trainyard.serve(&[], Era::Legacy)?;
            session.hello()?;
            cold.push(cost(&mut session, "iam", "ListRoles")?);
            let first = cost(&mut session, service, operation)?;
            let second = cost(&mut session, service, operation)?;
            more.push(first - second);
            session.close()?;
        }
        let what = format!("first call of {service} above the second, processor");
        figures.push(Figure::new(what, median(more), "ms").at_most(10.0));
    }
    figures.push(Figure::new("very first call of a process (iam), processor", median(cold), "ms"));
    Ok(figures)
}

/// Processor time of one call.
fn cost(session: &mut Session, service: &str, operation: &str) -> Result<f64> {
    let before = process::cpu(session.id())?;
    let result = session.call("aws_call", json!({ "service": service, "operation": operation }))?;
    if result["isError"] == true {
        return Err(format!("{service} {operation}: {result}").into());
    }
    Ok(process::cpu(session.id())? - before)
}

/// Calls whose other side takes no time: one that stays in the process, and one over the wire to loopback.
pub(super) fn own_share(binary: &Path) -> Result<Vec<Figure>> {
    let answer = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/me</Arn>\
                  <UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>\
                  <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>";
    let endpoint = Endpoint::start(|_| Reply::new(200, "text/xml", answer))?;
    let trainyard = Trainyard::at(binary, &endpoint.url())?;
    let mut session = trainyard.serve(&[], Era::Legacy)?;
    session.hello()?;
    let mut figures = Vec::new();
    for (what, tool, arguments) in [
        (
            "a call that stays in the process",
            "aws_describe",
            json!({ "service": "sts", "operation": "GetCallerIdentity" }),
        ),
        ("a search over all operations", "aws_search", json!({ "query": "list gpu capacity reservations" })),
        ("a call over loopback, signing and parsing included", "iam_get_caller_identity", json!({})),
    ] {
        let (cpu, wall) = many(&mut session, tool, &arguments)?;
        let figure = Figure::new(format!("{what}, processor"), cpu, "µs");
        let bound = tool == "aws_describe";
        figures.push(if bound { figure.at_most(200.0) } else { figure });
        figures.push(Figure::new(format!("{what}, wall"), wall, "µs"));
    }
    session.close()?;
    Ok(figures)
}

/// Microseconds of processor and of wall time of one call among many.
fn many(session: &mut Session, tool: &str, arguments: &Value) -> Result<(f64, f64)> {
    for _ in 0..20 {
        session.call(tool, arguments.clone())?;
    }
    let (before, started) = (process::cpu(session.id())?, Instant::now());
    for _ in 0..CALLS {
        let result = session.call(tool, arguments.clone())?;
        if result["isError"] == true {
            return Err(format!("{tool}: {result}").into());
        }
    }
    let wall = started.elapsed().as_secs_f64() * 1e6;
    let cpu = (process::cpu(session.id())? - before) * 1e3;
    Ok((cpu / f64::from(CALLS), wall / f64::from(CALLS)))
}
