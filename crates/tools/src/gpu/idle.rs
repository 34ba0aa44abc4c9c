//! Devices that are held and not used.

use schemars::JsonSchema;
use serde::Deserialize;
use trainyard_contract::{Error, Listing, Reads, Result, Tool, ToolDef};
use trainyard_gpu::{
    idle::{IdleOptions, IdleRow, Measured, Sample, Series, Use},
    metrics::{Aggregation, Filters, Query, Question, Span, parse_duration},
};
use trainyard_k8s::prometheus::{Api, Series as Asked, Stretch};

use super::{
    cluster::{InCluster, Wanted, survey},
    paging::page,
    prometheus::prometheus,
};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reads::<Idle>().formerly(&["gpu_find_idle"])];

/// Series that one question may have: as many cards as a large cluster.
const MOST_SERIES: usize = 20_000;
/// Points by which use is judged; between two of them the greatest value counts.
const POINTS: i64 = 24;
/// What tells of use: HAMi's monitor by pod, NVIDIA's exporter by card and instance, AWS's monitor by node.
const QUESTIONS: [Question; 4] =
    [Question::PodUtilization, Question::MigUtilization, Question::CardUtilization, Question::NeuronUtilization];
/// With fewer than so many of them nothing is said.
const LEAST: usize = 18;

/// Find accelerators that pods hold and do not use, by their metrics
///
/// Idle means never above at_most_percent within range. What nothing measures is never called idle.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Idle {
    /// So far back, e.g. 1h (the default), 7d.
    range: Option<String>,
    /// Utilization that still counts as idle; 1 when absent.
    at_most_percent: Option<f64>,
    /// Only pods of this namespace.
    namespace: Option<String>,
    /// Pods that work, or of which nothing is known, too.
    #[serde(default)]
    include_all: bool,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    #[serde(flatten)]
    at: InCluster,
}

impl Tool<App> for Idle {
    const NAME: &'static str = "gpu_idle";
    const EXAMPLE: &'static str = r#"{"range": "6h"}"#;
    type Access = Reads;
    type Output = Listing<IdleRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<IdleRow>> {
        let wrong = |error: trainyard_gpu::DecodeError| Error::validation(error.to_string());
        let range = parse_duration(self.range.as_deref().unwrap_or("1h")).map_err(wrong)?;
        let bound = self.at_most_percent.unwrap_or(1.0);
        if !(0.0..=100.0).contains(&bound) {
            return Err(Error::validation("at_most_percent is 0 to 100"));
        }
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let span = Span::last(range, now, None, POINTS).map_err(wrong)?;
        let kubernetes = self.at.of(&cx);
        let api = prometheus(&cx, &kubernetes).await?;
        let mut series = Vec::new();
        for question in QUESTIONS {
            series.extend(measured(&api, question, &span).await?);
        }
        let survey = survey(&cx, &kubernetes, &Wanted::default()).await?;
        let options = IdleOptions {
            at_most_percent: bound,
            from: span.start,
            to: span.end,
            least_samples: LEAST,
            longest_gap: span.step.saturating_mul(4).max(120),
        };
        let mut rows = survey.fleet.idle(&series, &options);
        rows.retain(|row| self.namespace.as_ref().is_none_or(|wanted| *wanted == row.namespace));
        let count = |usage: Use| rows.iter().filter(|row| row.usage == usage).count();
        let (idle, unknown, all) = (count(Use::Idle), count(Use::NotMeasured) + count(Use::TooFewSamples), rows.len());
        if !self.include_all {
            rows.retain(|row| row.usage == Use::Idle);
        }
        let list = page(&cx, rows.into_iter(), self.limit, self.cursor.as_ref())?
            .about("held", all)
            .about("idle", idle)
            .about("not_known", unknown)
            .about("source", api.at())
            .fields(&self.fields.unwrap_or_default());
        Ok(survey.about(list))
    }
}

/// The series of a question, by what they measure. Of each step the greatest value counts: a short burst is work, too.
async fn measured(api: &Api, question: Question, span: &Span) -> Result<Vec<Series>> {
    let over = Some((Aggregation::Max, span.step));
    let mut text =
        Query::ask(question, &Filters::default(), over).map_err(|error| Error::internal(error.to_string()))?.text;
    if question == Question::NeuronUtilization {
        text = format!("max by (instance_id, instance_name, node) ({text})");
    }
    let stretch = Stretch { start: span.start, end: span.end, step: span.step };
    let answer = api.query_range(&text, stretch, MOST_SERIES).await?;
    let series = answer
        .series
        .iter()
        .flat_map(|series| what(question, series).into_iter().map(|of| Series { of, samples: samples(series) }));
    Ok(series.collect())
}

/// What a series measures: what NVIDIA's exporter says of a card may be one pod's as well.
fn what(question: Question, series: &Asked) -> Vec<Measured> {
    let label = |name: &str| series.labels.get(name).filter(|value| !value.is_empty()).cloned();
    if question == Question::NeuronUtilization {
        let machines = ["instance_id", "node", "instance_name"].into_iter().filter_map(label);
        return machines.map(|machine| Measured::Neuron { machine }).collect();
    }
    let Some(uuid) = label("device_uuid") else { return Vec::new() };
    let pod = label("namespace").zip(label("pod"));
    let instance: Option<u32> = label("gpu_instance_id").and_then(|instance| instance.parse().ok());
    let (of, device) = match (question, instance) {
        (Question::PodUtilization, _) => {
            return pod.map(|(namespace, pod)| Measured::Pod { namespace, pod, uuid }).into_iter().collect();
        }
        (Question::MigUtilization, Some(instance)) => {
            (Measured::MigInstance { uuid: uuid.clone(), instance }, format!("{uuid}/{instance}"))
        }
        // Of whole cards the other question tells.
        (Question::MigUtilization, None) => return Vec::new(),
        _ => (Measured::Card { uuid: uuid.clone() }, uuid),
    };
    let whole = pod.map(|(namespace, pod)| Measured::Whole { namespace, pod, device });
    std::iter::once(of).chain(whole).collect()
}

fn samples(series: &Asked) -> Vec<Sample> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this era")]
    let sample = |sample: &trainyard_k8s::prometheus::Sample| Sample { at: sample.at as i64, percent: sample.value };
    series.samples.iter().map(sample).collect()
}
