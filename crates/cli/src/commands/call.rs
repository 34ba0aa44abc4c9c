//! `trainyard call`: one call, through the same door as an assistant's.

use std::{
    collections::{HashMap, HashSet},
    io::{IsTerminal, Read, Write},
    process::ExitCode,
    sync::Arc,
};

use serde_json::{Map, Value};
use trainyard_contract::{Error, Progress, Result, Unheard};
use trainyard_dispatch::{Caller, Dispatch, Done, Outcome, Question, Request};
use trainyard_tools::App;

use super::pictures;
use crate::{args::CallArguments, config::Config, exit, output};

pub(crate) async fn run(config: &Config, arguments: CallArguments) -> Result<ExitCode> {
    let dispatch = super::dispatch(config, super::terminal::codes())?;
    let given = arguments_of(&arguments, &forms(&dispatch, &arguments.tool))?;
    let settled = settled(&dispatch, &arguments.tool, given, arguments.yes).await?;
    shown(config, &dispatch, &arguments.tool, settled, arguments.json)
}

/// What came of a call.
pub(super) type Settled = std::result::Result<Done, Error>;

/// Calls, and asks whoever sits there where that is wanted.
pub(super) async fn settled(
    dispatch: &Arc<Dispatch<App>>,
    tool: &str,
    given: Map<String, Value>,
    yes: bool,
) -> Result<Settled> {
    let request = |agreed: Option<String>| Request {
        tool: tool.to_owned(),
        arguments: given.clone(),
        caller: Caller { door: "shell", ..Caller::default() },
        person: true,
        agreed,
        progress: progress(),
    };
    let mut outcome = dispatch.call(request(None)).await;
    if let Outcome::Ask(question) = outcome {
        agree(&question, yes)?;
        outcome = dispatch.call(request(Some(question.handle))).await;
    }
    match outcome {
        Outcome::Done(done) => Ok(Ok(done)),
        Outcome::Failed(error, _) => Ok(Err(error)),
        Outcome::Ask(_) => Err(Error::internal("a plan that was agreed to was asked about again")),
    }
}

/// Prints what came of a call.
pub(super) fn shown(
    config: &Config,
    dispatch: &Dispatch<App>,
    tool: &str,
    settled: Settled,
    json: bool,
) -> Result<ExitCode> {
    match settled {
        Ok(done) => {
            let plots = if output::is_for_people(json) { pictures::plots(&done.pictures) } else { String::new() };
            let value = pictures::shown(config, listed_name(dispatch, tool), done)?;
            output::answer(&value, json)?;
            output::text(&plots)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // At the shell the caller is the operator, and there is no server to start again.
            let error = if error.code_str() == "Refused" {
                error.hint("repeat the command with that flag if you mean it")
            } else {
                error
            };
            if json {
                output::text(&format!("{:#}\n", serde_json::json!({ "error": error })))?;
            }
            Ok(exit::failed(&error))
        }
    }
}

/// All arguments: the JSON object first, single ones over it. A name that comes again makes a list.
fn arguments_of(arguments: &CallArguments, forms: &Forms) -> Result<Map<String, Value>> {
    let mut given = match &arguments.args {
        Some(text) => object(&source(text)?)?,
        None => Map::new(),
    };
    let single: Vec<_> = arguments.pairs.iter().chain(&arguments.more).cloned().collect();
    add(&mut given, &single, forms)?;
    Ok(given)
}

/// Arguments that are given one by one.
pub(crate) fn pairs(pairs: &[String], forms: &Forms) -> Result<Map<String, Value>> {
    let mut given = Map::new();
    add(&mut given, pairs, forms)?;
    Ok(given)
}

fn add(given: &mut Map<String, Value>, pairs: &[String], forms: &Forms) -> Result<()> {
    let mut seen = HashSet::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Error::validation(format!("{pair:?} is not KEY=VALUE"))
                .hint("for example states=running, or --args with a JSON object")
        })?;
        let value = value_of(value, forms.get(name).copied());
        if seen.insert(name) {
            given.insert(name.to_owned(), value);
            continue;
        }
        match (given.get_mut(name), value) {
            (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
            _ => return Err(Error::validation(format!("argument {name:?} is given twice"))),
        }
    }
    Ok(())
}

/// The tool's listed name: the one that was typed may be an older one, of any letters.
fn listed_name(dispatch: &Dispatch<App>, tool: &str) -> &'static str {
    dispatch.registry().definition(tool).map_or("call", |tool| tool.name)
}

/// Text is taken as it is: a manifest in JSON, a name of digits. For a list of strings commas separate. For anything else
/// what reads as JSON is JSON.
fn value_of(text: &str, form: Option<Form>) -> Value {
    let json: Option<Value> = serde_json::from_str(text).ok();
    match form {
        Some(Form::Text) => text.into(),
        Some(Form::Words) => json
            .filter(Value::is_array)
            .unwrap_or_else(|| text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()),
        None => json.unwrap_or_else(|| text.into()),
    }
}

/// How a parameter is written at the shell where its schema leaves no choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string, whatever it looks like.
    Text,
    /// A list of strings.
    Words,
}

/// Parameters by name; those of neither form are left out.
pub(crate) type Forms = HashMap<String, Form>;

/// Forms of the tool's parameters.
pub(crate) fn forms(dispatch: &Dispatch<App>, tool: &str) -> Forms {
    let view = dispatch.registry().views().iter().find(|view| view.name == listed_name(dispatch, tool));
    let properties = view.and_then(|view| view.input.get("properties")).and_then(Value::as_object);
    let form = |property: &Value| match property["type"].as_str() {
        Some("string") => Some(Form::Text),
        Some("array") if property["items"]["type"] == "string" => Some(Form::Words),
        _ => None,
    };
    properties.into_iter().flatten().filter_map(|(name, property)| Some((name.clone(), form(property)?))).collect()
}

pub(super) fn source(text: &str) -> Result<String> {
    if text == "-" {
        let mut read = String::new();
        return match std::io::stdin().read_to_string(&mut read) {
            Ok(_) => Ok(read),
            Err(error) => Err(Error::validation(format!("could not read standard input: {error}"))),
        };
    }
    match text.strip_prefix('@') {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| Error::validation(format!("could not read {path}: {error}")))
        }
        None => Ok(text.to_owned()),
    }
}

fn object(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text).map_err(|error| Error::validation(format!("--args is not a JSON object: {error}")))
}

/// Shows the plan and asks. Without a terminal there is nobody to ask.
fn agree(question: &Question, yes: bool) -> Result<()> {
    eprintln!("{} {} something:", question.tool, question.effect);
    if let Some(target) = &question.target {
        eprintln!("  {}: {}", target.kind, target.ids.join(", "));
    }
    for line in output::for_people(&question.plan).lines() {
        eprintln!("  {line}");
    }
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::policy_denied("a person has to agree to this plan, and there is no terminal to ask at")
            .code("ConfirmationRequired")
            .hint("repeat the command with --yes"));
    }
    eprint!("Go on? Type yes: ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    match std::io::stdin().read_line(&mut answer) {
        Ok(_) if answer.trim() == "yes" => Ok(()),
        _ => Err(Error::policy_denied("not agreed; nothing was changed").code("Declined")),
    }
}

/// A line on standard error that is written over, where a person looks at it.
struct Line;

impl Progress for Line {
    fn report(&self, done: u64, total: Option<u64>, message: &str) {
        eprint!("\r\x1b[K");
        match total {
            Some(total) if total > done => eprint!("{} {message}", bar(done, total)),
            Some(_) => {}
            None => eprint!("{done} {message}"),
        }
        let _ = std::io::stderr().flush();
    }
}

/// Width of a bar, in characters.
const BAR: u64 = 30;

/// `[########······················]  27 %`
fn bar(done: u64, total: u64) -> String {
    let share = |of: u64| usize::try_from(u128::from(done) * u128::from(of) / u128::from(total.max(1))).unwrap_or(0);
    let full = share(BAR);
    let rest = usize::try_from(BAR).unwrap_or(0).saturating_sub(full);
    format!("[{}{}] {:3} %", "#".repeat(full), "·".repeat(rest), share(100))
}

fn progress() -> Arc<dyn Progress> {
    if std::io::stderr().is_terminal() { Arc::new(Line) } else { Arc::new(Unheard) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(args: Option<&str>, pairs: &[&str]) -> Result<Map<String, Value>> {
        let arguments = CallArguments {
            tool: "t".into(),
            pairs: pairs.iter().map(ToString::to_string).collect(),
            more: Vec::new(),
            args: args.map(str::to_owned),
            json: false,
            yes: false,
        };
        let forms = Forms::from([("l".to_owned(), Form::Words), ("t".to_owned(), Form::Text)]);
        arguments_of(&arguments, &forms)
    }

    #[test]
    fn pairs_are_json_where_they_read_as_json() {
        let value = given(None, &["a=1", "b=x=y", "c=[\"d\"]", "e=true", "f="]).unwrap();
        assert_eq!(Value::Object(value), json!({ "a": 1, "b": "x=y", "c": ["d"], "e": true, "f": "" }));
        let value = given(None, &["l=a, b", "l=3"]).unwrap();
        assert_eq!(Value::Object(value), json!({ "l": ["a", "b", "3"] }));
        let value = given(None, &[r#"t={"kind": "Pod"}"#]).unwrap();
        assert_eq!(value["t"], r#"{"kind": "Pod"}"#, "text stays text");
    }

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done() {
        assert_eq!(bar(0, 10), format!("[{}]   0 %", "·".repeat(30)));
        assert_eq!(bar(5, 10), format!("[{}{}]  50 %", "#".repeat(15), "·".repeat(15)));
        assert_eq!(bar(u64::MAX / 2, u64::MAX), format!("[{}{}]  49 %", "#".repeat(14), "·".repeat(16)));
        assert!(bar(0, 0).ends_with("0 %"));
    }

    #[test]
    fn a_pair_goes_over_the_object_and_a_slip_is_refused() {
        assert_eq!(given(Some(r#"{"a": 1}"#), &["a=2"]).unwrap()["a"], 2);
        assert!(given(None, &["a=1", "a=2"]).is_err());
        assert!(given(None, &["a"]).is_err());
        assert!(given(Some("[1]"), &[]).is_err());
    }
}
