//! A disk that is full.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};

use super::{Chance, PATIENCE, call, end_of, refused};
use crate::BINARY;

/// A server whose state folder lies on a file system of its own with so many bytes; none where this machine does not let us
/// have one.
fn server_on_a_disk(at: &Trainyard, bytes: u64) -> Option<Session> {
    let state = at.home().join(".local/state/trainyard");
    fs::create_dir_all(&state).unwrap();
    // With root a namespace of mounts is enough; without it, it wants one of users.
    let kinds: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
    let mounts = |kind: &[&str]| {
        let tried = Command::new("unshare").args(kind).args(["mount", "-t", "tmpfs", "tmpfs"]).arg(&state).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    let kind = kinds.into_iter().find(|kind| mounts(kind))?;
    let script = format!("mount -t tmpfs -o size={bytes} tmpfs \"$0\" && exec \"$@\"");
    let mut command = at.command(&[]);
    let binary = command.get_program().to_owned();
    let variables: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    command = Command::new("unshare");
    command.args(kind).args(["sh", "-c", &script]).arg(&state).arg(binary).arg("serve");
    command.args(["--toolsets", "ml", "--allow-write", "--allow-sensitive-data-access", "--confirm", "never"]);
    command.arg("--local-paths").arg(at.home()).env_clear().current_dir(at.home());
    command.envs(variables.into_iter().filter_map(|(name, value)| Some((name, value?))));
    Some(Session::open(command, Era::Modern).unwrap())
}

/// A curved surface, which takes large trees to follow.
fn surface(path: &Path, rows: usize) {
    let mut text = String::from("a,b,y\n");
    let mut chance = Chance(7);
    for _ in 0..rows {
        let (a, b) = (chance.below(1_000_000), chance.below(1_000));
        text.push_str(&format!("{a},{b},{}\n", a * b / 1_000 + a));
    }
    fs::write(path, text).unwrap();
}

/// A table of so many MiB with little in it.
fn bulk(path: &Path, megabytes: usize) {
    let cell = "x".repeat((1 << 14) - 6);
    let mut text = String::from("key,text\n");
    for row in 0..megabytes * 64 {
        text.push_str(&format!("{:04},{cell}\n", row % 10_000));
    }
    fs::write(path, text).unwrap();
}

/// The end of a job while the disk may be full: the database wants a little room to be read, too, and says so.
fn end_where_room_is_short(session: &mut Session, job: &str) -> Value {
    let begun = Instant::now();
    loop {
        let answer = session.call("training_get", json!({ "job_id": job, "wait_seconds": 20 })).unwrap();
        let facts = &answer["structuredContent"];
        if facts["ended"] == true {
            return facts.clone();
        }
        assert!(answer["isError"] != true || facts["error"]["code"] == "DiskFull", "{facts}");
        assert!(begun.elapsed() < PATIENCE, "{facts}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_half_stored() {
    let at = Trainyard::bare(BINARY).unwrap();
    let Some(mut session) = server_on_a_disk(&at, 9 << 20) else {
        eprintln!("NOT TESTED on a full disk: no file system can be mounted here");
        return;
    };
    let upload = |name: &str, keep: &str| json!({ "file_path": at.home().join(format!("{name}.csv")), "dataset_id": name, "keep": keep });
    // What does not fit is not there in part either: what fits does so afterwards.
    bulk(&at.home().join("large.csv"), 12);
    assert_eq!(refused(&mut session, "dataset_upload", upload("large", "copy"))["code"], "DiskFull");
    assert_eq!(call(&mut session, "dataset_list", json!({}))["count"], 0);
    bulk(&at.home().join("filler.csv"), 7);
    call(&mut session, "dataset_upload", upload("filler", "copy"));

    // A model that does not fit any more: the job says so, and leaves no model.
    surface(&at.home().join("small.csv"), 6_000);
    call(&mut session, "dataset_upload", upload("small", "reference"));
    let mut wanted = json!({
        "dataset_id": "small", "target": "y", "task": "regression", "algorithm": "boosting", "preset": "fast",
        "hyperparameters": { "rounds": 150, "max_depth": 9, "learning_rate": 0.02, "min_leaf_weight": 1 }
    });
    let job = call(&mut session, "training_start", wanted.clone());
    let ended = end_where_room_is_short(&mut session, job["job_id"].as_str().unwrap());
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("DiskFull")), "{ended}");
    assert_eq!(call(&mut session, "model_list", json!({}))["count"], 0);

    // With room it is the same job as ever.
    call(&mut session, "dataset_delete", json!({ "dataset_id": "filler", "all_versions": true }));
    wanted["seed"] = json!(1);
    let job = call(&mut session, "training_start", wanted);
    assert_eq!(end_of(&mut session, job["job_id"].as_str().unwrap())["status"], "completed");
    session.close().unwrap();
}
