//! The rest of the fixtures, as the suite's documentation asks for them: tables of what is listed and answered.

use serde_json::{Value, json};

/// One red point.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// No sound at all.
const WAV: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==";

fn image() -> Value {
    json!({ "type": "image", "data": PNG, "mimeType": "image/png" })
}

fn embedded(uri: &str, text: &str) -> Value {
    json!({ "type": "resource", "resource": { "uri": uri, "mimeType": "text/plain", "text": text } })
}

/// Tools that always give the same answer.
pub(crate) fn answer(tool: &str) -> Option<Value> {
    let content = match tool {
        "test_image_content" => json!([image()]),
        "test_audio_content" => json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }]),
        "test_embedded_resource" => {
            json!([embedded("test://embedded-resource", "This is an embedded resource content.")])
        }
        "test_multiple_content_types" => json!([
            { "type": "text", "text": "Multiple content types test:" },
            image(),
            embedded("test://mixed-content-resource", "{\"test\":\"data\",\"value\":123}")
        ]),
        "test_x_mcp_header" => json!([{ "type": "text", "text": "head and body agree" }]),
        "json_schema_2020_12_tool" => json!([{ "type": "text", "text": "the schema is what matters" }]),
        _ => return None,
    };
    Some(json!({ "resultType": "complete", "content": content }))
}

/// Tools whose answer depends on the client.
pub(crate) const ASKING: [&str; 15] = [
    "test_tool_with_logging",
    "test_logging_tool",
    "test_missing_capability",
    "test_sampling",
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_streaming_elicitation",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_capabilities",
];

/// Every tool of these tables as it is listed.
pub(crate) fn tools() -> Vec<Value> {
    let same = ["test_image_content", "test_audio_content", "test_embedded_resource", "test_multiple_content_types"];
    let mut tools: Vec<Value> = same.iter().chain(&ASKING).map(|name| tool(name)).collect();
    let mut schema = tool("json_schema_2020_12_tool");
    schema["inputSchema"] = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } }
            }
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" }
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false
    });
    tools.push(schema);
    let mut headers = tool("test_x_mcp_header");
    headers["inputSchema"]["properties"] = json!({
        "region": { "type": "string", "x-mcp-header": "Region" },
        "query": { "type": "string" }
    });
    tools.push(headers);
    tools
}

fn tool(name: &str) -> Value {
    let properties = match name {
        "test_sampling" => json!({ "prompt": { "type": "string" } }),
        "test_elicitation" => json!({ "message": { "type": "string" } }),
        _ => json!({}),
    };
    json!({ "name": name, "description": "A fixture", "inputSchema": { "type": "object", "properties": properties } })
}

fn form(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

/// The form that a tool of the older era asks its user to fill in.
pub(crate) fn questionnaire(tool: &str) -> Value {
    let options = json!(["option1", "option2", "option3"]);
    let titled = json!([
        { "const": "value1", "title": "First" },
        { "const": "value2", "title": "Second" },
        { "const": "value3", "title": "Third" }
    ]);
    match tool {
        "test_elicitation_sep1034_defaults" => form(
            &json!({
                "name": { "type": "string", "default": "John Doe" },
                "age": { "type": "integer", "default": 30 },
                "score": { "type": "number", "default": 95.5 },
                "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
                "verified": { "type": "boolean", "default": true }
            }),
            &[],
        ),
        "test_elicitation_sep1330_enums" => form(
            &json!({
                "untitledSingle": { "type": "string", "enum": options },
                "titledSingle": { "type": "string", "oneOf": titled },
                "legacyEnum": {
                    "type": "string",
                    "enum": ["opt1", "opt2", "opt3"],
                    "enumNames": ["Option One", "Option Two", "Option Three"]
                },
                "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
                "titledMulti": { "type": "array", "items": { "anyOf": titled } }
            }),
            &[],
        ),
        _ => form(&json!({ "username": { "type": "string" }, "email": { "type": "string" } }), &["username", "email"]),
    }
}

fn elicitation(message: &str, properties: &Value) -> Value {
    let names: Vec<String> = properties.as_object().unwrap().keys().cloned().collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let schema = form(properties, &names);
    json!({ "method": "elicitation/create", "params": { "message": message, "requestedSchema": schema } })
}

pub(crate) fn sampling(text: &str) -> Value {
    json!({
        "method": "sampling/createMessage",
        "params": { "messages": [{ "role": "user", "content": { "type": "text", "text": text } }], "maxTokens": 100 }
    })
}

/// What a tool or prompt of the newer era asks for: names, requests, and the state that is to come back.
pub(crate) fn inputs(name: &str, state: Option<&str>) -> (Value, Option<&'static str>) {
    let text = json!({ "type": "string" });
    let who = |key: &str| json!({ key: elicitation("What is your name?", &json!({ "name": text })) });
    match name {
        "test_input_required_result_sampling" | "test_input_required_result_capabilities" => {
            (json!({ "capital_question": sampling("What is the capital of France?") }), None)
        }
        "test_input_required_result_list_roots" => {
            (json!({ "client_roots": { "method": "roots/list", "params": {} } }), None)
        }
        "test_input_required_result_request_state" => {
            let confirm = elicitation("Please confirm", &json!({ "ok": { "type": "boolean" } }));
            (json!({ "confirm": confirm }), Some("asked"))
        }
        "test_input_required_result_multiple_inputs" => {
            let mut all = who("user_name");
            all["greeting"] = sampling("Generate a greeting");
            all["client_roots"] = json!({ "method": "roots/list", "params": {} });
            (all, Some("asked"))
        }
        "test_input_required_result_multi_round" if state == Some("round-1") => {
            let colour = elicitation("Step 2: What is your favorite color?", &json!({ "color": text }));
            (json!({ "step2": colour }), Some("round-2"))
        }
        "test_input_required_result_multi_round" => (who("step1"), Some("round-1")),
        "test_input_required_result_prompt" => {
            let context = elicitation("What context should the prompt use?", &json!({ "context": text }));
            (json!({ "user_context": context }), None)
        }
        _ => (who("user_name"), None),
    }
}

pub(crate) fn prompts() -> Value {
    let argument = |name: &str| json!({ "name": name, "description": "An argument", "required": true });
    json!([
        { "name": "test_simple_prompt", "description": "A fixture" },
        { "name": "test_prompt_with_arguments", "description": "A fixture", "arguments": [argument("arg1"), argument("arg2")] },
        { "name": "test_prompt_with_embedded_resource", "description": "A fixture", "arguments": [argument("resourceUri")] },
        { "name": "test_prompt_with_image", "description": "A fixture" },
        { "name": "test_input_required_result_prompt", "description": "A fixture" }
    ])
}

pub(crate) fn prompt(name: &str, argument: impl Fn(&str) -> String) -> Option<Value> {
    let says = |content: Value| json!({ "role": "user", "content": content });
    let text = |text: String| says(json!({ "type": "text", "text": text }));
    let messages = match name {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.".into())],
        "test_prompt_with_arguments" => {
            vec![text(format!("Prompt with arguments: arg1='{}', arg2='{}'", argument("arg1"), argument("arg2")))]
        }
        "test_prompt_with_embedded_resource" => vec![
            says(embedded(&argument("resourceUri"), "Embedded resource content for testing.")),
            text("Please process the embedded resource above.".into()),
        ],
        "test_prompt_with_image" => vec![says(image()), text("Please analyze the image above.".into())],
        "test_input_required_result_prompt" => vec![text("This is the prompt, with your context.".into())],
        _ => return None,
    };
    Some(json!({ "resultType": "complete", "messages": messages }))
}

pub(crate) fn resources() -> Value {
    json!([
        { "uri": "test://static-text", "name": "static-text", "mimeType": "text/plain" },
        { "uri": "test://static-binary", "name": "static-binary", "mimeType": "image/png" },
        { "uri": "test://watched-resource", "name": "watched-resource", "mimeType": "text/plain" }
    ])
}

pub(crate) fn templates() -> Value {
    json!([{ "uriTemplate": "test://template/{id}/data", "name": "template", "mimeType": "application/json" }])
}

pub(crate) fn resource(uri: &str) -> Option<Value> {
    let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
    let content = match (uri, id) {
        ("test://static-text", _) => json!({
            "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource."
        }),
        ("test://static-binary", _) => json!({ "uri": uri, "mimeType": "image/png", "blob": PNG }),
        ("test://watched-resource", _) => json!({ "uri": uri, "mimeType": "text/plain", "text": "It may change." }),
        (_, Some(id)) => {
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            json!({ "uri": uri, "mimeType": "application/json", "text": data.to_string() })
        }
        _ => return None,
    };
    Some(json!({ "resultType": "complete", "contents": [content], "ttlMs": 60_000, "cacheScope": "public" }))
}
