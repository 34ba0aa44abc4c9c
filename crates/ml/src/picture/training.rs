//! What a training found out, drawn: of a version by its report, of a job by what its worker has measured so far.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use trainyard_contract::{Picture, Result};
use trainyard_train::{CurvePoint, Task};

use super::charts;
use crate::job::Measured;

/// What of a version can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "a list of plain words costs a caller fewer tokens, and each says what it is")]
pub enum Drawing {
    LearningCurve,
    Confusion,
    Importance,
    Calibration,
}

impl Drawing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::LearningCurve, Self::Confusion, Self::Importance, Self::Calibration];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LearningCurve => "learning_curve",
            Self::Confusion => "confusion",
            Self::Importance => "importance",
            Self::Calibration => "calibration",
        }
    }
}

/// Draws a part of a report; none where the model has nothing of the kind: no classes, no rounds, no report at all.
pub fn of_report(report: &Value, drawing: Drawing) -> Result<Option<Picture>> {
    match drawing {
        Drawing::LearningCurve => match part::<Vec<CurvePoint>>(report, "learning_curve") {
            Some(points) => charts::learning_curve(&points, &loss(report)),
            None => Ok(None),
        },
        Drawing::Confusion => part(report, "confusion").map_or(Ok(None), |matrix| charts::confusion(&matrix)),
        Drawing::Importance => {
            part::<Vec<_>>(report, "importance").map_or(Ok(None), |features| charts::importance(&features))
        }
        Drawing::Calibration => {
            part::<Vec<_>>(report, "calibration").map_or(Ok(None), |bins| charts::calibration(&bins))
        }
    }
}

/// A part of a report, if it is there and whole.
fn part<T: DeserializeOwned>(report: &Value, name: &str) -> Option<T> {
    serde_json::from_value(report.get(name)?.clone()).ok()
}

/// What the rounds are judged by, with its unit.
fn loss(report: &Value) -> String {
    if report["task"] == Task::Regression.name() {
        format!("root mean squared error, in units of {}", report["target"].as_str().unwrap_or("the target"))
    } else {
        "log loss, in nats".to_owned()
    }
}

/// Draws the learning curve of the phase that a job is in, or of the last one that has any rounds.
pub fn of_curves(measured: &[Measured], phase: Option<&str>) -> Result<Option<Picture>> {
    let of = |phase: &str, name: &str| -> Vec<&Measured> {
        let name = format!("{phase}.{name}");
        measured.iter().filter(|point| point.name == name).collect()
    };
    let phases = phase.into_iter().chain(["fitting", "evaluating", "searching"]);
    let found = phases.map(|phase| (phase, of(phase, "training_loss"))).find(|(_, points)| !points.is_empty());
    let Some((phase, training)) = found else { return Ok(None) };
    let validation = of(phase, "validation_loss");
    let point = |point: &&Measured| CurvePoint {
        round: usize::try_from(point.step).unwrap_or(usize::MAX),
        training_loss: point.value,
        validation_loss: validation.iter().find(|other| other.step == point.step).map(|other| other.value),
    };
    let points: Vec<CurvePoint> = training.iter().map(point).collect();
    charts::learning_curve(&points, &format!("loss while {phase}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_report_has_is_drawn_and_the_rest_is_not() {
        let report = json!({
            "task": "classification", "target": "label",
            "learning_curve": [
                { "round": 1, "training_loss": 0.6, "validation_loss": 0.65 },
                { "round": 9, "training_loss": 0.2, "validation_loss": 0.4 },
            ],
            "confusion": { "classes": ["no", "yes"], "counts": [[8, 1], [2, 9]] },
            "importance": [{ "feature": "age", "share": 1.0, "splits": 4 }],
            "calibration": [{ "predicted": 0.2, "observed": 0.25, "rows": 20 }],
        });
        for drawing in Drawing::ALL {
            let picture = of_report(&report, drawing).unwrap().unwrap_or_else(|| panic!("{drawing:?}"));
            assert!(picture.plot.is_some_and(|plot| plot.lines().count() > 1), "{drawing:?}");
            // A model of somewhere else has no report.
            assert!(of_report(&Value::Null, drawing).unwrap().is_none());
        }
        let amount = json!({ "task": "regression", "target": "price", "confusion": null });
        assert!(of_report(&amount, Drawing::Confusion).unwrap().is_none());
        assert_eq!(loss(&amount), "root mean squared error, in units of price");
    }

    #[test]
    fn a_job_shows_the_curve_of_its_phase() {
        let point = |name: &str, step, value| Measured { name: name.to_owned(), step, value };
        let measured = [
            point("evaluating.training_loss", 1, 0.7),
            point("evaluating.training_loss", 4, 0.5),
            point("evaluating.validation_loss", 1, 0.8),
            point("evaluating.validation_loss", 2, 0.75),
            point("evaluating.validation_loss", 4, 0.6),
        ];
        for phase in [None, Some("evaluating"), Some("measuring")] {
            let picture = of_curves(&measured, phase).unwrap().unwrap();
            assert_eq!(picture.alt, "loss while evaluating over 4 rounds, ending at 0.6");
        }
        assert!(of_curves(&[], None).unwrap().is_none());
    }
}
