//! The Prometheus of a call, and series as answers show them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_contract::{Access, Covers, Error, Listing, Picture, Pictured, Reads, Result};
use trainyard_k8s::{
    Form, Kubernetes, Selection, Way,
    prometheus::{Answer, Api, SELECTORS, Sample, Series, services},
    resource::SERVICES,
};

use super::chart::{self, Line};
use crate::Cx;

/// Series that a picture shows; more cannot be told apart.
const MOST_LINES: usize = 8;

/// The Prometheus that the operator named, or one that is found in the cluster: by its name from within, else through the API server.
pub(super) async fn prometheus<A: Access + Covers<Reads>>(cx: &Cx<A>, kubernetes: &Kubernetes<A>) -> Result<Api> {
    let settings = cx.prometheus();
    if let Some(api) = settings.named().await? {
        return Ok(api);
    }
    let none = |why: String| {
        Error::unsupported(why)
            .code("NoPrometheus")
            .hint("the operator names one with --prometheus-url, or with url under [prometheus] in the settings file")
    };
    if !settings.may_be_found() {
        return Err(none("no Prometheus is named".to_owned()));
    }
    let mut found = Vec::new();
    for labels in SELECTORS {
        let selection = Selection { labels: Some(labels.to_owned()), limit: Some(100), ..Selection::default() };
        found.extend(kubernetes.list(&SERVICES, &selection, Form::Whole).await?.items);
    }
    let found = services(&found);
    let Some(first) = found.first() else {
        return Err(none("no Prometheus is named, and no service of the cluster is one".to_owned()));
    };
    match kubernetes.way()? {
        Way::InCluster => settings.at_service(first).await,
        // From outside its name means nothing.
        _ => kubernetes.prometheus(settings, first).await,
    }
}

/// One series.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row {
    /// What tells it from others.
    labels: BTreeMap<String, String>,
    /// The last value.
    value: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    mean: Option<f64>,
    /// The course of it, from its own least to its greatest value.
    sparkline: Option<String>,
    /// Seconds since 1970 and value.
    points: Option<Vec<(f64, Option<f64>)>>,
}

impl Row {
    pub(super) fn of(series: &Series, over_time: bool, points: bool) -> Self {
        let finite: Vec<f64> =
            series.samples.iter().map(|sample| sample.value).filter(|value| value.is_finite()).collect();
        let fold = |pick: fn(f64, f64) -> f64| finite.iter().copied().reduce(pick).filter(|_| over_time);
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 samples")]
        let mean = (over_time && !finite.is_empty()).then(|| finite.iter().sum::<f64>() / finite.len() as f64);
        let finite_or_none = |sample: &Sample| (sample.at, Some(sample.value).filter(|value| value.is_finite()));
        Self {
            labels: series.labels.clone(),
            value: finite.last().copied(),
            min: fold(f64::min),
            max: fold(f64::max),
            mean,
            sparkline: over_time.then(|| chart::sparkline(&series.samples)),
            points: points.then(|| series.samples.iter().map(finite_or_none).collect()),
        }
    }
}

/// How series are to be shown.
pub(super) struct Show<'a> {
    pub(super) over_time: bool,
    pub(super) points: bool,
    pub(super) picture: bool,
    /// What the series are, with their unit.
    pub(super) title: &'a str,
}

/// Series as an answer: rows, and a picture where one was asked for.
pub(super) fn shown(answer: &Answer, api: &Api, show: &Show<'_>) -> Result<Pictured<Listing<Row>>> {
    let rows = answer.series.iter().map(|series| Row::of(series, show.over_time, show.points)).collect();
    let mut list = Listing::whole(rows).about("source", api.at());
    if answer.left_out > 0 {
        list = list.about("left_out", format!("{} more series; narrow the question or raise limit", answer.left_out));
    }
    if answer.histograms > 0 {
        list = list.about("histograms", format!("{} native histograms are not shown", answer.histograms));
    }
    if !answer.warnings.is_empty() {
        list = list.about("warnings", answer.warnings.clone());
    }
    let mut pictures = Vec::new();
    if show.picture {
        pictures.push(picture(answer, show.title)?);
    }
    Ok(Pictured { facts: list, pictures })
}

fn picture(answer: &Answer, title: &str) -> Result<Picture> {
    let lines: Vec<Line<'_>> =
        answer.series.iter().take(MOST_LINES).map(|series| Line { samples: &series.samples }).collect();
    let png = chart::draw(&lines)?;
    let shown = lines.len();
    let all = answer.series.len() + answer.left_out;
    let span = answer.series.iter().flat_map(|series| [series.samples.first(), series.samples.last()]).flatten();
    let (mut from, mut to) = (f64::INFINITY, f64::NEG_INFINITY);
    span.for_each(|sample| (from, to) = (from.min(sample.at), to.max(sample.at)));
    let minutes = if to > from { format!(", {:.0} minutes", (to - from) / 60.0) } else { String::new() };
    let alt = format!("{title}: the first {shown} of {all} series, in the order of the rows{minutes}");
    // Each row has its line in characters.
    Ok(Picture { png, alt, plot: None })
}
