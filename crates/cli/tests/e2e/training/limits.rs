//! Ceilings of time and memory, which end a job and leave no model.

use std::fs;

use serde_json::json;
use trainyard_harness::Trainyard;

use super::{call, end_of, register, server};
use crate::BINARY;

#[test]
fn a_training_that_takes_too_long_or_too_much_is_ended_and_leaves_no_model() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = server(&at);
    register(&mut session, &at, "long", 20_000);
    let long = json!({
        "dataset_id": "long", "target": "x", "task": "regression", "algorithm": "boosting", "max_seconds": 2,
        "hyperparameters": { "rounds": 20_000, "learning_rate": 0.0001 }
    });
    let long = call(&mut session, "training_start", long)["job_id"].as_str().unwrap().to_owned();
    // Scores of all classes of all rows are more than the worker may have; the table itself is not.
    let mut text = String::from("x,label\n");
    for row in 0..200_000 {
        text.push_str(&format!("{},class {}\n", row * 37 % 1_009, row * 37 % 1_009 % 20));
    }
    let path = at.home().join("classes.csv");
    fs::write(&path, text).unwrap();
    call(&mut session, "dataset_upload", json!({ "file_path": path, "dataset_id": "classes", "keep": "reference" }));
    let large = json!({
        "dataset_id": "classes", "target": "label", "preset": "fast", "algorithm": "boosting", "max_memory_mb": 64
    });
    let large = call(&mut session, "training_start", large)["job_id"].as_str().unwrap().to_owned();
    let ended = end_of(&mut session, &long);
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("timed_out"), &json!("TimeLimit")), "{ended}");
    let ended = end_of(&mut session, &large);
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("MemoryLimit")), "{ended}");
    assert!(ended["peak_memory_bytes"].as_u64().unwrap() > 64 << 20, "{ended}");
    assert_eq!(call(&mut session, "model_list", json!({}))["count"], 0);
    let kept = at.home().join(".local/state/trainyard/ml/models");
    let files = fs::read_dir(kept)
        .map_or(0, |models| models.flat_map(|model| fs::read_dir(model.unwrap().path()).unwrap()).count());
    assert_eq!(files, 0, "files of a model that no record names");
}
