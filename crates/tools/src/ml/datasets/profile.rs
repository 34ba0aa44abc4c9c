//! What is in a dataset.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Error, Listing, Pictured, Reads, Result, Tool};
use trainyard_ml::{
    dataset::{self, ColumnProfile, Kind, Settings, Watch},
    picture,
};

use super::super::{part, reading, registry};
use crate::{
    App, Cx,
    common::{Cursor, Limit},
};

/// Profile a dataset: per column missing, distinct, quantiles, frequent values, problems
///
/// With target, columns that give it away are found. Values of columns that hold data about people are left out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    /// Dataset.
    dataset_id: String,
    /// Version; the latest when absent.
    version: Option<u64>,
    /// Column that is to be predicted.
    target: Option<String>,
    /// Only these columns of the dataset.
    columns: Option<Vec<String>>,
    /// Draw how the numbers are spread, too.
    #[serde(default)]
    picture: bool,
    /// Only these facts about them.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
}

/// A column.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Row {
    column: String,
    kind: Kind,
    missing: u64,
    distinct: u64,
    min: Option<f64>,
    p25: Option<f64>,
    median: Option<f64>,
    p75: Option<f64>,
    max: Option<f64>,
    mean: Option<f64>,
    standard_deviation: Option<f64>,
    /// How its numbers are spread, as bars between the ends that stand behind them.
    histogram: Option<String>,
    /// Cells that are not of the column's kind.
    parse_failures: Option<u64>,
    /// The most frequent values with their counts.
    top: Option<String>,
    /// What was found: constant, id_like, personal_data, leakage, …
    findings: Vec<String>,
}

/// Frequent values that are shown.
const SHOWN: usize = 3;

impl Row {
    fn of(column: ColumnProfile, findings: &[dataset::Finding]) -> Self {
        let numbers = column.numbers.as_ref();
        let quantiles = numbers.map(|numbers| numbers.quantiles);
        // Nothing is frequent where each value is there once.
        let frequent = column.top.iter().filter(|top| top.count > 1).take(SHOWN);
        let top: Vec<String> = frequent.map(|top| format!("{} ({})", short(&top.value), top.count)).collect();
        let about = findings.iter().filter(|finding| finding.column.as_ref() == Some(&column.name));
        Self {
            findings: about.map(|finding| finding.code.clone()).collect(),
            min: numbers.map(|numbers| numbers.min),
            p25: quantiles.map(|quantiles| quantiles.p25),
            median: quantiles.map(|quantiles| quantiles.p50),
            p75: quantiles.map(|quantiles| quantiles.p75),
            max: numbers.map(|numbers| numbers.max),
            mean: numbers.map(|numbers| numbers.mean),
            standard_deviation: numbers.and_then(|numbers| numbers.standard_deviation),
            histogram: column.histogram.as_ref().map(picture::terminal::histogram),
            parse_failures: column.parse_failures.as_ref().map(|failures| failures.count),
            top: (!top.is_empty() && column.personal.is_none()).then(|| top.join(", ")),
            kind: column.kind,
            missing: column.missing,
            distinct: column.distinct,
            column: column.name,
        }
    }
}

fn short(value: &str) -> String {
    match value.char_indices().nth(32) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value.to_owned(),
    }
}

impl Tool<App> for Profile {
    const NAME: &'static str = "dataset_get_profile";
    const EXAMPLE: &'static str = r#"{"dataset_id": "wine-quality", "target": "quality"}"#;
    type Access = Reads;
    type Output = Pictured<Listing<Row>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Pictured<Listing<Row>>> {
        let datasets = registry(&cx)?;
        let (id, version, target) = (self.dataset_id, self.version, self.target);
        let look = move |watch: &Watch| {
            let found = datasets.sound(&id, version)?;
            let profile = datasets.profile(&found, &Settings { target }, watch)?;
            Ok((found, profile))
        };
        let (found, mut profile) = reading(&cx, look).await?;
        if let Some(wanted) = &self.columns {
            let known = |name: &String| profile.columns.iter().any(|column| &column.name == name);
            if let Some(name) = wanted.iter().find(|name| !known(name)) {
                return Err(
                    Error::validation(format!("there is no column {name:?}")).hint("dataset_get shows the columns")
                );
            }
            profile.columns.retain(|column| wanted.contains(&column.name));
        }
        let messages: Vec<String> = profile
            .findings
            .iter()
            .map(|finding| match &finding.column {
                Some(column) => format!("{} [{column}]: {}", finding.code, finding.message),
                None => format!("{}: {}", finding.code, finding.message),
            })
            .collect();
        let pictures = if self.picture { picture::histograms(&profile.columns)? } else { None };
        let rows = profile.columns.into_iter().map(|column| Row::of(column, &profile.findings)).collect();
        let facts = part(&cx, rows, self.limit, self.cursor.as_ref())?
            .about("dataset_id", found.id)
            .about("version", found.version)
            .about("dataset_rows", profile.rows)
            .about("duplicate_rows", profile.duplicate_rows)
            .about("findings", messages)
            .fields(self.fields.as_deref().unwrap_or_default());
        Ok(Pictured { facts, pictures: pictures.into_iter().collect() })
    }
}
