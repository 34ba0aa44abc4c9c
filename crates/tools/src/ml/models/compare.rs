//! Two versions side by side.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{Json, Reads, Result, Tool};
use trainyard_ml::model::Version;

use super::version;
use crate::{App, Cx};

/// Compare two versions of models: metrics with intervals, parameters, whether the data was the same
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Compare {
    /// Model.
    model_id: String,
    /// Version number or alias: the one in use, say.
    version: String,
    /// Version number or alias to compare it with; the newest that is ready when absent.
    with: Option<String>,
    /// Model of the other one; the same when absent.
    with_model_id: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Comparison {
    /// The two, as model and version.
    one: (String, u32),
    other: (String, u32),
    /// They learnt from the same bytes. If not, their metrics are of different rows.
    same_data: bool,
    same_target: bool,
    metrics: Vec<Delta>,
    /// Parameters that differ: name, one, other.
    parameters: Vec<(String, Value, Value)>,
    /// One sentence.
    verdict: String,
}

/// A metric of both.
#[derive(Debug, Serialize, JsonSchema)]
struct Delta {
    name: String,
    one: f64,
    other: f64,
    /// Other less one.
    delta: f64,
    /// Of one, 95 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_one: Option<(f64, f64)>,
    /// Of the other, 95 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_other: Option<(f64, f64)>,
    higher_is_better: bool,
    /// better, worse, or unclear where the intervals overlap or are not known.
    other_is: &'static str,
}

impl Tool<App> for Compare {
    const NAME: &'static str = "model_compare";
    const EXAMPLE: &'static str = r#"{"model_id": "wine-quality", "version": "production", "with": "4"}"#;
    type Access = Reads;
    type Output = Json<Comparison>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Comparison>> {
        let one = version(&cx, &self.model_id, Some(&self.version)).await?;
        let model = self.with_model_id.as_deref().unwrap_or(&self.model_id);
        let other = version(&cx, model, self.with.as_deref()).await?;
        Ok(Json(compare(&one, &other)))
    }
}

fn compare(one: &Version, other: &Version) -> Comparison {
    let report = |version: &Version| version.facts["report"].clone();
    let (left, right) = (report(one), report(other));
    let same_data = one.source.dataset_sha256.is_some() && one.source.dataset_sha256 == other.source.dataset_sha256;
    let same_target = left["target"] == right["target"] && left["task"] == right["task"];
    let metrics = if same_target { deltas(&left["metrics"], &right["metrics"]) } else { Vec::new() };
    let verdict = verdict(same_data, same_target, metrics.first());
    Comparison {
        one: (one.model.clone(), one.version),
        other: (other.model.clone(), other.version),
        same_data,
        same_target,
        metrics,
        parameters: differences(&left, &right),
        verdict,
    }
}

fn verdict(same_data: bool, same_target: bool, main: Option<&Delta>) -> String {
    let Some(main) = main.filter(|_| same_target) else {
        return "they answer different questions, so their metrics cannot be compared".to_owned();
    };
    let judged = match main.other_is {
        "unclear" => format!("the difference in {} is within what chance explains", main.name),
        better_or_worse => format!("the other one is {better_or_worse} in {}", main.name),
    };
    if same_data { judged } else { format!("{judged}; but they were judged on different data, so this says little") }
}

fn deltas(one: &Value, other: &Value) -> Vec<Delta> {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let others = items(other);
    let delta = |one: &Value| {
        let other = others.iter().find(|other| other["name"] == one["name"])?;
        let (from, to) = (one["value"].as_f64()?, other["value"].as_f64()?);
        let (interval_one, interval_other) = (interval(one), interval(other));
        let higher_is_better = one["higher_is_better"].as_bool()?;
        let apart = match (interval_one, interval_other) {
            (Some(one), Some(other)) => other.0 > one.1 || other.1 < one.0,
            _ => false,
        };
        let other_is = match (apart, (to > from) == higher_is_better) {
            (false, _) => "unclear",
            (true, true) => "better",
            (true, false) => "worse",
        };
        let name = one["name"].as_str()?.to_owned();
        Some(Delta {
            name,
            one: from,
            other: to,
            delta: to - from,
            interval_one,
            interval_other,
            higher_is_better,
            other_is,
        })
    };
    items(one).iter().filter_map(delta).collect()
}

fn interval(metric: &Value) -> Option<(f64, f64)> {
    Some((metric["low"].as_f64()?, metric["high"].as_f64()?))
}

/// What was set differently.
fn differences(one: &Value, other: &Value) -> Vec<(String, Value, Value)> {
    let mut found = Vec::new();
    for name in ["algorithm", "features", "rounds"] {
        if one[name] != other[name] {
            found.push((name.to_owned(), one[name].clone(), other[name].clone()));
        }
    }
    let empty = serde_json::Map::new();
    let (left, right) = (one["hyperparameters"].as_object(), other["hyperparameters"].as_object());
    let (left, right) = (left.unwrap_or(&empty), right.unwrap_or(&empty));
    let mut names: Vec<_> = left.keys().chain(right.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let value = |of: &serde_json::Map<String, Value>| of.get(name).cloned().unwrap_or_default();
        if value(left) != value(right) {
            found.push((name.clone(), value(left), value(right)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metric(value: f64, low: f64, high: f64) -> Value {
        json!([{ "name": "rmse", "value": value, "low": low, "high": high, "higher_is_better": false }])
    }

    #[test]
    fn what_chance_explains_is_no_difference() {
        let judged = |one: Value, other: Value| deltas(&one, &other)[0].other_is;
        assert_eq!(judged(metric(2.0, 1.5, 2.5), metric(1.0, 0.8, 1.2)), "better");
        assert_eq!(judged(metric(1.0, 0.8, 1.2), metric(2.0, 1.5, 2.5)), "worse");
        assert_eq!(judged(metric(1.0, 0.8, 1.2), metric(1.1, 0.9, 1.3)), "unclear");
        let without = json!([{ "name": "rmse", "value": 9.0, "low": null, "high": null, "higher_is_better": false }]);
        assert_eq!(judged(metric(1.0, 0.8, 1.2), without), "unclear");
        let main = &deltas(&metric(2.0, 1.5, 2.5), &metric(1.0, 0.8, 1.2))[0];
        assert!(verdict(false, true, Some(main)).contains("different data"));
        assert!(verdict(true, false, Some(main)).contains("different questions"));
    }
}
