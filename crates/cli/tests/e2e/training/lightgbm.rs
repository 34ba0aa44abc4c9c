//! Training with LightGBM's own core, in binaries that have it: `cargo xtask test --lightgbm`.

use serde_json::json;
use trainyard_harness::Trainyard;

use super::{call, end_of, register, server};
use crate::BINARY;

#[test]
fn lightgbm_and_its_forests_become_versions_that_predict() {
    let at = Trainyard::bare(BINARY).unwrap();
    let mut session = server(&at);
    register(&mut session, &at, "signals", 400);
    for (algorithm, version) in [("boosting", 1), ("forest", 2)] {
        let wanted = json!({
            "dataset_id": "signals", "target": "label", "preset": "fast", "engine": "lightgbm", "algorithm": algorithm,
        });
        let plan = call(&mut session, "training_plan", wanted.clone());
        assert_eq!(plan["backend"], "local", "{plan}");
        let job = call(&mut session, "training_start", wanted)["job_id"].clone();
        let done = end_of(&mut session, job.as_str().unwrap());
        assert_eq!((&done["status"], &done["model_version"]), (&json!("completed"), &json!(version)), "{done}");
        let rows = json!([{ "x": 90, "y": 1 }, { "x": 3, "y": null }]);
        let asked = json!({ "model_id": "signals-label", "version": version.to_string(), "rows": rows });
        let predicted = call(&mut session, "model_predict", asked);
        assert_eq!(predicted["predictions"][0]["class"], "high", "{algorithm}: {predicted}");
        assert_eq!(predicted["predictions"][1]["class"], "low", "{algorithm}: {predicted}");
    }
}
