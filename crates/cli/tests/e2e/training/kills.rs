//! Many jobs of several servers on one store, and servers and workers that are killed meanwhile.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Session, Trainyard};

use super::{Chance, PATIENCE, call, register, rows, server};
use crate::BINARY;

/// Workers that live and were started for this state folder, with their jobs.
fn workers(at: &Trainyard) -> Vec<(String, String)> {
    let home = at.home().display().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let numbers = processes.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let worker = |pid: String| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        let (_, job) = command.split_once("\0worker\0--job\0").filter(|_| command.contains(&home))?;
        Some((pid, job.split('\0').next()?.to_owned()))
    };
    numbers.filter_map(worker).collect()
}

/// Workers that a job may have.
const ATTEMPTS: usize = 3;

/// Fifty jobs of three servers on one store; so many times a server or a worker is killed at some point. Says how many workers
/// were met while they worked.
fn killed(kills: usize, seed: u64, rows_each: usize, rounds: usize) -> usize {
    const JOBS: usize = 50;
    let at = Trainyard::bare(BINARY).unwrap();
    let mut servers: Vec<Session> = (0..3).map(|_| server(&at)).collect();
    register(&mut servers[0], &at, "many", rows_each);
    let wanted = |job: usize| {
        json!({
            "dataset_id": "many", "target": "label", "preset": "fast", "model_id": "many", "seed": job,
            "hyperparameters": { "rounds": rounds }, "client_token": format!("token-{job}")
        })
    };
    for job in 0..JOBS {
        call(&mut servers[job % 3], "training_start", wanted(job));
    }
    let mut chance = Chance(seed);
    let mut met = 0;
    let mut killed: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(u64::try_from(chance.below(300)).unwrap()));
        // The last worker of a job is mostly spared, so that not all of them end without a model.
        let sparing = chance.below(8) > 0;
        let mut running = workers(&at);
        running.retain(|(_, job)| killed.get(job).is_none_or(|count| !sparing || count + 1 < ATTEMPTS));
        if chance.below(3) == 0 || running.is_empty() {
            let which = chance.below(3);
            // Dropping a session kills its server in a way that it cannot notice.
            servers[which] = server(&at);
            call(&mut servers[which], "training_list", json!({ "limit": 1 }));
            continue;
        }
        let (pid, job) = &running[chance.below(running.len())];
        // It may have ended by itself meanwhile.
        let status = Command::new("kill").args(["-9", pid]).stderr(Stdio::null()).status();
        let found = usize::from(status.is_ok_and(|status| status.success()));
        *killed.entry(job.clone()).or_default() += found;
        met += found;
    }
    // Who sends the same again gets the same.
    for job in 0..JOBS {
        call(&mut servers[job % 3], "training_start", wanted(job));
    }
    let jobs = all_ended(&mut servers, JOBS);
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for job in &jobs {
        *ends.entry(job["status"].as_str().unwrap()).or_default() += 1;
    }
    let again = jobs.iter().filter(|job| job["attempt"] != 1).count();
    println!("{kills} kills, {met} of them of workers: {ends:?}, {again} jobs had more than one worker");
    assert!(ends.keys().all(|end| ["completed", "failed", "lost"].contains(end)), "{ends:?}");
    // A job ends without a model where each of its workers was killed, or the server that was about to start it; and nowhere
    // else.
    for job in jobs.iter().filter(|job| job["status"] != "completed") {
        let times = killed.get(job["job_id"].as_str().unwrap()).copied().unwrap_or_default();
        assert!(times > 0 && times + kills - met >= ATTEMPTS, "killed {times} times: {job}");
        assert_eq!(job["attempt"], json!(ATTEMPTS), "given up early: {job}");
    }
    let made: Vec<_> = jobs.iter().filter(|job| job["status"] == "completed").collect();
    let versions: HashSet<_> = made.iter().map(|job| job["model_version"].as_u64().unwrap()).collect();
    assert_eq!(versions.len(), made.len(), "no two jobs made the same version");
    let listed = rows(&mut servers[0], "model_list_versions", json!({ "model_id": "many", "limit": 100 }));
    let listed: HashSet<_> = listed.iter().map(|row| row["job_id"].as_str().unwrap().to_owned()).collect();
    let completed: HashSet<_> = made.iter().map(|job| job["job_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, completed, "a version for each job that completed, and none besides");
    let begun = Instant::now();
    while !workers(&at).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "orphans: {:?}", workers(&at));
        thread::sleep(Duration::from_millis(50));
    }
    let folders = fs::read_dir(at.home().join(".local/state/trainyard/ml/models/many")).unwrap().count();
    assert_eq!(folders, made.len(), "files of models that no record names");
    met
}

fn all_ended(servers: &mut [Session], count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let fields = json!(["job_id", "status", "model_version", "attempt"]);
        let jobs = rows(&mut servers[0], "training_list", json!({ "limit": 200, "fields": fields }));
        assert_eq!(jobs.len(), count, "nothing is lost, nothing is there twice");
        let open = ["queued", "starting", "running", "uploading", "stalled", "interrupted", "cancelling"];
        if jobs.iter().all(|job| !open.contains(&job["status"].as_str().unwrap())) {
            return jobs;
        }
        assert!(begun.elapsed() < PATIENCE, "{jobs:?}");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn fifty_jobs_of_three_servers_survive_ten_kills() {
    killed(10, 1, 60, 3);
}

#[test]
#[ignore = "takes half a minute of both processors"]
fn fifty_jobs_of_three_servers_survive_a_hundred_kills() {
    let met = killed(100, 2, 60_000, 200);
    assert!(met >= 30, "jobs were over before they could be met: {met}");
}
