//! The sandbox's own programs: what runs here. Those about the fleet as a whole are in this file, those about storage in `storage.rs`.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use serde_json::{Value, json};

use super::{
    job::{Job, Stop},
    package, storage, text,
};
use crate::{
    aws::{
        services::ec2::{TYPES, accelerator},
        table::Table,
    },
    kubernetes::clock,
};

/// A program: a real one, though it is no file of its own.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Seconds that it is given, and MiB.
    pub(super) timeout: u64,
    pub(super) memory: u64,
    pub(super) run: fn(&mut Job<'_>, &Value) -> Result<Value, Stop>,
}

/// Where their packages are.
pub(super) const BUCKET: &str = "trainyard-functions";
/// What a package has to hold at this runtime.
pub(super) const RUNTIME: &str = "provided.al2023";
pub(super) const HANDLER: &str = "bootstrap";
pub(super) const REPORT: &str = "fleet-nightly-report";
pub(super) const QUOTAS: &str = "quota-watch";

pub(super) const ALL: &[Program] = &[
    Program {
        name: REPORT,
        about: "Counts instances, accelerators and idle GPUs each night.",
        timeout: 60,
        memory: 256,
        run: report,
    },
    Program {
        name: QUOTAS,
        about: "Compares vCPUs in use with the quotas of EC2. {\"warn_percent\": 80}",
        timeout: 30,
        memory: 128,
        run: quotas,
    },
    Program {
        name: "ebs-idle-volumes",
        about: "Finds volumes that nothing uses, and tags them. {\"older_than_days\": 14, \"tag\": false}",
        timeout: 30,
        memory: 128,
        run: storage::idle_volumes,
    },
    Program {
        name: "checkpoint-index",
        about: "Lists the checkpoints below a prefix, newest first. {\"bucket\": \"...\", \"prefix\": \"\"}",
        timeout: 15,
        memory: 256,
        run: storage::checkpoints,
    },
    Program {
        name: "dataset-scan",
        about: "Samples the objects of a data set, 20 ms each. {\"samples\": 1000}",
        timeout: 3,
        memory: 512,
        run: storage::scan,
    },
];

/// Packages of programs by the digest of their code.
static BY_CODE: LazyLock<BTreeMap<String, &'static Program>> =
    LazyLock::new(|| ALL.iter().map(|program| (package::sha256(&program.package()), program)).collect());

/// The program that code is a package of.
pub(super) fn of(sha256: &str) -> Option<&'static Program> {
    BY_CODE.get(sha256).copied()
}

impl Program {
    /// An archive which names the program: that is in the sandbox already.
    pub(super) fn package(&self) -> Vec<u8> {
        let content =
            format!("#!/bin/sh\n# {}\n# Runs in the sandbox alone, which brings it along.\nexit 1\n", self.about);
        package::archive(HANDLER, format!("{content}# {}\n", self.name).as_bytes())
    }
}

/// A whole number of an event, or what it is usually.
pub(super) fn number(event: &Value, member: &str, usual: u64, at: &'static str) -> Result<u64, Stop> {
    match &event[member] {
        Value::Null => Ok(usual),
        value => value
            .as_u64()
            .ok_or_else(|| Stop::raised("InvalidEvent", format!("{member:?} is a whole number, not {value}"), at)),
    }
}

/// What is looked at of an instance.
struct Machine {
    id: String,
    instance_type: String,
    state: String,
    has_gpus: bool,
}

fn report(job: &mut Job<'_>, event: &Value) -> Result<Value, Stop> {
    let date = event["time"].as_str().map_or_else(|| clock::stamp(job.now()), str::to_owned);
    let date = date.get(..10).unwrap_or(&date).to_owned();
    job.say(format!("INFO report of {date} for {}", job.region()));
    let machines = job.read(Table::Instances, |row| {
        let instance_type = text(row, "InstanceType").to_owned();
        let has_gpus = accelerator(&instance_type).is_some_and(|maker| maker == "NVIDIA");
        let (id, state) = (text(row, "InstanceId").to_owned(), text(&row["State"], "Name").to_owned());
        (state != "terminated").then_some(Machine { id, instance_type, state, has_gpus })
    })?;
    let (mut states, mut types) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
    for machine in &machines {
        *states.entry(&machine.state).or_default() += 1;
        if machine.state == "running" {
            *types.entry(&machine.instance_type).or_default() += 1;
        }
    }
    let each = |name: &str| {
        TYPES.iter().find(|known| known.name == name).and_then(|known| known.gpus).map_or(0, |gpus| gpus.2)
    };
    let accelerators: u64 = types.iter().map(|(name, count)| u64::from(each(name)) * count).sum();
    let running = machines.iter().filter(|machine| machine.state == "running");
    let dollars: f64 = running
        .filter_map(|machine| TYPES.iter().find(|known| known.name == machine.instance_type))
        .map(|known| known.price)
        .sum();
    job.say(format!("INFO {} instances, {accelerators} accelerators run", machines.len()));
    let mut used = Vec::new();
    for machine in machines.iter().filter(|machine| machine.has_gpus && machine.state == "running") {
        used.extend(job.gpu_use(&machine.id).map(|percent| (percent, &machine.id)));
    }
    job.takes(Duration::from_millis(180))?;
    #[expect(clippy::cast_precision_loss, reason = "machines of one account")]
    let mean = (used.iter().map(|(percent, _)| percent).sum::<f64>() / used.len().max(1) as f64 * 10.0).round() / 10.0;
    let idle: Vec<&String> = used.iter().filter(|(percent, _)| *percent < 5.0).take(100).map(|(_, id)| *id).collect();
    if !idle.is_empty() {
        job.say(format!("WARN the GPUs of {} instances do nothing", idle.len()));
    }
    let nodes = job.read(Table::HyperPodNodes, |row| {
        let is_up = row["InstanceStatus"]["Status"] == "Running";
        Some((text(row, "cluster").to_owned(), is_up, text(row, "InstanceId").to_owned()))
    })?;
    let mut hyperpod = BTreeMap::<&str, (u64, Vec<&String>)>::new();
    for (cluster, is_up, id) in &nodes {
        let entry = hyperpod.entry(cluster).or_default();
        entry.0 += 1;
        if !is_up {
            entry.1.push(id);
        }
    }
    let hyperpod: BTreeMap<&str, Value> = hyperpod
        .into_iter()
        .map(|(cluster, (count, ill))| (cluster, json!({ "nodes": count, "not_running": ill })))
        .collect();
    let loose =
        job.read(Table::Volumes, |row| (row["State"] == "available").then(|| row["Size"].as_u64()).flatten())?;
    job.say("INFO done");
    Ok(json!({
        "date": date, "region": job.region(), "instances": states, "running_by_type": types, "accelerators_running": accelerators,
        "usd_per_hour_on_demand": (dollars * 100.0).round() / 100.0,
        "gpu_utilization_percent": { "mean": mean, "instances": used.len(), "idle": idle }, "hyperpod": hyperpod,
        "volumes_unattached": { "count": loose.len(), "gib": loose.iter().sum::<u64>() },
    }))
}

fn quotas(job: &mut Job<'_>, event: &Value) -> Result<Value, Stop> {
    let warn = number(event, "warn_percent", 80, "read_event")?;
    let known = job.read(Table::Quotas, |row| {
        let is_meant = row["ServiceCode"] == "ec2" && text(row, "QuotaName").starts_with("Running On-Demand");
        is_meant.then(|| (text(row, "QuotaCode").to_owned(), text(row, "QuotaName").to_owned(), row["Value"].as_f64()))
    })?;
    let mut rows = Vec::new();
    for (code, name, value) in known {
        let (value, used) = (value.unwrap_or(0.0), job.vcpus(&code)?);
        #[expect(clippy::cast_precision_loss, reason = "CPUs of one account")]
        let percent = if value > 0.0 { (used as f64 / value * 1_000.0).round() / 10.0 } else { 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        if percent >= warn as f64 {
            job.say(format!("WARN {name}: {used} of {value} vCPUs are in use"));
        }
        rows.push(json!({ "code": code, "name": name, "vcpus": used, "quota": value, "percent": percent }));
    }
    Ok(json!({ "region": job.region(), "quotas": rows }))
}
