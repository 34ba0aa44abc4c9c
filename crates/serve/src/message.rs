//! A message as it comes in. Nearly all are calls of tools, and those are read in one pass here: the SDK keeps each
//! message in a buffer and tries what it could be, which costs more than all the rest that it does for a call.

use rmcp::{
    RoleServer,
    model::{
        CallToolRequestMethod, CallToolRequestParams, ClientRequest, JsonObject, JsonRpcMessage, JsonRpcRequest,
        JsonRpcVersion2_0, Request, RequestId, RequestMetaObject,
    },
    service::RxJsonRpcMessage,
};
use serde::Deserialize;

pub(crate) type Message = RxJsonRpcMessage<RoleServer>;

/// Reads one message. What is not a plain call, the SDK reads, or refuses.
pub(crate) fn read(text: &[u8]) -> Result<Message, serde_json::Error> {
    match serde_json::from_slice::<Call>(text) {
        Ok(call) => Ok(call.into()),
        Err(_) => serde_json::from_slice(text),
    }
}

/// A call as nearly every client sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    #[serde(rename = "jsonrpc")]
    _version: JsonRpcVersion2_0,
    #[serde(rename = "method")]
    _method: CallToolRequestMethod,
    id: RequestId,
    params: Parameters,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    name: String,
    arguments: Option<JsonObject>,
    #[serde(rename = "_meta")]
    meta: Option<RequestMetaObject>,
}

impl From<Call> for Message {
    fn from(call: Call) -> Self {
        let mut params = CallToolRequestParams::new(call.params.name);
        params.arguments = call.params.arguments;
        let mut request = Request::new(params);
        if let Some(meta) = call.params.meta {
            // Where the SDK keeps it.
            request.extensions.insert(meta);
        }
        JsonRpcMessage::Request(JsonRpcRequest::new(call.id, ClientRequest::CallToolRequest(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reads_as_the_sdk_reads_it() {
        for (plain, text) in [
            (
                true,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":[1,2.5,{"c":null}]}}}"#,
            ),
            (true, r#"{"params":{"arguments":{},"name":"a"},"method":"tools/call","id":"x","jsonrpc":"2.0"}"#),
            (true, r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#),
            (true, r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":null}}"#),
            (
                true,
                r#"{"jsonrpc":"2.0","id":-7,"method":"tools/call","params":{"name":"a","_meta":{"progressToken":3,"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
            ),
            (false, r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","requestState":"s"}}"#),
            (false, r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","extra":1,"params":{"name":"a"}}"#),
            (false, r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
            (false, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
        ] {
            assert_eq!(serde_json::from_slice::<Call>(text.as_bytes()).is_ok(), plain, "{text}");
            let theirs: Message = serde_json::from_str(text).unwrap();
            assert_eq!(format!("{:?}", read(text.as_bytes()).unwrap()), format!("{theirs:?}"), "{text}");
        }
    }

    #[test]
    fn what_the_sdk_refuses_is_refused() {
        for text in [
            r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":{"name":"a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call","params":{"name":"a"}"#,
        ] {
            assert!(serde_json::from_str::<Message>(text).is_err() && read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
