//! The `MLmodel` file: what `mlflow.pyfunc.load_model` and `mlflow.lightgbm.load_model` read.

use std::fmt::Write;

use super::{Model, TEXT_FILE};

/// The version of LightGBM whose text is written.
const LIGHTGBM: &str = "4.7.0";

/// YAML; every value of others' making stands in a JSON string, which YAML reads as well.
pub(super) fn write(model: &Model) -> String {
    let mut text = format!(
        "flavors:\n  lightgbm:\n    code: null\n    data: {TEXT_FILE}\n    lgb_version: {LIGHTGBM}\n    model_class: lightgbm.basic.Booster\n  \
         python_function:\n    data: {TEXT_FILE}\n    loader_module: mlflow.lightgbm\n"
    );
    let inputs: Vec<serde_json::Value> = model
        .metadata
        .features
        .iter()
        .map(|feature| serde_json::json!({ "type": "double", "name": feature.file_name, "required": false }))
        .collect();
    let shape = match model.ensemble.objective.outputs() {
        1 => serde_json::json!([-1]),
        outputs => serde_json::json!([-1, outputs]),
    };
    let outputs = serde_json::json!([{ "type": "tensor", "tensor-spec": { "dtype": "float64", "shape": shape } }]);
    // MLflow wants JSON in a string here.
    let quoted = |value: &serde_json::Value| serde_json::Value::String(value.to_string()).to_string();
    let _ = writeln!(text, "signature:\n  inputs: {}", quoted(&serde_json::Value::Array(inputs)));
    let _ = writeln!(text, "  outputs: {}\n  params: null", quoted(&outputs));
    text
}
