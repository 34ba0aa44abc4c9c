//! `trainyard dataset|train|model|jobs`: short words for the tools of the ML platform, which are called through the same door.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use trainyard_contract::{Error, Result};
use trainyard_dispatch::Dispatch;
use trainyard_ml::picture::Drawing;
use trainyard_tools::App;

use super::{call, pictures};
use crate::{args::VerbArguments, config::Config, output};

/// A word, the tool that it stands for, and the parameters that words after it are for.
struct Verb {
    noun: &'static str,
    word: &'static str,
    tool: &'static str,
    places: &'static [&'static str],
    about: &'static str,
}

const fn verb(
    noun: &'static str,
    word: &'static str,
    tool: &'static str,
    places: &'static [&'static str],
    about: &'static str,
) -> Verb {
    Verb { noun, word, tool, places, about }
}

const VERBS: &[Verb] = &[
    verb("dataset", "list", "dataset_list", &[], "what is registered"),
    verb("dataset", "stored", "dataset_list_stored", &["prefix"], "what lies in the data bucket"),
    verb("dataset", "add", "dataset_upload", &["file_path", "dataset_id"], "register a file"),
    verb("dataset", "show", "dataset_get", &["dataset_id"], "columns and findings"),
    verb("dataset", "profile", "dataset_get_profile", &["dataset_id"], "each column in figures"),
    verb("dataset", "preview", "dataset_preview", &["dataset_id", "rows"], "the first rows"),
    verb("dataset", "verify", "dataset_verify", &["dataset_id"], "whether it is still what was registered"),
    verb("dataset", "download", "dataset_download", &["dataset_id", "file_path"], "write it to a file"),
    verb("dataset", "delete", "dataset_delete", &["dataset_id", "version"], "delete a version"),
    verb("train", "plan", "training_plan", &["dataset_id", "target"], "where it would run, and what it would need"),
    verb("train", "start", "training_start", &["dataset_id", "target"], "learn, and follow it to its end"),
    verb("model", "list", "model_list", &[], "what there is"),
    verb("model", "show", "model_get", &["model_id", "version"], "quality, and where it came from"),
    verb("model", "versions", "model_list_versions", &["model_id"], "its versions"),
    verb("model", "compare", "model_compare", &["model_id", "version", "with"], "two versions"),
    verb("model", "predict", "model_predict", &["model_id", "file_path", "output_path"], "predict the rows of a file"),
    verb("model", "alias", "model_set_alias", &["model_id", "alias", "version"], "put a version to use"),
    verb("model", "download", "model_download", &["model_id", "folder"], "write its files to a folder"),
    verb("model", "push", "model_push", &["model_id", "version"], "store it in the models bucket"),
    verb("model", "archive", "model_archive", &["model_id", "version"], "take it out of use"),
    verb("model", "delete", "model_delete", &["model_id", "version"], "delete a version"),
    verb("jobs", "list", "training_list", &[], "trainings, the newest first"),
    verb("jobs", "show", "training_get", &["job_id"], "one of them"),
    verb("jobs", "wait", "training_get", &["job_id"], "follow it to its end"),
    verb("jobs", "history", "training_get_history", &["job_id"], "what happened to it"),
    verb("jobs", "logs", "training_get_logs", &["job_id"], "what its worker said"),
    verb("jobs", "cancel", "training_cancel", &["job_id"], "end it"),
    verb("jobs", "resume", "training_resume", &["job_id"], "start it again"),
];

/// Parameters that name files or folders of this machine.
const PATHS: [&str; 3] = ["file_path", "output_path", "folder"];
/// Longest that one call may take here: who types it can end it.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long one question about a job waits for its end.
const WAIT: u32 = 20;

pub(crate) async fn run(config: &Config, noun: &str, arguments: VerbArguments) -> Result<ExitCode> {
    let Some(word) = &arguments.verb else {
        output::text(&listed(noun))?;
        return Ok(ExitCode::SUCCESS);
    };
    let (verb, words) = match (VERBS.iter().find(|verb| verb.noun == noun && verb.word == word), noun) {
        (Some(verb), _) => (verb, arguments.words.clone()),
        // `trainyard train wine quality` is the usual thing.
        (None, "train") => {
            let words = std::iter::once(word).chain(&arguments.words).cloned().collect();
            (VERBS.iter().find(|verb| verb.tool == "training_start").ok_or_else(|| Error::internal("no verb"))?, words)
        }
        (None, _) => {
            let words: Vec<_> = VERBS.iter().filter(|verb| verb.noun == noun).map(|verb| verb.word).collect();
            return Err(Error::validation(format!("there is no \"{noun} {word}\""))
                .hint(format!("there are {}", words.join(", "))));
        }
    };
    let mut config = config.clone();
    config.call_timeout = config.call_timeout.max(PATIENCE);
    // What is offered to clients by default has nothing to do with what a person asks for by name.
    (config.selection.toolsets, config.selection.tools) = (vec!["ml".to_owned()], Vec::new());
    let given = given(&mut config, verb, words)?;
    let dispatch = super::dispatch(&config, super::terminal::codes())?;
    let given = call::pairs(&given, &call::forms(&dispatch, verb.tool))?;
    // Who asks for pictures gets them as files.
    let draws = output::is_for_people(arguments.json) && !given.contains_key("pictures");
    let done = match (verb.noun, verb.word) {
        ("train", "start") if !arguments.detach => {
            match call::settled(&dispatch, verb.tool, given, arguments.yes).await? {
                Ok(done) => followed(&dispatch, &done.value["job_id"]).await?,
                failed => failed,
            }
        }
        ("jobs", "wait") => followed(&dispatch, given.get("job_id").unwrap_or(&Value::Null)).await?,
        _ => call::settled(&dispatch, verb.tool, given, arguments.yes).await?,
    };
    let plots = match &done {
        Ok(done) if draws => drawn(&dispatch, &done.value).await?,
        _ => String::new(),
    };
    let done = done.map(|mut done| {
        if output::is_for_people(arguments.json) {
            in_columns(&mut done.value);
        }
        done
    });
    let ended = call::shown(&config, &dispatch, verb.tool, done, arguments.json)?;
    output::text(&plots)?;
    Ok(ended)
}

/// Rows of a preview are lines of JSON between marks that tell a model who wrote them. A person is shown a table.
fn in_columns(answer: &mut Value) {
    let Some(text) = answer["rows"].as_str() else { return };
    let between = text.split_once(": ").and_then(|(_, rest)| rest.rsplit_once(" :")).map_or("", |(between, _)| between);
    let lines = serde_json::Deserializer::from_str(between).into_iter::<Vec<Value>>();
    let Ok(rows) = lines.collect::<serde_json::Result<Vec<_>>>() else { return };
    if let Some(members) = answer.as_object_mut() {
        members.insert("rows".to_owned(), json!(rows));
        members.remove("marker");
    }
}

/// What the model of an answer looks like: of one that is shown, or of the job that made it.
async fn drawn(dispatch: &Arc<Dispatch<App>>, about: &Value) -> Result<String> {
    let shown = &about["version"];
    let (model, version) = match (shown["version"].as_u64(), about["model_version"].as_u64()) {
        (Some(version), _) => (&shown["model_id"], version),
        (None, Some(version)) => (&about["model_id"], version),
        (None, None) => return Ok(String::new()),
    };
    let question = json!({
        "model_id": model, "version": version.to_string(), "pictures": Drawing::ALL.map(Drawing::as_str)
    });
    let question = question.as_object().cloned().unwrap_or_default();
    // A model that cannot be drawn is shown all the same.
    let Ok(found) = call::settled(dispatch, "model_get", question, false).await? else { return Ok(String::new()) };
    Ok(pictures::plots(&found.pictures))
}

/// The words as KEY=VALUE: those without a key are for the verb's places, in their order. Files that are named here may be
/// touched: whoever types their names is the operator.
fn given(config: &mut Config, verb: &Verb, words: Vec<String>) -> Result<Vec<String>> {
    let mut places = verb.places.iter();
    let mut given = Vec::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => match places.next() {
                Some(name) => ((*name).to_owned(), word),
                None => {
                    return Err(Error::validation(format!("nothing is known about {word:?}")).hint(format!(
                        "trainyard {} {} {} [KEY=VALUE …]",
                        verb.noun,
                        verb.word,
                        verb.places.join(" ").to_uppercase()
                    )));
                }
            },
        };
        if PATHS.contains(&name.as_str()) {
            let path = std::path::absolute(&value).map_err(|error| Error::validation(format!("{value}: {error}")))?;
            // A folder that is still to be made lies below one that is there.
            let there = path.ancestors().skip(1).find(|folder| folder.is_dir()).map(PathBuf::from);
            config.local_paths.extend(there);
            given.push(format!("{name}={}", path.display()));
        } else {
            given.push(format!("{name}={value}"));
        }
    }
    Ok(given)
}

/// Asks about a job until it has ended. Whoever ends this leaves the job as it is.
async fn followed(dispatch: &Arc<Dispatch<App>>, job: &Value) -> Result<call::Settled> {
    loop {
        let question: Map<String, Value> =
            [("job_id".to_owned(), job.clone()), ("wait_seconds".to_owned(), json!(WAIT))].into_iter().collect();
        match call::settled(dispatch, "training_get", question, false).await? {
            Ok(done) if done.value["ended"] != true => {}
            ended => return Ok(ended),
        }
    }
}

/// The words of a noun, for its help: lines short enough not to be broken.
pub(crate) fn help(noun: &str) -> String {
    let verbs: Vec<_> = VERBS.iter().filter(|verb| verb.noun == noun).collect();
    let form = |verb: &Verb| format!("{} {}", verb.word, verb.places.join(" ").to_uppercase());
    let width = verbs.iter().map(|verb| form(verb).len()).max().unwrap_or(0);
    let line = |verb: &&Verb| format!("  {:<width$}  {}\n", form(verb), verb.about);
    let lines: String = verbs.iter().map(line).collect();
    format!("Verbs:\n{lines}\nWhat else a verb takes as KEY=VALUE: trainyard {noun}, then trainyard tools TOOL")
}

/// The words of a noun.
fn listed(noun: &str) -> String {
    let rows = VERBS.iter().filter(|verb| verb.noun == noun).map(|verb| {
        let places = verb.places.join(" ").to_uppercase();
        vec![
            format!("trainyard {noun} {} {places}", verb.word).trim_end().to_owned(),
            verb.about.to_owned(),
            verb.tool.to_owned(),
        ]
    });
    let table = output::table(&["command", "for", "tool"].map(str::to_owned), rows.collect());
    format!("{table}\nFurther parameters of the tool as KEY=VALUE: trainyard tools TOOL shows them.\n")
}
