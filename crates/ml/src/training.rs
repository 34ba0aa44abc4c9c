//! Training: a request becomes a job, the job's worker a model, and the model predictions.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trainyard_contract::{Error, ErrorKind, Result};
use trainyard_train::{self as train, Cell, Column, Feature, FeatureKind, Frame, FrameBuilder, Observer, Values};
pub use trainyard_train::{Algorithm, Engine, Model, Outcome, Prediction, Preset, Spec, Task};

use crate::{
    dataset::{self, ColumnProfile, Kind, Layout, Profile, Selection, Watch},
    datasets::{Dataset, Datasets},
    job::{
        Checkpoints, Job, Limits, NewJob, process,
        worker::{Desk, Work},
    },
    model::{NewVersion, Source, Version},
};

/// Share of the work that reading the file is taken for.
const READING: f64 = 0.05;

/// What somebody wants to be trained.
#[derive(Debug, Clone)]
pub struct Request {
    /// The same token means the same job.
    pub token: Option<String>,
    /// Model that the result becomes a version of; made of the dataset and the target where none is given.
    pub model: Option<String>,
    /// What to learn, and how.
    pub spec: Spec,
    /// What it may use.
    pub limits: Limits,
}

/// What a worker finds in its job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Version of the dataset.
    pub dataset_version: u64,
    /// SHA-256 of its bytes.
    pub dataset_sha256: String,
    /// What to learn, and how.
    pub training: Spec,
}

/// An error of the trainer, as ours.
pub fn error(error: &train::Error) -> Error {
    let (kind, code) = match error.kind() {
        train::ErrorKind::Spec => (ErrorKind::Validation, "TrainingSpec"),
        train::ErrorKind::Data => (ErrorKind::Validation, "TrainingData"),
        train::ErrorKind::Schema => (ErrorKind::Validation, "Schema"),
        train::ErrorKind::ModelFile => (ErrorKind::Validation, "ModelFile"),
        train::ErrorKind::Io => (ErrorKind::Unsupported, "LocalFile"),
        train::ErrorKind::DiskFull => (ErrorKind::Capacity, "DiskFull"),
        train::ErrorKind::Cancelled => (ErrorKind::Cancelled, "cancelled"),
        train::ErrorKind::Limit => (ErrorKind::Capacity, "TrainingLimit"),
    };
    let ours = Error::new(kind, error.message()).code(code);
    match error.next_step() {
        Some(hint) => ours.hint(hint),
        None => ours,
    }
}

/// Checks a request against what is known of its dataset, and makes the job of it. Nothing is stored.
pub fn job(dataset: &Dataset, request: &Request) -> Result<NewJob> {
    let spec = &request.spec;
    spec.check().map_err(|wrong| error(&wrong))?;
    columns(dataset, spec)?;
    if dataset.rows == 0 {
        return Err(Error::validation(format!("{} has no rows", dataset.id)).code("TrainingData"));
    }
    target(dataset, spec)?;
    let model = match &request.model {
        Some(model) => model.clone(),
        None => model_name(dataset, spec),
    };
    crate::id::check("model", &model)?;
    let order = Order {
        dataset_version: dataset.version,
        dataset_sha256: dataset.fingerprint.sha256.clone(),
        training: spec.clone(),
    };
    let spec = serde_json::to_value(order).map_err(|error| Error::internal(error.to_string()))?;
    Ok(NewJob {
        token: request.token.clone(),
        model,
        dataset: dataset.id.clone(),
        dataset_version: dataset.version,
        spec,
        limits: request.limits,
    })
}

fn model_name(dataset: &Dataset, spec: &Spec) -> String {
    let target = spec.target.as_deref().and_then(crate::id::from_text);
    let name = [Some(dataset.id.as_str()), target.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("-");
    let short: String = name.chars().take(63).collect();
    short.trim_end_matches(['-', '.', '_']).to_owned()
}

/// What the profile says already: a target that nothing can be learnt about.
fn target(dataset: &Dataset, spec: &Spec) -> Result<()> {
    let Some(name) = &spec.target else { return Ok(()) };
    let Some(column) = dataset.profile.columns.iter().find(|column| column.name == *name) else { return Ok(()) };
    let refuse = |what: &str| Err(Error::validation(format!("the target {name:?} {what}")).code("TrainingData"));
    if column.missing == dataset.rows {
        return refuse("is missing in every row");
    }
    if column.constant {
        return refuse("has the same value in every row, so there is nothing to learn");
    }
    if !can_be_read(column) {
        return refuse("holds lists or objects");
    }
    Ok(())
}

/// The columns that a training reads.
pub fn columns<'a>(dataset: &'a Dataset, spec: &Spec) -> Result<Vec<&'a ColumnProfile>> {
    let all = &dataset.profile.columns;
    let named = spec.target.iter().chain(spec.features.iter().flatten()).chain(&spec.exclude);
    for name in named {
        if !all.iter().any(|column| column.name == *name) {
            return Err(missing_column(dataset, name));
        }
    }
    let wanted = |name: &String| {
        spec.target.as_ref() == Some(name)
            || !spec.exclude.contains(name) && spec.features.as_ref().is_none_or(|features| features.contains(name))
    };
    let columns: Vec<_> = all.iter().filter(|column| wanted(&column.name) && can_be_read(column)).collect();
    if !columns.iter().any(|column| spec.target.as_ref() != Some(&column.name)) {
        return Err(Error::validation("no column is left to learn from")
            .code("TrainingData")
            .hint("exclude fewer columns"));
    }
    Ok(columns)
}

fn can_be_read(column: &ColumnProfile) -> bool {
    !matches!(column.kind, Kind::Empty | Kind::Nested)
}

fn missing_column(dataset: &Dataset, name: &str) -> Error {
    let names: Vec<_> = dataset.profile.columns.iter().map(|column| column.name.as_str()).collect();
    let error = Error::validation(format!("{} has no column {name:?}", dataset.id)).code("NoColumn");
    match trainyard_contract::nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near:?}? dataset_get shows the columns")),
        None => error.hint("dataset_get shows the columns"),
    }
}

/// Trains what jobs want.
#[derive(Debug)]
pub struct Trainer<'a> {
    /// Where the data is.
    pub datasets: &'a Datasets,
    /// The state folder.
    pub state: &'a Path,
}

impl Work for Trainer<'_> {
    #[expect(clippy::print_stdout, reason = "the standard output of a worker is the log of its job")]
    fn run(&self, job: &Job, desk: &Desk) -> Result<NewVersion> {
        let order: Order = serde_json::from_value(job.spec.clone())
            .map_err(|error| Error::internal(format!("the job is damaged: {error}")))?;
        let dataset = self.datasets.sound(&job.dataset, Some(order.dataset_version))?;
        let mut spec = order.training.clone();
        spec.limits.threads.get_or_insert(job.limits.threads as usize);
        let watch = Watch::default();
        if desk.report("reading", 0.0, None, &[]).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "stopped"));
        }
        let names = columns(&dataset, &spec)?.into_iter().map(|column| column.name.clone()).collect();
        let wanted = Selection { columns: Some(names), classes: Vec::new(), max_bytes: Some(job.limits.memory) };
        // It reads the file to its end and compares it with what was registered.
        let table = dataset::frame(&dataset.path, &dataset.layout, &dataset.profile, &wanted, &watch)?;
        println!("read {} rows of {} columns", table.frame.rows(), table.frame.columns().len());
        let checkpoints = Checkpoints::of(self.state, &job.spec);
        let mut observing = Observing { desk, checkpoints };
        let trained = train::train(&spec, &table.frame, &mut observing).map_err(|wrong| error(&wrong))?;
        println!("{}", trained.report.verdict);
        trained.model.save(desk.folder()).map_err(|wrong| error(&wrong))?;
        observing.checkpoints.clear();
        let source = Source {
            job: Some(job.id.clone()),
            dataset: Some(job.dataset.clone()),
            dataset_version: Some(order.dataset_version),
            dataset_sha256: Some(order.dataset_sha256),
            file: None,
        };
        let report = serde_json::to_value(&trained.report).map_err(|error| Error::internal(error.to_string()))?;
        let facts = json!({ "report": report, "seed": spec.seed, "preset": spec.preset });
        Ok(NewVersion { format: "lightgbm".to_owned(), source, facts })
    }
}

/// Says how far the training is, and keeps what it would take to go on.
struct Observing<'a> {
    desk: &'a Desk,
    checkpoints: Checkpoints,
}

impl Observer for Observing<'_> {
    fn progress(&mut self, progress: &train::Progress<'_>) -> ControlFlow<()> {
        let round = (progress.rounds > 0).then_some((progress.round as u64, progress.rounds as u64));
        let done = READING + (1.0 - READING) * progress.fraction;
        self.desk.report(progress.phase.name(), done, round, progress.metrics)
    }

    fn keep(&mut self, name: &str, bytes: &[u8]) {
        self.checkpoints.keep(name, bytes);
    }

    #[expect(clippy::print_stdout, reason = "the standard output of a worker is the log of its job")]
    fn recall(&mut self, name: &str) -> Option<Vec<u8>> {
        let kept = self.checkpoints.recall(name)?;
        println!("went on from the checkpoint {name}");
        Some(kept)
    }
}

/// Rows to predict.
#[derive(Debug)]
pub enum Rows {
    /// Objects whose members are the columns.
    Objects(Vec<Value>),
    /// A file.
    File(PathBuf),
    /// A dataset whose file is what it was.
    Dataset(Box<Dataset>),
}

/// Reads a model of ours. Others are data, and are not read.
pub fn load(version: &Version) -> Result<Model> {
    if version.format != "lightgbm" || version.source.job.is_none() {
        return Err(Error::unsupported(format!(
            "version {} of {} is {} from elsewhere, which is kept and never run",
            version.version, version.model, version.format
        ))
        .hint("model_download hands it out; what was trained here can predict here"));
    }
    crate::model::files::verify(version)?;
    Model::load(&version.folder).map_err(|wrong| error(&wrong))
}

/// Lets a model predict. A column that it wants and that is not there is an error.
pub fn predict(model: &Model, rows: &Rows, watch: &Watch) -> Result<Prediction> {
    let frame = match rows {
        Rows::Objects(objects) => of_objects(model, objects)?,
        Rows::File(path) => {
            let layout = Layout::of(path, &dataset::Wanted::default())?;
            let profile = dataset::profile(path, &layout, &dataset::Settings::default(), watch)?;
            of_file(model, path, &layout, &profile, watch)?
        }
        Rows::Dataset(dataset) => of_file(model, &dataset.path, &dataset.layout, &dataset.profile, watch)?,
    };
    model.predict(&frame).map_err(|wrong| error(&wrong))
}

fn of_file(model: &Model, path: &Path, layout: &Layout, profile: &Profile, watch: &Watch) -> Result<Frame> {
    let features = model.features();
    let category = |feature: &&Feature| matches!(feature.kind, FeatureKind::Category { .. });
    let wanted = Selection {
        columns: Some(features.iter().map(|feature| feature.name.clone()).collect()),
        classes: features.iter().filter(category).map(|feature| feature.name.clone()).collect(),
        max_bytes: process::memory_available(),
    };
    let framed = dataset::frame(path, layout, profile, &wanted, watch)?;
    // Nothing is in these columns: their values are missing, which a model can live with.
    let count = framed.frame.rows();
    let empty = |(name, _): (String, _)| {
        let feature = features.iter().find(|feature| feature.name == name)?;
        Some(Column { name, values: missing(&feature.kind, count) })
    };
    let columns = framed.frame.columns().iter().cloned().chain(framed.left_out.into_iter().filter_map(empty)).collect();
    Frame::new(columns).map_err(|wrong| error(&wrong))
}

fn missing(kind: &FeatureKind, count: usize) -> Values {
    match kind {
        FeatureKind::Numeric { .. } => Values::Numeric(vec![f64::NAN; count]),
        FeatureKind::Boolean => Values::Boolean(vec![None; count]),
        FeatureKind::Category { .. } => {
            Values::Category { codes: vec![train::MISSING_CATEGORY; count], levels: Vec::new() }
        }
    }
}

/// Rows that a caller wrote down.
fn of_objects(model: &Model, objects: &[Value]) -> Result<Frame> {
    let features = model.features();
    let kind = |feature: &Feature| match feature.kind {
        FeatureKind::Numeric { .. } => train::Kind::Numeric,
        FeatureKind::Boolean => train::Kind::Boolean,
        FeatureKind::Category { .. } => train::Kind::Category,
    };
    let mut builder = FrameBuilder::new(features.iter().map(|feature| (feature.name.clone(), kind(feature))));
    for (row, object) in objects.iter().enumerate() {
        let refuse = |what: String| Error::validation(format!("row {row} {what}")).code("Schema");
        let members = object.as_object().ok_or_else(|| refuse("is not an object".to_owned()))?;
        for (place, feature) in features.iter().enumerate() {
            let value = members.get(&feature.name).ok_or_else(|| {
                let names: Vec<_> = features.iter().map(|feature| feature.name.as_str()).collect();
                refuse(format!("has no column {:?}", feature.name))
                    .hint(format!("the model wants {}; write null for what is missing", names.join(", ")))
            })?;
            let cell = match value {
                Value::Null => Cell::Missing,
                Value::Bool(value) => Cell::Boolean(*value),
                Value::Number(number) => number.as_f64().map_or(Cell::Missing, Cell::Number),
                Value::String(text) => Cell::Text(text),
                other => return Err(refuse(format!("has {other} as {:?}, which is no value", feature.name))),
            };
            let kind = kind(feature);
            let fits = builder.push(place, cell);
            fits.map_err(|_| refuse(format!("has {value} as {:?}, which is not {}", feature.name, word(kind))))?;
        }
    }
    builder.finish().map_err(|wrong| error(&wrong))
}

fn word(kind: train::Kind) -> &'static str {
    match kind {
        train::Kind::Numeric => "a number",
        train::Kind::Boolean => "true or false",
        train::Kind::Category => "a text",
    }
}
