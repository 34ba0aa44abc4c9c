//! The product's handler with the fixtures around it.

// Sampling, roots and logging are on their way out of the protocol; the suite still asks for them.
#![expect(deprecated, reason = "the suite asks for what was deprecated")]

use std::borrow::Cow;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, CompleteRequestParams,
        CompleteResult, CompletionInfo, CreateMessageRequestParams, DiscoverResult, ElicitRequestParams,
        ElicitationSchema, ErrorCode, GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult,
        InputResponses, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        LoggingLevel, LoggingMessageNotificationParam, PaginatedRequestParams, ProtocolVersion,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerCapabilities, ServerConfig,
        SetLevelRequestMethod, SetLevelRequestParams, SubscribeRequestParams, Tool, UnsubscribeRequestParams,
    },
    service::RequestContext,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use trainyard_serve::Handler;

use crate::{fixtures, tools::Nothing};

type Answer<T> = Result<T, ErrorData>;
type Asked = RequestContext<RoleServer>;

#[derive(Clone)]
pub(crate) struct Fixture(Handler<Nothing>);

impl Fixture {
    pub(crate) fn new(product: Handler<Nothing>) -> Self {
        Self(product)
    }
}

fn typed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn says(text: impl Into<String>) -> CallToolResponse {
    let text: String = text.into();
    typed::<CallToolResult>(json!({ "resultType": "complete", "content": [{ "type": "text", "text": text }] })).into()
}

fn failed(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

fn is_modern(context: &Asked) -> bool {
    context.protocol_version().is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities::builder()
        .enable_tools()
        .enable_prompts()
        .enable_resources()
        .enable_completions()
        .enable_logging()
        .build()
}

/// Asks for what is missing, until everything that was asked for is there in the form that was asked for.
fn round(name: &str, state: Option<&str>, responses: Option<&InputResponses>) -> Option<InputRequiredResult> {
    let (earlier, _) = fixtures::inputs(name, None);
    let (wanted, next) = fixtures::inputs(name, state);
    let last = name != "test_input_required_result_multi_round" || state == Some("round-2");
    let asked = match state {
        Some("round-2") => fixtures::inputs(name, Some("round-1")).0,
        _ => earlier,
    };
    let given = |key: &String, request: &Value| {
        responses.and_then(|responses| responses.get(key)).is_some_and(|response| fits(request, response))
    };
    let complete = asked.as_object().unwrap().iter().all(|(key, request)| given(key, request));
    if complete && last {
        return None;
    }
    let mut result = json!({ "resultType": "input_required", "inputRequests": wanted });
    if let Some(next) = next {
        result["requestState"] = next.into();
    }
    Some(typed(result))
}

/// Whether an answer is of the kind that was asked for.
fn fits(request: &Value, response: &Value) -> bool {
    if request["method"] != "elicitation/create" {
        return response.is_object();
    }
    let properties = request["params"]["requestedSchema"]["properties"].as_object().unwrap();
    response["action"] == "accept"
        && properties.iter().all(|(name, property)| match property["type"].as_str() {
            Some("boolean") => response["content"][name].is_boolean(),
            _ => response["content"][name].is_string(),
        })
}

async fn log(context: &Asked, text: &str) {
    let line = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text));
    drop(context.peer.notify_logging_message(line).await);
}

async fn ask_user(context: &Asked, tool: &str, message: &str) -> Answer<CallToolResponse> {
    let Value::Object(schema) = fixtures::questionnaire(tool) else { unreachable!("a form is an object") };
    let requested_schema = ElicitationSchema::from_json_schema(schema).map_err(failed)?;
    let form = ElicitRequestParams::FormElicitationParams { meta: None, message: message.to_owned(), requested_schema };
    let answer = context.peer.create_elicitation(form).await.map_err(failed)?;
    Ok(says(format!("Elicitation completed: action={:?}, content={:?}", answer.action, answer.content)))
}

async fn ask_model(context: &Asked, prompt: &str) -> Answer<CallToolResponse> {
    let params: CreateMessageRequestParams = typed(fixtures::sampling(prompt)["params"].take());
    let answer = context.peer.create_message(params).await.map_err(failed)?;
    Ok(says(format!("LLM response: {:?}", answer.message.content)))
}

async fn asking(params: &CallToolRequestParams, context: &Asked) -> Answer<CallToolResponse> {
    let name = params.name.as_ref();
    let argument = |name: &str| {
        let value = params.arguments.as_ref().and_then(|arguments| arguments.get(name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let may_sample = context.client_capabilities().is_some_and(|can| can.sampling.is_some());
    match name {
        "test_tool_with_logging" => {
            for step in ["started", "processing", "completed"] {
                log(context, step).await;
            }
            Ok(says("logged"))
        }
        "test_logging_tool" => {
            if context.meta.log_level().is_some() {
                log(context, "asked for").await;
            }
            Ok(says("logged where asked for"))
        }
        "test_missing_capability" | "test_input_required_result_capabilities" if !may_sample => {
            Err(ErrorData::missing_required_client_capability(typed::<ClientCapabilities>(json!({ "sampling": {} }))))
        }
        "test_missing_capability" => Ok(says("nothing is missing")),
        "test_sampling" => ask_model(context, &argument("prompt")).await,
        "test_elicitation" => ask_user(context, name, &argument("message")).await,
        "test_elicitation_sep1034_defaults" | "test_elicitation_sep1330_enums" => {
            ask_user(context, name, "Fill in").await
        }
        _ => match round(name, params.request_state.as_deref(), params.input_responses.as_ref()) {
            Some(result) => Ok(result.into()),
            None => Ok(says("state-ok: everything was answered")),
        },
    }
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let mut info = self.0.get_info();
        info.capabilities = capabilities();
        info
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.0.supported_protocol_versions()
    }

    async fn discover(&self, context: Asked) -> Answer<DiscoverResult> {
        let mut result = self.0.discover(context).await?;
        result.capabilities = capabilities();
        Ok(result)
    }

    async fn set_level(&self, _: SetLevelRequestParams, context: Asked) -> Answer<()> {
        if is_modern(&context) { Err(ErrorData::method_not_found::<SetLevelRequestMethod>()) } else { Ok(()) }
    }

    async fn list_tools(&self, page: Option<PaginatedRequestParams>, context: Asked) -> Answer<ListToolsResult> {
        let mut list = self.0.list_tools(page, context).await?;
        list.tools.extend(fixtures::tools().into_iter().map(typed::<Tool>));
        Ok(list)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let own = || fixtures::tools().into_iter().find(|tool| tool["name"] == name).map(typed);
        self.0.get_tool(name).or_else(own)
    }

    async fn call_tool(&self, params: CallToolRequestParams, context: Asked) -> Answer<CallToolResponse> {
        if let Some(answer) = fixtures::answer(&params.name) {
            return Ok(typed::<CallToolResult>(answer).into());
        }
        if fixtures::ASKING.contains(&params.name.as_ref()) {
            return asking(&params, &context).await;
        }
        self.0.call_tool(params, context).await
    }

    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: Asked) -> Answer<ListPromptsResult> {
        let list = ListPromptsResult::with_all_items(typed(fixtures::prompts()));
        Ok(list.with_ttl_ms(60_000).with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(&self, params: GetPromptRequestParams, _: Asked) -> Answer<GetPromptResponse> {
        if params.name == "test_input_required_result_prompt"
            && let Some(result) = round(&params.name, None, params.input_responses.as_ref())
        {
            return Ok(result.into());
        }
        let argument = |name: &str| {
            let value = params.arguments.as_ref().and_then(|arguments| arguments.get(name));
            value.and_then(|value| value.as_str()).unwrap_or_default().to_owned()
        };
        let found = fixtures::prompt(&params.name, argument).map(typed::<GetPromptResult>);
        found.map(GetPromptResponse::from).ok_or_else(|| ErrorData::invalid_params("no such prompt", None))
    }

    async fn list_resources(&self, _: Option<PaginatedRequestParams>, _: Asked) -> Answer<ListResourcesResult> {
        let list = ListResourcesResult::with_all_items(typed(fixtures::resources()));
        Ok(list.with_ttl_ms(60_000).with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Asked,
    ) -> Answer<ListResourceTemplatesResult> {
        let list = ListResourceTemplatesResult::with_all_items(typed(fixtures::templates()));
        Ok(list.with_ttl_ms(60_000).with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(&self, params: ReadResourceRequestParams, _: Asked) -> Answer<ReadResourceResponse> {
        match fixtures::resource(&params.uri) {
            Some(found) => Ok(typed::<ReadResourceResult>(found).into()),
            None => {
                let data = json!({ "uri": params.uri });
                Err(ErrorData::new(ErrorCode::INVALID_PARAMS, "no such resource", Some(data)))
            }
        }
    }

    async fn complete(&self, _: CompleteRequestParams, _: Asked) -> Answer<CompleteResult> {
        Ok(CompleteResult::new(CompletionInfo::new(vec!["paris".into(), "park".into()]).map_err(failed)?))
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Asked) -> Answer<()> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Asked) -> Answer<()> {
        Ok(())
    }
}
