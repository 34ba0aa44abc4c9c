//! Asking a person, in the words of both eras.

use std::{collections::BTreeMap, time::Duration};

use rmcp::{
    Peer, RoleServer,
    model::{
        ClientCapabilities, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
        InputRequest, InputRequiredResult, InputResponses, ProtocolVersion,
    },
};
use serde_json::json;
use trainyard_contract::{Error, Result};
use trainyard_dispatch::Question;

use crate::render;

/// Name of the one question among the inputs that a result asks for.
const KEY: &str = "confirm";
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

pub(crate) fn reach(version: Option<&ProtocolVersion>, capabilities: Option<&ClientCapabilities>) -> Reach {
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

/// What the repeated call brings along. `Ok(None)` when the answer is missing and has to be asked for again.
pub(crate) fn in_responses(responses: Option<&InputResponses>) -> Option<Result<()>> {
    let answer = responses?.get(KEY)?;
    Some(match serde_json::from_value::<ElicitResult>(answer.clone()) {
        Ok(answer) => agreed(&answer),
        Err(error) => Err(Error::validation(format!("the answer to the question is malformed: {error}"))),
    })
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
