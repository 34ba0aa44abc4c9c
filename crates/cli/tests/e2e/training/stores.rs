//! Models elsewhere: in S3, on servers that others wrote, and in MLflow.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::{Era, Session, Trainyard};

use super::{PATIENCE, call, end_of, refused, register, server};
use crate::BINARY;

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
    models_in_s3(&crate::datasets::ministack(), "models-by-ministack");
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
