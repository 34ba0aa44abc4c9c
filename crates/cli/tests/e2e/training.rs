//! Training through the binary: the whole way of a model, what is refused, and jobs whose servers and workers are killed.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};

use crate::BINARY;

/// Longest that anything is waited for: CI is slow.
const PATIENCE: Duration = Duration::from_mins(4);

/// A server, with a folder whose files it may touch.
fn server(at: &Trainyard) -> Session {
    let files = at.home().display().to_string();
    let gates = ["--allow-write", "--allow-sensitive-data-access", "--confirm", "never"];
    let mut words = vec!["--toolsets", "ml", "--local-paths", &files];
    words.extend(gates);
    at.serve(&words, Era::Modern).unwrap()
}

/// The facts of an answer.
#[expect(clippy::needless_pass_by_value, reason = "what is asked is a literal at every call")]
fn call(session: &mut Session, tool: &str, arguments: Value) -> Value {
    let answer = session.call(tool, arguments.clone()).unwrap();
    let facts = answer["structuredContent"].clone();
    assert_ne!(answer["isError"], true, "{tool} {arguments}: {facts}");
    facts
}

/// The error of an answer.
#[expect(clippy::needless_pass_by_value, reason = "what is asked is a literal at every call")]
fn refused(session: &mut Session, tool: &str, arguments: Value) -> Value {
    let answer = session.call(tool, arguments.clone()).unwrap();
    assert_eq!(answer["isError"], true, "{tool} {arguments}: {answer}");
    answer["structuredContent"]["error"].clone()
}

/// A table in which `label` follows from `x`, and `y` says nothing.
fn table(path: &Path, rows: usize) {
    let mut text = String::from("x,y,label\n");
    for row in 0..rows {
        let x = row * 37 % 101;
        text.push_str(&format!("{x},{},{}\n", row * 13 % 7, if x > 50 { "high" } else { "low" }));
    }
    fs::write(path, text).unwrap();
}

fn register(session: &mut Session, at: &Trainyard, name: &str, rows: usize) {
    let path = at.home().join(format!("{name}.csv"));
    table(&path, rows);
    call(session, "dataset_upload", json!({ "file_path": path, "dataset_id": name }));
}

fn end_of(session: &mut Session, job: &str) -> Value {
    let begun = Instant::now();
    loop {
        let found = call(session, "training_get", json!({ "job_id": job, "wait_seconds": 20 }));
        if found["ended"] == true {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{found}");
    }
}

#[test]
fn a_table_becomes_a_model_that_predicts_and_is_put_to_use() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = server(&at);
    register(&mut session, &at, "signals", 200);

    let wanted = json!({ "dataset_id": "signals", "target": "label", "preset": "fast", "client_token": "once" });
    let plan = call(&mut session, "training_plan", json!({ "dataset_id": "signals", "target": "label" }));
    assert_eq!((&plan["backend"], &plan["rule"]["applies"]), (&json!("local"), &json!(false)), "{plan}");
    let begun = call(&mut session, "training_start", wanted.clone());
    let again = call(&mut session, "training_start", wanted.clone());
    assert_eq!(begun["job_id"], again["job_id"], "the same token is the same job");
    let mut other = wanted;
    other["seed"] = 7.into();
    assert_eq!(refused(&mut session, "training_start", other)["code"], "TokenReused");

    let job = begun["job_id"].as_str().unwrap();
    let done = end_of(&mut session, job);
    assert_eq!((&done["status"], &done["model_version"]), (&json!("completed"), &json!(1)), "{done}");
    let history = call(&mut session, "training_get_history", json!({ "job_id": job }));
    assert!(history["count"].as_u64().unwrap() >= 5, "{history}");

    let model = json!("signals-label");
    let detail = call(&mut session, "model_get", json!({ "model_id": model }));
    assert_eq!(detail["version"]["job_id"], *job);
    assert!(detail["dataset_sha256"].as_str().unwrap().len() == 64, "{detail}");
    let rows = json!([{ "x": 90, "y": 1 }, { "x": 3, "y": null }]);
    let predicted = call(&mut session, "model_predict", json!({ "model_id": model, "rows": rows }));
    assert_eq!(predicted["predictions"][0]["class"], "high", "{predicted}");
    assert_eq!(predicted["predictions"][1]["class"], "low", "{predicted}");
    for wrong in [json!([{ "y": 1 }]), json!([{ "x": "much", "y": 1 }]), json!([1])] {
        let error = refused(&mut session, "model_predict", json!({ "model_id": model, "rows": wrong }));
        assert_eq!(error["code"], "Schema", "{error}");
    }
    let output = at.home().join("predicted.csv");
    let whole = json!({ "model_id": model, "dataset_id": "signals", "output_path": output });
    assert_eq!(call(&mut session, "model_predict", whole)["rows"], 200);
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 201);

    let alias = |version: u32, expected: Option<u32>| {
        let mut arguments = json!({ "model_id": "signals-label", "alias": "production", "version": version });
        if let Some(expected) = expected {
            arguments["expected_version"] = expected.into();
        }
        arguments
    };
    call(&mut session, "model_set_alias", alias(1, None));
    let second = json!({ "dataset_id": "signals", "target": "label", "preset": "fast", "seed": 1 });
    let second = call(&mut session, "training_start", second);
    assert_eq!(end_of(&mut session, second["job_id"].as_str().unwrap())["model_version"], 2);
    assert_eq!(refused(&mut session, "model_set_alias", alias(2, None))["code"], "AliasMoved");
    let compared = json!({ "model_id": model, "version": "production", "with": "2" });
    let compared = call(&mut session, "model_compare", compared);
    assert_eq!((&compared["same_data"], &compared["same_target"]), (&json!(true), &json!(true)), "{compared}");
    assert!(!compared["metrics"].as_array().unwrap().is_empty());

    let first = json!({ "model_id": model, "version": 1 });
    assert_eq!(refused(&mut session, "model_delete", first.clone())["code"], "InUse");
    assert_eq!(refused(&mut session, "model_archive", first.clone())["code"], "InUse");
    assert_eq!(call(&mut session, "model_set_alias", alias(2, Some(1)))["previous"], 1);
    let mut planned = first.clone();
    planned["dry_run"] = true.into();
    assert!(call(&mut session, "model_delete", planned)["plan"]["bytes"].as_u64().unwrap() > 0);
    call(&mut session, "model_get", json!({ "model_id": model, "version": "1" }));
    call(&mut session, "model_delete", first);
    assert_eq!(
        refused(&mut session, "model_get", json!({ "model_id": model, "version": "1" }))["category"],
        "not_found"
    );
    let needed = refused(&mut session, "dataset_delete", json!({ "dataset_id": "signals", "all_versions": true }));
    assert_eq!(needed["code"], "InUse", "{needed}");

    let folder = at.home().join("model");
    call(&mut session, "model_download", json!({ "model_id": model, "folder": folder }));
    assert!(fs::read_to_string(folder.join("model.txt")).unwrap().starts_with("tree"));
}

#[test]
fn what_cannot_be_learnt_is_refused_before_anything_is_stored() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = server(&at);
    let path = at.home().join("odd.csv");
    fs::write(&path, "x,same,none,label\n1,5,,a\n2,5,,b\n3,5,,a\n4,5,,b\n").unwrap();
    call(&mut session, "dataset_upload", json!({ "file_path": path, "dataset_id": "odd" }));
    for (target, code) in [("labels", "NoColumn"), ("same", "TrainingData"), ("none", "TrainingData")] {
        let error = refused(&mut session, "training_start", json!({ "dataset_id": "odd", "target": target }));
        assert_eq!(error["code"], code, "{target}: {error}");
    }
    let wrong = json!({ "dataset_id": "odd", "target": "label", "hyperparameters": { "rounds": 0 } });
    assert_eq!(refused(&mut session, "training_start", wrong)["code"], "TrainingSpec");
    let unknown = json!({ "dataset_id": "odd", "target": "label", "hyperparameters": { "depth": 3 } });
    assert_eq!(refused(&mut session, "training_start", unknown)["code"], "TrainingSpec");
    assert_eq!(call(&mut session, "training_list", json!({}))["count"], 0, "nothing was stored");
    assert_eq!(call(&mut session, "model_list", json!({}))["count"], 0);
}

#[test]
fn the_platform_proves_itself_and_leaves_nothing() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = server(&at);
    let checked = call(&mut session, "ml_check", json!({}));
    assert_eq!(checked["ok"], true, "{checked}");
    let proved = call(&mut session, "ml_selftest", json!({}));
    assert_eq!(proved["ok"], true, "{proved}");
    assert_eq!(call(&mut session, "model_list", json!({}))["count"], 0);
    assert_eq!(call(&mut session, "dataset_list", json!({}))["count"], 0);
}

/// Workers that live and were started for this state folder.
fn workers(at: &Trainyard) -> Vec<String> {
    let home = at.home().display().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let numbers = processes.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let is_worker = |pid: &String| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        command.contains("\0worker\0") && command.contains(&home)
    };
    numbers.filter(is_worker).collect()
}

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// Fifty jobs of three servers on one store; so many times a server or a worker is killed at some point.
fn killed(kills: usize, seed: u64) {
    const JOBS: usize = 50;
    let at = Trainyard::bare(BINARY).unwrap();
    let mut servers: Vec<Session> = (0..3).map(|_| server(&at)).collect();
    register(&mut servers[0], &at, "many", 60);
    let wanted = |job: usize| {
        json!({
            "dataset_id": "many", "target": "label", "preset": "fast", "model_id": "many", "seed": job,
            "hyperparameters": { "rounds": 3 }, "client_token": format!("token-{job}")
        })
    };
    for job in 0..JOBS {
        call(&mut servers[job % 3], "training_start", wanted(job));
    }
    let mut chance = Chance(seed);
    for _ in 0..kills {
        thread::sleep(Duration::from_millis(u64::try_from(chance.below(300)).unwrap()));
        let running = workers(&at);
        if chance.below(3) == 0 || running.is_empty() {
            let which = chance.below(3);
            // Dropping a session kills its server in a way that it cannot notice.
            servers[which] = server(&at);
            call(&mut servers[which], "training_list", json!({ "limit": 1 }));
            continue;
        }
        let pid = &running[chance.below(running.len())];
        // It may have ended by itself meanwhile.
        drop(Command::new("kill").args(["-9", pid]).status());
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
    println!("{kills} kills: {ends:?}");
    assert!(ends.keys().all(|end| ["completed", "failed", "lost"].contains(end)), "{ends:?}");
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
}

/// The rows of a list, each as an object.
fn rows(session: &mut Session, tool: &str, arguments: Value) -> Vec<Value> {
    let list = call(session, tool, arguments);
    let columns: Vec<_> = list["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let row = |cells: &Value| {
        let cells = cells.as_array().unwrap().iter().cloned();
        columns.iter().map(ToString::to_string).zip(cells).collect::<serde_json::Map<_, _>>().into()
    };
    list["rows"].as_array().unwrap().iter().map(row).collect()
}

fn all_ended(servers: &mut [Session], count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let fields = json!(["job_id", "status", "model_version"]);
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
    killed(10, 1);
}

#[test]
#[ignore = "takes minutes"]
fn fifty_jobs_of_three_servers_survive_a_hundred_kills() {
    killed(100, 2);
}
