//! Training through the binary: the whole way of a model, what is refused, and jobs whose servers and workers are killed.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
    process::{Child, Command, Stdio},
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
    // Changed since it was registered.
    let referred = json!({ "file_path": path, "dataset_id": "referred", "keep": "reference" });
    call(&mut session, "dataset_upload", referred);
    fs::write(&path, "x,same,none,label\n1,5,,a\n2,5,,b\n3,5,,a\n4,5,,a\n").unwrap();
    let changed = json!({ "dataset_id": "referred", "target": "label" });
    assert_eq!(refused(&mut session, "training_start", changed)["code"], "DatasetChanged");
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

#[test]
fn what_only_the_rows_tell_ends_the_job_and_leaves_no_model() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = server(&at);
    // One class has a single row; and there are four columns for each row.
    let mut lonely = String::from("x,label\n");
    for row in 0..30 {
        lonely.push_str(&format!("{row},{}\n", if row == 7 { "odd" } else { "even" }));
    }
    let wide: String = (0..12)
        .map(|row: u32| {
            (0..48).map(|at| (row * at % 7).to_string()).chain([(row % 2).to_string()]).collect::<Vec<_>>().join(",")
        })
        .map(|line| line + "\n")
        .collect();
    let names: Vec<_> = (0..48).map(|at| format!("c{at}")).chain(["label".to_owned()]).collect();
    for (name, text) in [("lonely", lonely), ("wide", format!("{}\n{wide}", names.join(",")))] {
        let path = at.home().join(format!("{name}.csv"));
        fs::write(&path, text).unwrap();
        call(&mut session, "dataset_upload", json!({ "file_path": path, "dataset_id": name }));
    }
    let lonely = call(&mut session, "training_start", json!({ "dataset_id": "lonely", "target": "label" }));
    let ended = end_of(&mut session, lonely["job_id"].as_str().unwrap());
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("TrainingData")), "{ended}");
    let wide = call(&mut session, "training_start", json!({ "dataset_id": "wide", "target": "label" }));
    let ended = end_of(&mut session, wide["job_id"].as_str().unwrap());
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("TrainingData")), "{ended}");
    assert!(ended["error"]["message"].as_str().unwrap().contains("too many for 12 rows"), "{ended}");
    assert_eq!(call(&mut session, "model_list", json!({}))["count"], 0, "nothing half stored");
}

#[test]
fn a_training_that_is_ended_goes_on_from_its_checkpoint() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = server(&at);
    register(&mut session, &at, "long", 60_000);
    let wanted = json!({
        "dataset_id": "long", "target": "x", "task": "regression", "algorithm": "boosting", "preset": "balanced",
        "hyperparameters": { "rounds": 20_000, "learning_rate": 0.001 }
    });
    let job = call(&mut session, "training_start", wanted)["job_id"].as_str().unwrap().to_owned();
    let kept = at.home().join(".local/state/trainyard/ml/checkpoints");
    let begun = Instant::now();
    while fs::read_dir(&kept).map_or(0, Iterator::count) == 0 {
        assert!(begun.elapsed() < PATIENCE, "no checkpoint");
        thread::sleep(Duration::from_millis(100));
    }
    call(&mut session, "training_cancel", json!({ "job_id": job }));
    assert_eq!(end_of(&mut session, &job)["status"], "cancelled");
    let again = call(&mut session, "training_resume", json!({ "job_id": job }));
    assert_eq!(again["from"], "its last checkpoint", "{again}");
    let second = again["job"]["job_id"].as_str().unwrap().to_owned();
    loop {
        let logs = call(&mut session, "training_get_logs", json!({ "job_id": second }));
        if logs.to_string().contains("went on from the checkpoint") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{logs}");
        thread::sleep(Duration::from_millis(100));
    }
    call(&mut session, "training_cancel", json!({ "job_id": second }));
    end_of(&mut session, &second);
}

/// What a server of S3 has to do for models.
fn models_in_s3(url: &str, bucket: &str) {
    let at = Trainyard::at(BINARY, url).unwrap().with("ML_MODELS_BUCKET", bucket).with("AWS_REGION", "us-east-1");
    let files = at.home().display().to_string();
    let gates = ["--allow-write", "--allow-sensitive-data-access", "--confirm", "never", "--toolsets", "ml,s3,aws"];
    let mut session = at.serve(&[&gates[..], &["--local-paths", &files]].concat(), Era::Modern).unwrap();
    let missing = call(&mut session, "ml_check", json!({}));
    assert_eq!(missing["ok"], false, "there is no such bucket: {missing}");
    register(&mut session, &at, "signals", 200);
    let wanted = json!({ "dataset_id": "signals", "target": "label", "preset": "fast", "model_id": "signals" });
    let job = call(&mut session, "training_start", wanted);
    end_of(&mut session, job["job_id"].as_str().unwrap());
    let push = json!({ "model_id": "signals" });
    let refusal = refused(&mut session, "model_push", push.clone());
    assert!(refusal["partial"].to_string().contains("is kept here"), "{refusal}");
    assert!(call(&mut session, "model_get", push.clone())["version"]["cloud_path"].is_null(), "no bucket, no path");

    let aws = |session: &mut Session, operation: &str, parameters: Value| {
        call(session, "aws_call", json!({ "service": "s3", "operation": operation, "parameters": parameters }))
    };
    aws(&mut session, "CreateBucket", json!({ "Bucket": bucket }));
    let checked = call(&mut session, "ml_check", json!({}));
    assert!(checked["checks"].to_string().contains("is there and can be read"), "{checked}");
    let pushed = call(&mut session, "model_push", push.clone());
    let uri = pushed["cloud_path"].as_str().unwrap().to_owned();
    let key = uri.strip_prefix(&format!("s3://{bucket}/")).unwrap().to_owned();
    assert!(key.starts_with("models/signals/model_") && key.rsplit('.').next() == Some("txt"), "{uri}");
    let again = call(&mut session, "model_push", push);
    assert_eq!(again["cloud_path"], uri.as_str(), "the same place again");
    let listed = call(&mut session, "s3_list_objects", json!({ "bucket": bucket, "recursive": true }));
    assert_eq!(listed["count"], 2, "the model and its document: {listed}");
    let document = key.replace("/model_", "/metadata_").replace(".txt", ".json");
    let document = aws(&mut session, "GetObject", json!({ "Bucket": bucket, "Key": document }));
    let text = document["result"]["Body"].as_str().unwrap_or_default();
    for part in ["sha256", "MLmodel", "metrics", "signals"] {
        assert!(text.contains(part), "{part}: {document}");
    }

    // A file from elsewhere goes there at once; and what is deleted here is deleted there.
    let foreign = at.home().join("net.onnx");
    fs::write(&foreign, [8, 7, 1, 2, 3]).unwrap();
    let brought = call(&mut session, "model_upload", json!({ "file_path": foreign, "model_id": "net" }));
    assert_eq!(brought["cloud_path"].as_str().unwrap().rsplit('.').next(), Some("onnx"), "{brought}");
    for model in ["signals", "net"] {
        let gone = call(&mut session, "model_delete", json!({ "model_id": model, "version": 1 }));
        assert!(gone["cloud_path"].as_str().unwrap().contains(model), "{gone}");
    }
    let left = call(&mut session, "s3_list_objects", json!({ "bucket": bucket, "recursive": true }));
    assert_eq!(left["count"], 0, "{left}");
}

#[test]
fn models_go_to_s3_and_are_verified_there_by_moto() {
    models_in_s3(&crate::moto(), "models-by-moto");
}

#[test]
fn models_go_to_s3_and_are_verified_there_by_ministack() {
    models_in_s3(&crate::datasets::MiniStack::url(), "models-by-ministack");
}

/// MLflow's own server, from PyPI. It ends when our end of its input closes, however this process ends.
struct Mlflow(Child, String);

impl Mlflow {
    fn start(folder: &Path) -> Self {
        let port = trainyard_harness::free_port().unwrap().to_string();
        let script = "\"$@\" & server=$!; cat >/dev/null; kill $server; wait $server";
        let python = trainyard_harness::learning_venv().join("bin/python3");
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(python).args([
            "-m",
            "mlflow",
            "server",
            "--port",
            &port,
            "--workers",
            "1",
        ]);
        command.args(["--backend-store-uri", &format!("sqlite:///{}/mlflow.db", folder.display())]);
        command.arg("--artifacts-destination").arg(folder.join("artifacts"));
        command.env("DO_NOT_TRACK", "true").env("MLFLOW_DISABLE_TELEMETRY", "true").current_dir(folder);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self(child, format!("http://127.0.0.1:{port}"));
        let (begun, health) = (Instant::now(), format!("{}/health", server.1));
        while !Command::new("curl").args(["-fs", "-m", "5", "-o", "/dev/null", &health]).status().unwrap().success() {
            assert!(begun.elapsed() < PATIENCE, "MLflow did not start; was `cargo xtask test-data` run?");
            thread::sleep(Duration::from_millis(200));
        }
        server
    }
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[test]
fn a_model_is_mirrored_to_mlflow_and_opens_there() {
    let place = Trainyard::bare(BINARY).unwrap();
    let mlflow = Mlflow::start(place.home());
    let at = Trainyard::bare(BINARY).unwrap().with("MLFLOW_TRACKING_URI", &mlflow.1);
    let mut session = server(&at);
    register(&mut session, &at, "signals", 200);
    let wanted = json!({
        "dataset_id": "signals", "target": "label", "preset": "fast", "model_id": "signals", "algorithm": "boosting"
    });
    let job = call(&mut session, "training_start", wanted);
    end_of(&mut session, job["job_id"].as_str().unwrap());
    let mirror = json!({ "model_id": "signals" });
    let first = call(&mut session, "model_mirror", mirror.clone());
    assert_eq!((&first["mlflow_version"], &first["existed"]), (&json!("1"), &json!(false)), "{first}");
    call(&mut session, "model_set_alias", json!({ "model_id": "signals", "alias": "production", "version": 1 }));
    let second = call(&mut session, "model_mirror", mirror);
    assert_eq!((&second["mlflow_run_id"], &second["existed"]), (&first["mlflow_run_id"], &json!(true)), "{second}");
    let script = "
import mlflow, pandas, sys
mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
assert len(client.search_model_versions(\"name='signals'\")) == 1
run = client.get_run(sys.argv[2])
assert run.info.status == 'FINISHED' and run.data.metrics['accuracy'] > 0.9, run.data.metrics
assert run.data.params['algorithm'] == 'boosting' and 'trainyard.dataset_sha256' in run.data.tags
assert len(client.get_metric_history(sys.argv[2], 'training_loss')) > 1
model = mlflow.pyfunc.load_model('models:/signals@production')
said = model.predict(pandas.DataFrame({'x': [90.0, 3.0], 'y': [1.0, 2.0]}))
assert said[0] < 0.5 < said[1], said
print('opened')
";
    let python = trainyard_harness::learning_venv().join("bin/python3");
    let run = first["mlflow_run_id"].as_str().unwrap();
    let mut command = Command::new(python);
    let opened = command.args(["-c", script, &mlflow.1, run]).env("DO_NOT_TRACK", "true").output().unwrap();
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
}

#[test]
fn the_shell_has_words_for_the_platform() {
    let at = Trainyard::bare(BINARY).unwrap();
    table(&at.home().join("signals.csv"), 200);
    let run = |words: &[&str]| {
        let ended = at.run(words).unwrap();
        assert!(ended.status.success(), "{words:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    };
    let json_of = |words: &[&str]| -> Value { serde_json::from_str(&run(words)).unwrap() };
    for noun in ["dataset", "train", "model", "jobs"] {
        let listed = run(&[noun]);
        assert!(listed.contains("COMMAND") && listed.contains(&format!("trainyard {noun} ")), "{listed}");
    }
    let refusal = at.run(&["dataset", "add", "signals.csv"]).unwrap();
    assert!(!refusal.status.success() && refusal.stderr.contains("--allow-write"), "{}", refusal.stderr);
    // Files are named as they are at a shell, from where one stands.
    let added = json_of(&["dataset", "add", "signals.csv", "--allow-write"]);
    assert_eq!(added["dataset"]["dataset_id"], "signals", "{added}");
    assert_eq!(json_of(&["dataset", "list"])["count"], 1);
    let plan = json_of(&["train", "plan", "signals", "label"]);
    assert_eq!(plan["backend"], "local", "{plan}");
    // It waits for the end of what it starts.
    let done = json_of(&["train", "signals", "label", "preset=fast", "--allow-write"]);
    assert_eq!((&done["status"], &done["model_id"]), (&json!("completed"), &json!("signals-label")), "{done}");
    let job = done["job_id"].as_str().unwrap();
    assert_eq!(json_of(&["jobs", "wait", job])["ended"], true);
    assert_eq!(json_of(&["model", "show", "signals-label"])["version"]["version"], 1);
    run(&[
        "model",
        "predict",
        "signals-label",
        "signals.csv",
        "predicted.csv",
        "--allow-write",
        "--allow-sensitive-data-access",
    ]);
    assert_eq!(fs::read_to_string(at.home().join("predicted.csv")).unwrap().lines().count(), 201);
    let slip = at.run(&["jobs", "stop", job]).unwrap();
    assert!(slip.stderr.contains("cancel"), "{}", slip.stderr);
    let words = at.run(&["dataset", "show", "signals", "extra"]).unwrap();
    assert!(words.stderr.contains("DATASET_ID"), "{}", words.stderr);
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
        let killed = Command::new("kill").args(["-9", pid]).stderr(Stdio::null()).status();
        met += usize::from(killed.is_ok_and(|killed| killed.success()));
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
    // A job ends without a model where all three of its workers were killed, which chance rarely wants.
    let completed = ends.get("completed").copied().unwrap_or_default();
    assert!(completed * 10 >= JOBS * 8, "most jobs are completed: {ends:?}");
    let unfortunate = jobs.iter().filter(|job| job["status"] != "completed");
    for job in unfortunate {
        assert_eq!(job["attempt"], 3, "given up early: {job}");
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
#[ignore = "takes minutes"]
fn fifty_jobs_of_three_servers_survive_a_hundred_kills() {
    let met = killed(100, 2, 20_000, 60);
    assert!(met >= 30, "jobs were over before they could be met: {met}");
}

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
    let ended = end_of(&mut session, job["job_id"].as_str().unwrap());
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("DiskFull")), "{ended}");
    assert_eq!(call(&mut session, "model_list", json!({}))["count"], 0);

    // With room it is the same job as ever.
    call(&mut session, "dataset_delete", json!({ "dataset_id": "filler", "all_versions": true }));
    wanted["seed"] = json!(1);
    let job = call(&mut session, "training_start", wanted);
    assert_eq!(end_of(&mut session, job["job_id"].as_str().unwrap())["status"], "completed");
    session.close().unwrap();
}
