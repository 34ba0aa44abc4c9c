//! Whether the platform works here, and a proof that it does.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_contract::{Changes, Error, Json, Preview, Reads, Result, Target, Tool, ToolDef};
use trainyard_ml::{
    dataset::Watch,
    datasets::{Datasets, Keeping, Registration},
    job::{Limits, local::Local, process, queue},
    model::{files, registry, registry::Which},
    store::{self, elsewhere},
    training::{self, Outcome, Preset, Request, Rows, Spec},
};

use super::{cloud::Cloud, target};
use crate::{App, Cx};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<Check>().formerly(&["test_aws_mcp_connection"]),
    ToolDef::changes::<SelfTest>().formerly(&["test_ml_platform_aws_integration"]),
];

/// Check whether training works here: store, disk, memory, workers, files, buckets
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Check {}

#[derive(Debug, Serialize, JsonSchema)]
struct Checked {
    ok: bool,
    checks: Vec<Finding>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Finding {
    check: &'static str,
    /// ok, missing, failed or skipped.
    status: &'static str,
    about: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, about: impl Into<String>) -> Self {
        Self { check, status: "ok", about: about.into(), fix: None }
    }

    fn not(check: &'static str, status: &'static str, about: impl Into<String>, fix: &str) -> Self {
        Self { check, status, about: about.into(), fix: Some(fix.to_owned()) }
    }

    fn failed(check: &'static str, error: &Error) -> Self {
        Self { check, status: "failed", about: error.message().to_owned(), fix: error.hint_str().map(str::to_owned) }
    }
}

impl Tool<App> for Check {
    const NAME: &'static str = "ml_check";
    const EXAMPLE: &'static str = "{}";
    type Access = Reads;
    type Output = Json<Checked>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Checked>> {
        let mut checks = match cx.workers() {
            Ok(workers) => elsewhere(move || Ok(machine(&workers))).await?,
            Err(error) => vec![Finding::failed("state folder", &error)],
        };
        checks.push(if cx.local_paths().is_empty() {
            Finding::not("files", "missing", "no folder is allowed", "start it with --local-paths FOLDER")
        } else {
            Finding::ok("files", "files below the allowed folders can be registered")
        });
        for (check, bucket) in [("data bucket", &cx.buckets().data), ("models bucket", &cx.buckets().models)] {
            checks.push(match bucket {
                None => Finding {
                    check,
                    status: "skipped",
                    about: "none is configured; all is kept here".into(),
                    fix: None,
                },
                // Whether it can be written, too, shows with the first upload.
                Some(bucket) => match Cloud::new(cx.aws(None, None)).probe(bucket).await {
                    Ok(()) => Finding::ok(check, format!("{bucket} is there and can be read")),
                    Err(error) => Finding::failed(check, &error),
                },
            });
        }
        let ok = checks.iter().all(|finding| matches!(finding.status, "ok" | "skipped"));
        Ok(Json(Checked { ok, checks }))
    }
}

fn machine(workers: &Local) -> Vec<Finding> {
    let mut checks = Vec::new();
    let path = workers.database().path().display().to_string();
    checks.push(match workers.look() {
        Ok(open) => Finding::ok("store", format!("{path}; {open} jobs have not ended")),
        Err(error) => Finding::failed("store", &error),
    });
    checks.push(match process::disk_free(workers.state()) {
        Some(free) if free < 256 << 20 => {
            Finding::not("disk", "failed", format!("{} MiB are free", free >> 20), "free some space")
        }
        Some(free) => Finding::ok("disk", format!("{} MiB are free", free >> 20)),
        None => Finding { check: "disk", status: "skipped", about: "the system does not say".into(), fix: None },
    });
    if process::is_network_disk(workers.state()) {
        let about = "the state folder is on a network disk, where several processes cannot share a database safely";
        checks.push(Finding::not("disk kind", "failed", about, "choose a --state-dir on a local disk"));
    }
    checks.push(match process::memory_available() {
        Some(free) => Finding::ok("memory", format!("{} MiB are available", free >> 20)),
        None => Finding { check: "memory", status: "skipped", about: "the system does not say".into(), fix: None },
    });
    checks.push(if workers.launches() {
        Finding::ok("workers", format!("at most {} at once", workers.most()))
    } else {
        Finding::not("workers", "missing", "this server only reads and starts none", "start it with --allow-write")
    });
    checks
}

/// Prove that training works here: train on a small table, check what it predicts, take it all away
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SelfTest {}

#[derive(Debug, Serialize, JsonSchema)]
struct Proved {
    ok: bool,
    steps: Vec<Step>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Step {
    step: &'static str,
    about: String,
    milliseconds: u64,
}

/// Longest that a training of the small table is waited for: clients give up at 60 seconds.
const PATIENCE: Duration = Duration::from_secs(40);

impl Tool<App> for SelfTest {
    const NAME: &'static str = "ml_selftest";
    const EXAMPLE: &'static str = "{}";
    type Access = Changes;
    type Output = Json<Proved>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Proved>> {
        let workers = cx.workers()?;
        elsewhere(move || {
            let mut test = Test::new(&workers)?;
            let done = test.run();
            // Whatever came of it, nothing stays.
            let cleared = test.clear();
            done?;
            cleared?;
            Ok(Json(Proved { ok: true, steps: test.steps }))
        })
        .await
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct WouldDo {
    rows: usize,
    /// Name of the dataset and of the model, which are deleted again.
    name: String,
}

impl Preview<App> for SelfTest {
    type Plan = WouldDo;

    fn target(&self) -> Target {
        target("platform", "self-test")
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<WouldDo> {
        cx.workers()?;
        Ok(WouldDo { rows: ROWS, name: "selftest-…".to_owned() })
    }
}

const ROWS: usize = 200;

/// A table in which `label` is "high" exactly where `x` is above 50; `y` says nothing.
fn small_table() -> String {
    let row = |row: usize| {
        let x = row * 37 % 101;
        format!("{x},{},{}\n", row * 13 % 7, if x > 50 { "high" } else { "low" })
    };
    std::iter::once("x,y,label\n".to_owned()).chain((0..ROWS).map(row)).collect()
}

struct Test<'a> {
    workers: &'a Local,
    datasets: Datasets,
    name: String,
    folder: std::path::PathBuf,
    version: Option<u32>,
    since: Instant,
    steps: Vec<Step>,
}

impl<'a> Test<'a> {
    fn new(workers: &'a Local) -> Result<Self> {
        let name = trainyard_ml::id::new("selftest")?;
        let folder = store::folder(workers.state()).join("selftest").join(&name);
        store::make_folder(&folder)?;
        let datasets = Datasets::new(workers.database().clone(), workers.state());
        Ok(Self { workers, datasets, name, folder, version: None, since: Instant::now(), steps: Vec::new() })
    }

    fn did(&mut self, step: &'static str, about: impl Into<String>) {
        let milliseconds = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.steps.push(Step { step, about: about.into(), milliseconds });
        self.since = Instant::now();
    }

    fn run(&mut self) -> Result<()> {
        let path = self.folder.join("table.csv");
        std::fs::write(&path, small_table()).map_err(|error| store::file_error(&error, &path))?;
        let new = Registration { path, id: Some(self.name.clone()), keeping: Keeping::Copy, ..Registration::default() };
        let dataset = self.datasets.register(&new, &Watch::default())?.dataset;
        self.did("register", format!("{} rows, {} columns", dataset.rows, dataset.profile.columns.len()));
        let limits = Limits { time: 60_000, memory: 1 << 30, threads: 1, attempts: 2 };
        let spec = Spec { target: Some("label".to_owned()), preset: Preset::Fast, ..Spec::default() };
        let request = Request { token: None, model: Some(self.name.clone()), spec, limits };
        let job = training::job(&dataset, &request)?;
        let (job, _) = self.workers.database().write_here(|transaction| queue::submit(transaction, &job))?;
        let job = self.end_of(&job.id)?;
        let Some(made) = &job.made else {
            let why = job.error.map_or_else(|| job.state.to_string(), |error| error.message);
            return Err(Error::internal(format!("the training did not work: {why}")).code("SelfTest"));
        };
        self.version = Some(made.version);
        self.did("train", format!("{} in attempt {}", job.id, job.attempt));
        let which = Which::Number(made.version);
        let version =
            self.workers.database().read_here(|transaction| registry::get(transaction, &self.name, &which))?;
        files::verify(&version)?;
        let rows = Rows::Objects(vec![serde_json::json!({ "x": 90, "y": 3 }), serde_json::json!({ "x": 5, "y": 3 })]);
        let predicted = training::predict(&training::load(&version)?, &rows, &Watch::default())?;
        let classes = (predicted.class(0), predicted.class(1));
        if !matches!(predicted.outcome, Outcome::Classes { .. }) || classes != (Some("high"), Some("low")) {
            return Err(Error::internal(format!("the model predicted {classes:?}, not high and low")).code("SelfTest"));
        }
        self.did("predict", "high for x = 90, low for x = 5");
        Ok(())
    }

    fn end_of(&self, id: &str) -> Result<trainyard_ml::job::Job> {
        let begun = Instant::now();
        loop {
            self.workers.look()?;
            let job = self.workers.database().read_here(|transaction| queue::get(transaction, id))?;
            if job.state.has_ended() {
                return Ok(job);
            }
            if begun.elapsed() > PATIENCE {
                self.workers.database().write_here(|transaction| queue::cancel(transaction, id))?;
                self.workers.keep_looking();
                return Err(Error::internal(format!("the training was {} for {} s", job.state, PATIENCE.as_secs()))
                    .code("SelfTest")
                    .hint("other jobs may be before it: training_list"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn clear(&mut self) -> Result<()> {
        if let Some(version) = self.version {
            let name = &self.name;
            let gone =
                self.workers.database().write_here(|transaction| registry::delete(transaction, name, version))?;
            files::remove(&gone)?;
        }
        drop(std::fs::remove_dir_all(&self.folder));
        match self.datasets.delete(&self.name, None) {
            Err(error) if error.kind() != trainyard_contract::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.did("clear", "dataset and model are deleted");
        Ok(())
    }
}
