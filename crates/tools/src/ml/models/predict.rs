//! Models predict.

use std::{collections::BTreeMap, fmt::Write as _, marker::PhantomData, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_contract::{
    Access, CallDef, Changes, Effect, Error, ErrorKind, Json, Needs, Preview, Reads, Result, Target, Tool, ToolDef,
};
use trainyard_ml::{
    dataset::Watch,
    model::Version,
    store::file_error,
    training::{self, Outcome, Prediction, Rows},
};

use super::{
    super::{reading, registry as datasets, target},
    version,
};
use crate::{App, Cx};

pub(super) const TOOL: ToolDef<App> = ToolDef::by_effect(
    "model_predict",
    needs,
    &[CallDef::reads::<Predict<Reads>>(), CallDef::changes::<Predict<Changes>>()],
);

/// Most rows that one call takes or shows.
const MOST_ROWS: usize = 1_000;

/// Let a model predict rows, a file or a dataset
///
/// Columns go by name; one that the model wants and that is not there is an error. With output_path all answers go to a CSV file.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Predict<A> {
    /// Model.
    model_id: String,
    /// Version number or alias; the newest that is ready when absent.
    version: Option<String>,
    /// Rows, as objects with the columns as members; at most 1000.
    rows: Option<Vec<Value>>,
    /// Or a dataset.
    dataset_id: Option<String>,
    /// Version of the dataset; the latest when absent.
    dataset_version: Option<u64>,
    /// Or the absolute path of a CSV, JSON Lines or Parquet file below a folder that the operator allows.
    file_path: Option<String>,
    /// Absolute path of a CSV file to write, below a folder that the operator allows. It must not exist.
    output_path: Option<String>,
    /// Answers to show, at most 1000; 20 when absent.
    show: Option<usize>,
    #[serde(skip)]
    access: PhantomData<A>,
}

/// It only writes where it is told to.
#[expect(clippy::unnecessary_wraps, reason = "the form of what tells the effect of arguments")]
fn needs(arguments: &Value) -> Result<Needs> {
    let writes = arguments.get("output_path").is_some_and(|path| !path.is_null());
    let effect = if writes { Effect::Changes } else { Effect::Reads };
    Ok(Needs { effect, reveals: false, spends: false })
}

#[derive(Debug, Serialize, JsonSchema)]
struct Answers {
    model_id: String,
    version: u32,
    rows: usize,
    /// The first answers.
    predictions: Vec<Answer>,
    /// The answers are not all shown.
    truncated: bool,
    /// Columns with categories that the model does not know, which count as missing: how many rows.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unknown_categories: BTreeMap<String, u64>,
    /// The file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
    /// A number, for regression.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    /// The most probable class.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    /// The probability of each class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    probabilities: BTreeMap<String, f64>,
    /// Number of the cluster, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<usize>,
}

impl Answer {
    fn of(predicted: &Prediction, row: usize) -> Self {
        let mut answer = Self { value: None, class: None, probabilities: BTreeMap::new(), cluster: None };
        match &predicted.outcome {
            Outcome::Numbers(values) => answer.value = values.get(row).copied(),
            Outcome::Clusters(clusters) => answer.cluster = clusters.get(row).copied(),
            Outcome::Classes { names, probabilities } => {
                answer.class = predicted.class(row).map(str::to_owned);
                let of_row = probabilities.iter().skip(row * names.len());
                answer.probabilities = names.iter().cloned().zip(of_row.copied()).collect();
            }
        }
        answer
    }
}

impl<A: Access> Predict<A> {
    async fn answers(&self, cx: &Cx<A>) -> Result<(Answers, Prediction)> {
        let show = self.show.unwrap_or(20);
        if show > MOST_ROWS {
            return Err(Error::validation(format!("show is {show}, not 0 to {MOST_ROWS}")));
        }
        let version = version(cx, &self.model_id, self.version.as_deref()).await?;
        let rows = self.rows(cx).await?;
        let (version, predicted) = reading(cx, move |watch: &Watch| predicted(version, &rows, watch)).await?;
        let count = predicted.rows();
        let unknown = predicted.unknown_categories.iter();
        let answers = Answers {
            model_id: version.model,
            version: version.version,
            rows: count,
            predictions: (0..count.min(show)).map(|row| Answer::of(&predicted, row)).collect(),
            truncated: count > show,
            unknown_categories: unknown.map(|(column, rows)| (column.clone(), *rows as u64)).collect(),
            written: None,
        };
        Ok((answers, predicted))
    }

    async fn rows(&self, cx: &Cx<A>) -> Result<Rows> {
        match (&self.rows, &self.dataset_id, &self.file_path) {
            (Some(rows), None, None) if rows.is_empty() => Err(Error::validation("rows is empty")),
            (Some(rows), None, None) if rows.len() > MOST_ROWS => {
                Err(Error::validation(format!("{} rows are more than {MOST_ROWS}", rows.len()))
                    .hint("write them to a file and name it as file_path"))
            }
            (Some(rows), None, None) => Ok(Rows::Objects(rows.clone())),
            (None, Some(id), None) => {
                let (datasets, id, version) = (datasets(cx)?, id.clone(), self.dataset_version);
                let found = reading(cx, move |_| datasets.sound(&id, version)).await?;
                Ok(Rows::Dataset(Box::new(found)))
            }
            (None, None, Some(path)) => {
                let path = cx.local_paths().existing(path)?;
                Ok(Rows::File(path))
            }
            _ => Err(Error::validation("one of `rows`, `dataset_id` and `file_path` is wanted")),
        }
    }
}

fn predicted(version: Version, rows: &Rows, watch: &Watch) -> Result<(Version, Prediction)> {
    let model = training::load(&version)?;
    let predicted = training::predict(&model, rows, watch)?;
    Ok((version, predicted))
}

impl Tool<App> for Predict<Reads> {
    const NAME: &'static str = "model_predict";
    const EXAMPLE: &'static str =
        r#"{"model_id": "wine-quality", "version": "production", "rows": [{"alcohol": 9.4, "ph": 3.5}]}"#;
    type Access = Reads;
    type Output = Json<Answers>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Answers>> {
        Ok(Json(self.answers(&cx).await?.0))
    }
}

impl Tool<App> for Predict<Changes> {
    const NAME: &'static str = "model_predict";
    const EXAMPLE: &'static str =
        r#"{"model_id": "wine-quality", "dataset_id": "wine-new", "output_path": "/data/predictions.csv"}"#;
    type Access = Changes;
    type Output = Json<Answers>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Answers>> {
        let path = self.output(&cx)?;
        let (mut answers, predicted) = self.answers(&cx).await?;
        let to = path.clone();
        reading(&cx, move |_| write(&to, &predicted)).await?;
        answers.written = Some(path.display().to_string());
        Ok(Json(answers))
    }
}

impl<A: Access> Predict<A> {
    /// The file to write, which is not there yet.
    fn output<B: Access>(&self, cx: &Cx<B>) -> Result<PathBuf> {
        let path = self.output_path.as_deref().ok_or_else(|| Error::validation("`output_path` is wanted"))?;
        let path = cx.local_paths().to_write(path)?;
        if path.exists() {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{} exists", path.display()))
                .hint("choose a file that is not there"));
        }
        Ok(path)
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct WouldWrite {
    model_id: String,
    version: u32,
    file: String,
}

impl Preview<App> for Predict<Changes> {
    type Plan = WouldWrite;

    fn target(&self) -> Target {
        target("file", self.output_path.as_deref().unwrap_or_default())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<WouldWrite> {
        let file = self.output(&cx)?.display().to_string();
        let version = version(&cx, &self.model_id, self.version.as_deref()).await?;
        Ok(WouldWrite { model_id: version.model, version: version.version, file })
    }
}

/// Writes all answers beside, and gives the file its name when it is whole.
fn write(path: &std::path::Path, predicted: &Prediction) -> Result<()> {
    let failed = |error: std::io::Error| file_error(&error, path);
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let written = std::fs::File::create_new(&beside).and_then(|mut file| {
        use std::io::Write;
        file.write_all(table(predicted).as_bytes())?;
        file.sync_all()
    });
    let named = written.and_then(|()| std::fs::hard_link(&beside, path));
    // Best effort: what is left beside it is no answer.
    drop(std::fs::remove_file(&beside));
    named.map_err(failed)
}

fn table(predicted: &Prediction) -> String {
    let mut text = String::new();
    // A text that grows does not fail.
    let _ = match &predicted.outcome {
        Outcome::Numbers(values) => {
            text.push_str("prediction\n");
            values.iter().try_for_each(|value| writeln!(text, "{value}"))
        }
        Outcome::Clusters(clusters) => {
            text.push_str("cluster\n");
            clusters.iter().try_for_each(|cluster| writeln!(text, "{cluster}"))
        }
        Outcome::Classes { names, probabilities } => {
            let columns = names.iter().map(|name| quoted(&format!("probability_{name}"))).collect::<Vec<_>>().join(",");
            text.push_str(&format!("prediction,{columns}\n"));
            probabilities.chunks(names.len().max(1)).enumerate().try_for_each(|(row, probabilities)| {
                let class = quoted(predicted.class(row).unwrap_or_default());
                let cells: Vec<_> = probabilities.iter().map(f64::to_string).collect();
                writeln!(text, "{class},{}", cells.join(","))
            })
        }
    };
    text
}

/// A cell of a CSV file.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
