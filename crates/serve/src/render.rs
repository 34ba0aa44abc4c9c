//! Outcomes as the protocol's results. Text and structure carry the same facts: which of the two a model sees depends
//! on the client.

use base64::{Engine, engine::general_purpose::STANDARD};
use rmcp::model::{CallToolResult, ContentBlock, Resource};
use serde_json::{Value, json};
use trainyard_contract::{Envelope, Error, Picture};
use trainyard_dispatch::{Done, Question, RESULTS};

/// The answer of a call that ran.
pub(crate) fn done(mut done: Done) -> CallToolResult {
    if let (Some(members), false) = (done.value.as_object_mut(), done.pictures.is_empty()) {
        // Who cannot look at pictures learns at least what they show.
        let shown: Value = done.pictures.iter().map(|picture| picture.alt.as_str()).collect();
        members.insert("pictures".into(), shown);
    }
    let whole = done.value.get("whole").and_then(Value::as_str).filter(|whole| whole.starts_with(RESULTS));
    let whole = whole.map(|address| {
        let about = "The whole answer, in pages, for ten minutes";
        Resource::new(address, "whole answer").with_description(about).with_mime_type("application/json")
    });
    let mut answer = match done.envelope {
        Envelope::Plain => {
            let text = done.value.to_string();
            let mut result = result(text, done.value, false);
            if let Some(summary) = done.summary {
                result.content.insert(0, ContentBlock::text(summary));
            }
            result
        }
        Envelope::Result => {
            // There the text is the inner object, and clients look for its `isError`.
            let structure = under_result(done.value, None);
            result(structure["result"].to_string(), structure, false)
        }
    };
    answer.content.extend(done.pictures.iter().map(image));
    answer.content.extend(whole.map(ContentBlock::resource_link));
    answer
}

fn image(picture: &Picture) -> ContentBlock {
    ContentBlock::image(STANDARD.encode(&picture.png), "image/png")
}

/// An answer that no tool gave.
pub(crate) fn answer(value: Value) -> CallToolResult {
    let text = value.to_string();
    result(text, value, false)
}

/// A call that was refused or failed.
pub(crate) fn failed(error: &Error, envelope: Envelope) -> CallToolResult {
    let facts = json!(error);
    let mut text = format!("{}: {error}", error.kind());
    if let Some(id) = error.request_id_str() {
        text.push_str(&format!(" [request id {id}]"));
    }
    let mut structure = json!({ "error": facts });
    if envelope == Envelope::Result {
        let wrapped = under_result(json!({}), Some(&text));
        structure["result"] = wrapped["result"].clone();
    }
    result(text, structure, true)
}

/// A call that a person has to agree to, on a road where no person can be asked.
pub(crate) fn unasked(question: &Question) -> CallToolResult {
    let error = Error::policy_denied(format!(
        "{} {}: the user has to agree to this plan first",
        question.tool,
        effect(question)
    ))
    .code("ConfirmationRequired")
    .hint(match &question.approve {
        Some(command) => format!(
            "show the plan to the user; if they agree, they run `{command}` in a terminal of their own; then repeat the \
             call with \"confirm\": {:?} within ten minutes",
            question.handle
        ),
        None => "this client cannot ask the user, and the server has no state folder in which an operator could agree: \
                 start it with --state-dir"
            .to_owned(),
    });
    let structure = json!({
        "error": error,
        "effect": question.effect,
        "target": question.target,
        "plan": question.plan,
        "confirm": question.handle,
    });
    result(structure.to_string(), structure, true)
}

/// What a person is asked. Built from the plan alone; whatever others wrote stands in it as quoted JSON.
pub(crate) fn question(question: &Question) -> String {
    let mut text = format!("{} {}.", question.tool, effect(question));
    if let Some(target) = &question.target {
        text.push_str(&format!("\nTarget: {} {}", target.kind, json!(target.ids)));
        for (name, value) in [("region", &target.region), ("profile", &target.profile)] {
            if let Some(value) = value {
                text.push_str(&format!(", {name} {value:?}"));
            }
        }
    }
    text.push_str(&format!("\nPlan: {}", shortened(&question.plan)));
    text
}

fn effect(question: &Question) -> &'static str {
    match question.effect {
        trainyard_contract::Effect::Destroys => "would destroy something for good",
        _ => "would change something",
    }
}

/// As much of the plan as a dialogue can show.
fn shortened(plan: &Value) -> String {
    const MOST: usize = 1500;
    let text = plan.to_string();
    if text.chars().count() <= MOST {
        return text;
    }
    let start: String = text.chars().take(MOST).collect();
    format!("{start}… (shortened)")
}

fn under_result(value: Value, failure: Option<&str>) -> Value {
    let text = failure.unwrap_or("done");
    let mut inner = json!({
        "isError": failure.is_some(),
        "content": [{ "type": "text", "text": text }],
    });
    if let (Some(inner), Value::Object(value)) = (inner.as_object_mut(), value) {
        inner.extend(value);
    }
    json!({ "result": inner })
}

fn result(text: String, structure: Value, failed: bool) -> CallToolResult {
    let content = vec![ContentBlock::text(text)];
    let mut result = if failed { CallToolResult::error(content) } else { CallToolResult::success(content) };
    result.structured_content = Some(structure);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_stands_beside_the_facts_and_is_told_of_in_them() {
        let picture = Picture { png: vec![0x89, b'P', b'N', b'G'], alt: "utilization of one card".into(), plot: None };
        for envelope in [Envelope::Plain, Envelope::Result] {
            let answer =
                done(Done { value: json!({ "points": 3 }), summary: None, pictures: vec![picture.clone()], envelope });
            let sent = json!(answer);
            assert_eq!(sent["content"][1], json!({ "type": "image", "data": "iVBORw==", "mimeType": "image/png" }));
            let text = sent["content"][0]["text"].as_str().unwrap();
            assert_eq!(serde_json::from_str::<Value>(text).unwrap()["pictures"], json!(["utilization of one card"]));
        }
        let plain = done(Done { value: json!({}), summary: None, pictures: Vec::new(), envelope: Envelope::Plain });
        assert_eq!(json!(plain)["structuredContent"], json!({}));
    }
}
