//! From a table to a model that predicts and is put to use; what cannot be learnt; checkpoints.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trainyard_harness::Trainyard;

use super::{PATIENCE, call, end_of, refused, register, server};
use crate::BINARY;

/// The pictures of an answer, which a client can take.
fn images(answer: &Value) -> Vec<&Value> {
    let images: Vec<_> = answer["content"].as_array().unwrap().iter().filter(|part| part["type"] == "image").collect();
    for image in &images {
        assert_eq!(image["mimeType"], "image/png");
        let data = image["data"].as_str().unwrap();
        assert!(data.starts_with("iVBORw0KGgo") && data.len() < 200_000 / 3 * 4, "{} letters", data.len());
    }
    images
}

#[test]
fn a_table_becomes_a_model_that_predicts_and_is_put_to_use() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = server(&at);
    register(&mut session, &at, "signals", 200);

    let wanted = json!({ "dataset_id": "signals", "target": "label", "preset": "fast", "client_token": "once" });
    let plan = call(&mut session, "training_plan", json!({ "dataset_id": "signals", "target": "label" }));
    assert_eq!((&plan["backend"], &plan["rule"]["applies"]), (&json!("local"), &json!(false)), "{plan}");
    let places: Vec<_> = plan["places"].as_array().unwrap().iter().map(|place| &place["backend"]).collect();
    assert_eq!(places, ["local", "lambda", "ec2"], "{plan}");
    let begun = call(&mut session, "training_start", wanted.clone());
    let again = call(&mut session, "training_start", wanted.clone());
    assert_eq!(begun["job_id"], again["job_id"], "the same token is the same job");
    let mut other = wanted;
    other["seed"] = 7.into();
    assert_eq!(refused(&mut session, "training_start", other)["code"], "TokenReused");

    let job = begun["job_id"].as_str().unwrap();
    let done = end_of(&mut session, job);
    assert_eq!((&done["status"], &done["model_version"]), (&json!("completed"), &json!(1)), "{done}");
    assert!(done["verdict"].as_str().unwrap().contains("accuracy"), "{done}");
    let curve = session.call("training_get_metrics", json!({ "job_id": job, "picture": true })).unwrap();
    assert_eq!(images(&curve).len(), 1, "{curve}");
    let history = call(&mut session, "training_get_history", json!({ "job_id": job }));
    assert!(history["count"].as_u64().unwrap() >= 5, "{history}");

    let model = json!("signals-label");
    let detail = call(&mut session, "model_get", json!({ "model_id": model }));
    assert_eq!(detail["version"]["job_id"], *job);
    assert!(detail["dataset_sha256"].as_str().unwrap().len() == 64, "{detail}");
    let all = json!(["learning_curve", "confusion", "importance", "calibration"]);
    let drawn = session.call("model_get", json!({ "model_id": model, "pictures": all })).unwrap();
    let facts = &drawn["structuredContent"];
    let not_drawn = facts["not_drawn"].as_array().map_or(0, Vec::len);
    assert!(images(&drawn).len() >= 3 && images(&drawn).len() + not_drawn == 4, "{facts}");
    assert!(facts["pictures"].to_string().contains("Confusion matrix"), "{facts}");
    let bins = facts["calibration"].as_array().unwrap();
    assert_eq!(bins.iter().map(|bin| bin[2].as_u64().unwrap()).sum::<u64>(), facts["rows"]["evaluated"], "{facts}");
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
