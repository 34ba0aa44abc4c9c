//! The events of one log stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Json, Others, Result, Reveals, Tool, ToolDef};

use super::period::Period;
use crate::{App, Cx, common::At};

pub(crate) const TOOLS: &[ToolDef<App>] = &[ToolDef::reveals::<Get>().formerly(&["cloudwatch.get_log_events"])];

/// Ten years: before any log that is kept.
const MINUTES: u32 = 10 * 366 * 24 * 60;

/// Get the events of a CloudWatch log stream, the last ones unless start_from_head
///
/// Goes on with next_token; reached_end says that there is no more in that direction for now.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Get {
    /// Log group.
    log_group_name: String,
    /// Log stream.
    log_stream_name: String,
    /// ISO time.
    start_time: Option<String>,
    /// ISO time.
    end_time: Option<String>,
    /// The oldest first.
    #[serde(default)]
    start_from_head: bool,
    /// Most events.
    #[serde(default = "Get::usual")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u32,
    /// Of the call before.
    next_token: Option<String>,
    #[serde(flatten)]
    at: At,
}

impl Get {
    fn usual() -> u32 {
        50
    }

    fn question(&self) -> Result<GetLogEvents> {
        let (start, end) = (self.start_time.as_deref(), self.end_time.as_deref());
        let asked = start.is_some() || end.is_some();
        let period = asked.then(|| Period::of(MINUTES, start, end)).transpose()?;
        let millis = |seconds: i64| seconds.saturating_mul(1000);
        Ok(GetLogEvents {
            start_time: period.map(|period| millis(period.start.unix_timestamp())),
            // The last second that is asked for is wholly in it.
            end_time: period.filter(|_| end.is_some()).map(|period| millis(period.end.unix_timestamp() + 1)),
            start_from_head: self.start_from_head,
            next_token: self.next_token.clone(),
            ..GetLogEvents::of(&self.log_group_name, &self.log_stream_name, self.limit)
        })
    }
}

impl Tool<App> for Get {
    const NAME: &'static str = "cloudwatch_get_log_events";
    const EXAMPLE: &'static str =
        r#"{"log_group_name": "/aws/lambda/train", "log_stream_name": "2026/11/21/[$LATEST]0123456789abcdef"}"#;
    type Access = Reveals;
    type Output = Json<Events>;

    async fn run(self, cx: Cx<Reveals>) -> Result<Json<Events>> {
        let (reply, region) = cx.at(&self.at).send_whole(&self.question()?).await?;
        let next_token = if self.start_from_head { reply.next_forward_token } else { reply.next_backward_token };
        // At an end CloudWatch gives back the token that it was given.
        let reached_end = next_token.is_none() || (self.next_token.is_some() && next_token == self.next_token);
        let events = reply.events.into_iter().map(|event| Event {
            time: event.timestamp,
            message: Others(event.message.unwrap_or_default().trim_end().to_owned()),
        });
        Ok(Json(Events { region, events: events.collect(), next_token, reached_end }))
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Events {
    region: String,
    /// In the order of their times.
    events: Vec<Event>,
    next_token: Option<String>,
    reached_end: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Event {
    time: Option<String>,
    message: Others,
}

/// Events of one stream of a log group.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws) struct GetLogEvents {
    log_group_name: String,
    log_stream_name: String,
    /// Milliseconds since 1970.
    start_time: Option<i64>,
    end_time: Option<i64>,
    limit: u32,
    start_from_head: bool,
    next_token: Option<String>,
}

impl GetLogEvents {
    /// The last events of a stream.
    pub(in crate::aws) fn of(group: &str, stream: &str, limit: u32) -> Self {
        Self {
            log_group_name: group.to_owned(),
            log_stream_name: stream.to_owned(),
            start_time: None,
            end_time: None,
            limit,
            start_from_head: false,
            next_token: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws) struct LogEvents {
    #[serde(default)]
    pub(in crate::aws) events: Vec<LogEvent>,
    next_forward_token: Option<String>,
    next_backward_token: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws) struct LogEvent {
    /// Milliseconds since 1970.
    #[serde(deserialize_with = "time", default)]
    #[cfg_attr(test, schemars(with = "Option<i64>"))]
    pub(in crate::aws) timestamp: Option<String>,
    pub(in crate::aws) message: Option<String>,
}

fn time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<i64>::deserialize(deserializer)?.map(trainyard_aws::show_millis))
}

impl Operation for GetLogEvents {
    const SERVICE: &'static str = "logs";
    const ACTION: &'static str = "GetLogEvents";
    type Needs = Reveals;
    type Reply = LogEvents;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<GetLogEvents>();
    }

    #[test]
    fn times_are_asked_for_only_where_they_are_said() {
        let ask = |text: &str| serde_json::from_str::<Get>(text).unwrap().question();
        let plain = ask(r#"{"log_group_name": "g", "log_stream_name": "s"}"#).unwrap();
        assert_eq!((plain.start_time, plain.end_time, plain.limit), (None, None, 50));
        let since = ask(r#"{"log_group_name": "g", "log_stream_name": "s", "start_time": "1970-01-01T00:00:01Z"}"#);
        let since = since.unwrap();
        assert_eq!((since.start_time, since.end_time), (Some(1000), None));
        let until = ask(r#"{"log_group_name": "g", "log_stream_name": "s", "end_time": "2026-11-21"}"#).unwrap();
        assert_eq!(until.end_time, Some(1_795_219_201_000));
        assert!(ask(r#"{"log_group_name": "g", "log_stream_name": "s", "end_time": "noon"}"#).is_err());
    }
}
