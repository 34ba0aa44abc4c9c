//! Calling a Lambda function.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trainyard_aws::{Operation, from_base64, to_base64};
use trainyard_contract::{
    CallDef, Changes, Effect, Error, ErrorKind, Impact, Json, Needs, Others, Preview, Reads, Result, Target, Tool,
    ToolDef, Weighed,
};

use crate::{
    App, Cx,
    common::{At, DryRun},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::by_effect(Invoke::NAME, needs, &[CallDef::changes::<Invoke>()])
    .formerly(&["lambda.invoke", "lambda_invoke_function"])];

/// Invoke a Lambda function and wait for its answer, or leave it an event
///
/// Never repeated by itself: a function may not bear that. What takes longer than 25 seconds is an Event, whose result
/// the function puts somewhere or logs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Invoke {
    /// Name or ARN.
    function_name: String,
    /// JSON for the function, as value or as text.
    payload: Option<Value>,
    /// RequestResponse when absent, which shows what the function answers.
    #[serde(default)]
    invocation_type: Kind,
    /// Version or alias; $LATEST when absent.
    qualifier: Option<String>,
    /// Show the last 4 KB of its log.
    #[serde(default)]
    log_tail: bool,
    #[serde(flatten)]
    at: At,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
enum Kind {
    #[default]
    RequestResponse,
    Event,
    DryRun,
}

/// What a function answers is content of others, and the operation is one whichever way it is invoked.
#[expect(clippy::unnecessary_wraps, reason = "the form of what tells the effect of arguments")]
fn needs(_: &Value) -> Result<Needs> {
    Ok(Needs { effect: Effect::Changes, reveals: true, spends: true })
}

impl Invoke {
    fn request(&self) -> Result<InvokeFunction> {
        if self.log_tail && self.invocation_type != Kind::RequestResponse {
            return Err(Error::validation("`log_tail` goes with RequestResponse only")
                .hint("cloudwatch_get_log_events shows logs later"));
        }
        Ok(InvokeFunction {
            function_name: self.function_name.clone(),
            invocation_type: self.invocation_type,
            log_type: if self.log_tail { "Tail" } else { "None" },
            payload: self.payload.as_ref().map(|payload| to_base64(json_text(payload).as_bytes())),
            qualifier: self.qualifier.clone(),
        })
    }
}

/// The payload as JSON. Text that is JSON already is taken as that.
fn json_text(payload: &Value) -> String {
    match payload {
        Value::String(text) if serde_json::from_str::<Value>(text).is_ok() => text.clone(),
        payload => payload.to_string(),
    }
}

impl Tool<App> for Invoke {
    const NAME: &'static str = "lambda_invoke";
    const EXAMPLE: &'static str =
        r#"{"function_name": "ml-train", "payload": {"dataset": "s3://data/train.csv"}, "invocation_type": "Event"}"#;
    type Access = Changes;
    type Output = Json<Invoked>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<Invoked>> {
        let aws = cx.at(&self.at);
        let (reply, region) = aws.send_whole(&self.request()?).await.map_err(|error| {
            if error.kind() == ErrorKind::Timeout {
                return error.hint("it may still be running; invoke long ones with invocation_type Event");
            }
            error
        })?;
        let text = |base64: &Option<String>| {
            let bytes = base64.as_deref().filter(|text| !text.is_empty()).and_then(from_base64)?;
            Some(String::from_utf8_lossy(&bytes).into_owned()).filter(|text| !text.is_empty())
        };
        let (payload, log) = (text(&reply.payload), text(&reply.log_result));
        if let Some(kind) = reply.function_error {
            return Err(failed(&self.function_name, &kind, payload.as_deref(), log.as_deref()));
        }
        let (payload, log_tail) = (payload.map(Others), log.map(Others));
        let executed_version = reply.executed_version;
        Ok(Json(Invoked { region, status_code: reply.status_code, executed_version, payload, log_tail }))
    }
}

impl Preview<App> for Invoke {
    type Plan = Weighed<Plan>;

    fn target(&self) -> Target {
        self.at.target("lambda function", [self.function_name.clone()])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Plan>> {
        self.request()?;
        let verdict = cx.at(&self.at).dry_run_invoke(&self.function_name, self.qualifier.as_deref()).await?;
        let plan = Plan {
            invocation_type: self.invocation_type,
            payload_bytes: self.payload.as_ref().map_or(0, |payload| json_text(payload).len()),
            dry_run: verdict.into(),
        };
        // It is paid for by the call, of 15 minutes at most, and runs on no accelerator.
        Ok(Weighed::new(plan, Impact::NONE))
    }
}

/// The function was called and failed. What it did until then is done.
fn failed(function: &str, kind: &str, payload: Option<&str>, log: Option<&str>) -> Error {
    let said: Value = payload.and_then(|payload| serde_json::from_str(payload).ok()).unwrap_or_default();
    let text = |name: &str| said[name].as_str().map(str::to_owned);
    let why = [text("errorType"), text("errorMessage")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let why = if why.is_empty() { kind.to_owned() } else { why };
    let last = log.and_then(|log| log.lines().rev().find(|line| !line.starts_with("REPORT") && !line.is_empty()));
    let error = Error::new(ErrorKind::Conflict, format!("{function} ran and failed: {why}")).code("FunctionError");
    match last {
        Some(line) => error.hint(format!("its log ends with: {line}")),
        None => error.hint("log_tail shows the end of its log"),
    }
}

/// What would be sent, and whether Lambda would take it.
#[derive(Debug, Serialize, JsonSchema)]
struct Plan {
    invocation_type: Kind,
    payload_bytes: usize,
    dry_run: DryRun,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Invoked {
    region: String,
    /// 200; 202 for an event that was taken; 204 for a dry run.
    status_code: u16,
    /// Version that ran.
    executed_version: Option<String>,
    /// What it answered: JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Others>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_tail: Option<Others>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct InvokeFunction {
    function_name: String,
    invocation_type: Kind,
    log_type: &'static str,
    /// As base64.
    payload: Option<String>,
    qualifier: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct Reply {
    #[serde(default)]
    status_code: u16,
    function_error: Option<String>,
    log_result: Option<String>,
    payload: Option<String>,
    executed_version: Option<String>,
}

impl Operation for InvokeFunction {
    const SERVICE: &'static str = "lambda";
    const ACTION: &'static str = "Invoke";
    type Needs = Changes;
    type Reply = Reply;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<InvokeFunction>();
    }

    #[test]
    fn a_payload_is_json_however_it_is_given() {
        assert_eq!(json_text(&json!({ "a": 1 })), r#"{"a":1}"#);
        assert_eq!(json_text(&json!(r#"{"a": 1}"#)), r#"{"a": 1}"#);
        assert_eq!(json_text(&json!("plain words")), r#""plain words""#);
        assert_eq!(json_text(&json!([1])), "[1]");
    }

    #[test]
    fn a_function_that_failed_is_an_error_with_its_reason() {
        let error = failed("f", "Unhandled", Some(r#"{"errorType": "KeyError", "errorMessage": "'x'"}"#), None);
        assert_eq!((error.code_str(), error.message()), ("FunctionError", "f ran and failed: KeyError: 'x'"));
        let error = failed("f", "Unhandled", Some("not json"), Some("START\nboom\nREPORT 1 ms\n"));
        assert_eq!(
            (error.message(), error.hint_str().unwrap()),
            ("f ran and failed: Unhandled", "its log ends with: boom")
        );
    }
}
