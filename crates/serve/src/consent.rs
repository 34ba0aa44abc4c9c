//! Asking a person, in the words of both eras.

use std::{collections::BTreeMap, time::Duration};

use rmcp::{
    Peer, RoleServer,
    model::{
        ClientCapabilities, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
        InputRequest, InputRequiredResult, InputResponses, ProtocolVersion,
    },
    service::RequestContext,
};
use serde_json::json;
use trainyard_contract::{Error, Result};
use trainyard_dispatch::Question;

use crate::render;

/// Name of the one question among the inputs that a result asks for.
const KEY: &str = "confirm";
/// Name of a question for a word.
const WORD: &str = "word";
/// Longest word that is taken, in bytes.
const LONGEST_WORD: usize = 64;
/// A plan is good for ten minutes; nobody waits longer for an answer to it.
const PATIENCE: Duration = Duration::from_mins(10);

/// How the person behind a client can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Not at all.
    None,
    /// By a request of ours while the call waits (2025-06-18 to 2025-11-25).
    Request,
    /// By an answer that asks for input (2026-07-28).
    Answer,
}

/// What matters of the client that made a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub(crate) reach: Reach,
    /// It knows tasks.
    pub(crate) tasks: bool,
}

impl Client {
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Self {
        // What stands in the message goes before what was said when the session was opened.
        let (version, capabilities) = (context.meta.protocol_version(), context.meta.client_capabilities());
        let peer = context.peer.peer_info();
        let version = version.as_ref().or_else(|| Some(&peer.as_ref()?.protocol_version));
        let capabilities = capabilities.as_ref().or_else(|| Some(&peer.as_ref()?.capabilities));
        Self {
            reach: reach(version, capabilities),
            tasks: capabilities.is_some_and(ClientCapabilities::supports_tasks),
        }
    }
}

fn reach(version: Option<&ProtocolVersion>, capabilities: Option<&ClientCapabilities>) -> Reach {
    let form = capabilities
        .and_then(|capabilities| capabilities.elicitation.as_ref())
        // An empty capability means forms.
        .is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none());
    match version {
        Some(version) if form && version.as_str() >= ProtocolVersion::V_2026_07_28.as_str() => Reach::Answer,
        _ if form => Reach::Request,
        _ => Reach::None,
    }
}

/// The question as a form with one box.
fn form(question: &Question) -> Result<ElicitRequestParams> {
    let schema = json!({
        "type": "object",
        "properties": {
            "confirm": { "type": "boolean", "title": "Do it", "description": "Tick to let this call run" }
        },
        "required": ["confirm"]
    });
    let serde_json::Value::Object(schema) = schema else { unreachable!("an object is written above") };
    let requested_schema =
        ElicitationSchema::from_json_schema(schema).map_err(|error| Error::internal(error.to_string()))?;
    Ok(ElicitRequestParams::FormElicitationParams { meta: None, message: render::question(question), requested_schema })
}

/// The question as an answer. The handle is the request state: 128 random bits that only this process can look up,
/// good once, for this call, for ten minutes.
pub(crate) fn as_answer(question: &Question) -> Result<InputRequiredResult> {
    let request = InputRequest::Elicitation(ElicitRequest::new(form(question)?));
    Ok(InputRequiredResult::new(Some(BTreeMap::from([(KEY.to_owned(), request)])), Some(question.handle.clone())))
}

/// Asks by a request and waits for the person. `Ok` when they agreed.
pub(crate) async fn by_request(peer: &Peer<RoleServer>, question: &Question) -> Result<()> {
    let answer = peer.create_elicitation_with_timeout(form(question)?, Some(PATIENCE)).await;
    match answer {
        Ok(answer) => agreed(&answer),
        Err(error) => Err(refused("could not be asked").hint(format!("the client answered: {error}"))),
    }
}

/// What the repeated call brings along. `None` when the answer is missing and has to be asked for again.
pub(crate) fn in_responses(responses: &InputResponses) -> Option<Result<()>> {
    let answer = responses.get(KEY)?;
    Some(match serde_json::from_value::<ElicitResult>(answer.clone()) {
        Ok(answer) => agreed(&answer),
        Err(error) => Err(Error::validation(format!("the answer to the question is malformed: {error}"))),
    })
}

/// A form with one line for a word. Nothing that stays good is asked for in this way: a form is no place for passwords, and
/// the code of a device is good once, for half a minute.
fn line(question: &str) -> Result<ElicitRequestParams> {
    let schema = json!({
        "type": "object",
        "properties": { WORD: { "type": "string", "title": "Answer", "maxLength": LONGEST_WORD } },
        "required": [WORD]
    });
    let serde_json::Value::Object(schema) = schema else { unreachable!("an object is written above") };
    let requested_schema =
        ElicitationSchema::from_json_schema(schema).map_err(|error| Error::internal(error.to_string()))?;
    Ok(ElicitRequestParams::FormElicitationParams { meta: None, message: question.to_owned(), requested_schema })
}

/// A question for a word as an answer. It needs no state: the call that is repeated says everything again.
pub(crate) fn word_as_answer(question: &str) -> Option<InputRequiredResult> {
    let request = InputRequest::Elicitation(ElicitRequest::new(line(question).ok()?));
    Some(InputRequiredResult::new(Some(BTreeMap::from([(WORD.to_owned(), request)])), None))
}

/// Asks for a word by a request and waits for the person.
pub(crate) async fn word_by_request(peer: &Peer<RoleServer>, question: &str) -> Option<String> {
    let answer = peer.create_elicitation_with_timeout(line(question).ok()?, Some(PATIENCE)).await;
    said(&answer.ok()?)
}

/// The word that a repeated call brings along.
pub(crate) fn word_in(responses: &InputResponses) -> Option<String> {
    said(&serde_json::from_value(responses.get(WORD)?.clone()).ok()?)
}

/// Whether a repeated call answers a question for a word, be it with one or without.
pub(crate) fn was_asked(responses: &InputResponses) -> bool {
    responses.contains_key(WORD)
}

fn said(answer: &ElicitResult) -> Option<String> {
    let accepted = matches!(answer.action, ElicitationAction::Accept);
    let word = answer.content.as_ref().filter(|_| accepted)?[WORD].as_str()?;
    Some(word.to_owned()).filter(|word| !word.is_empty() && word.len() <= LONGEST_WORD)
}

/// Only a ticked box is a yes.
fn agreed(answer: &ElicitResult) -> Result<()> {
    let ticked = answer.content.as_ref().is_some_and(|content| content["confirm"] == json!(true));
    match answer.action {
        ElicitationAction::Accept if ticked => Ok(()),
        ElicitationAction::Cancel => Err(refused("closed the question without an answer")),
        _ => Err(refused("did not agree")),
    }
}

fn refused(how: &str) -> Error {
    Error::policy_denied(format!("the user {how}; nothing was changed")).code("Declined")
}
