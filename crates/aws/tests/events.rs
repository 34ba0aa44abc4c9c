//! Streams of events, made by AWS's own encoder and sent by a server on loopback.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};
use trainyard_aws::{Engine, EventStream, Scope, Settings, StaticCredentials};
use trainyard_contract::{Ceiling, Error, ErrorKind};
use trainyard_harness::{Fault, Faulty};

fn engine(server: &Faulty, max_response_bytes: usize) -> Engine {
    Engine::new(Settings {
        ceiling: Ceiling { write: true, sensitive: true },
        endpoint_url: Some(server.url()),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        max_response_bytes,
        ..Settings::default()
    })
}

fn frame(headers: &[(&'static str, &'static str)], payload: &[u8]) -> Vec<u8> {
    let mut message = Message::new(payload.to_vec());
    for (name, value) in headers {
        message = message.add_header(Header::new(*name, HeaderValue::String((*value).into())));
    }
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    bytes
}

fn event(kind: &'static str, payload: &[u8]) -> Vec<u8> {
    frame(&[(":message-type", "event"), (":event-type", kind)], payload)
}

fn head(headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n{headers}connection: close\r\n\r\n")
        .into_bytes()
}

fn answer(headers: &str, events: &[Vec<u8>]) -> Vec<u8> {
    [head(headers), events.concat()].concat()
}

async fn open(fault: Fault, (service, operation, input): (&str, &str, Value)) -> (Faulty, Result<EventStream, Error>) {
    let server = Faulty::start(vec![fault]).unwrap();
    let stream = engine(&server, 1_000_000).events(service, operation, input, &Scope::default()).await;
    (server, stream)
}

async fn all(fault: Fault, call: (&str, &str, Value)) -> (Value, Vec<Result<Value, Error>>) {
    let (_server, stream) = open(fault, call).await;
    let mut stream = stream.unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        events.push(event);
    }
    (stream.output, events)
}

fn tail() -> (&'static str, &'static str, Value) {
    ("logs", "StartLiveTail", json!({"logGroupIdentifiers": ["arn:aws:logs:eu-west-1:123456789012:log-group:g"]}))
}

fn invoke() -> (&'static str, &'static str, Value) {
    ("lambda", "InvokeWithResponseStream", json!({"FunctionName": "f"}))
}

fn select() -> (&'static str, &'static str, Value) {
    let input = json!({"Bucket": "b", "Key": "k", "Expression": "select * from s3object", "ExpressionType": "SQL",
        "InputSerialization": {"CSV": {}}, "OutputSerialization": {"JSON": {}}});
    ("s3", "SelectObjectContent", input)
}

fn converse() -> (&'static str, &'static str, Value) {
    let messages = json!([{"role": "user", "content": [{"text": "hello"}]}]);
    ("bedrock-runtime", "ConverseStream", json!({"modelId": "m", "messages": messages}))
}

#[tokio::test]
async fn a_live_tail_gives_log_lines_as_they_come() {
    let update = br#"{"sessionMetadata":{"sampled":false},"sessionResults":[{"logStreamName":"s","message":"hello","timestamp":1790000000000}]}"#;
    let events = [
        event("initial-response", b"{}"),
        event("sessionStart", br#"{"sessionId":"1","logGroupIdentifiers":["g"],"unknown":[{}]}"#),
        event("sessionUpdate", update),
        event("somethingNew", b"{\"a\":1}"),
        event("sessionUpdate", b"{}"),
    ];
    let (output, events) = all(Fault::Answer(answer("", &events)), tail()).await;
    let events: Vec<Value> = events.into_iter().map(Result::unwrap).collect();
    assert_eq!(output, json!({}));
    assert_eq!(events[0], json!({"sessionStart": {"sessionId": "1", "logGroupIdentifiers": ["g"]}}));
    assert_eq!(events[1]["sessionUpdate"]["sessionResults"][0]["message"], "hello");
    assert_eq!(events[2..], [json!({"sessionUpdate": {}})]);
}

#[tokio::test]
async fn a_function_s_response_comes_in_chunks_of_bytes() {
    let events = [
        event("PayloadChunk", b"one"),
        event("PayloadChunk", &[0xFF, 0]),
        event("InvokeComplete", br#"{"ErrorCode":"Unhandled","LogResult":"bG9n"}"#),
    ];
    let (output, events) = all(Fault::Answer(answer("x-amz-executed-version: 7\r\n", &events)), invoke()).await;
    let kind = "application/vnd.amazon.eventstream";
    assert_eq!(output, json!({"StatusCode": 200, "ExecutedVersion": "7", "ResponseStreamContentType": kind}));
    let events: Vec<Value> = events.into_iter().map(Result::unwrap).collect();
    let wanted = [
        json!({"PayloadChunk": {"Payload": "b25l"}}),
        json!({"PayloadChunk": {"Payload": "/wA="}}),
        json!({"InvokeComplete": {"ErrorCode": "Unhandled", "LogResult": "bG9n"}}),
    ];
    assert_eq!(events, wanted);
}

#[tokio::test]
async fn a_selection_of_an_object_is_bytes_and_xml() {
    let stats = b"<Stats><BytesScanned>512</BytesScanned><BytesReturned>7</BytesReturned></Stats>";
    let events = [event("Records", b"{\"a\":1}\n"), event("Cont", b""), event("Stats", stats), event("End", b"")];
    let (_, events) = all(Fault::Answer(answer("", &events)), select()).await;
    let events: Vec<Value> = events.into_iter().map(Result::unwrap).collect();
    let wanted = [
        json!({"Records": {"Payload": "eyJhIjoxfQo="}}),
        json!({"Cont": {}}),
        json!({"Stats": {"Details": {"BytesScanned": 512, "BytesReturned": 7}}}),
        json!({"End": {}}),
    ];
    assert_eq!(events, wanted);
}

#[tokio::test]
async fn a_model_speaks_until_it_is_throttled() {
    let events = [
        event("messageStart", br#"{"role":"assistant"}"#),
        event("contentBlockDelta", br#"{"contentBlockIndex":0,"delta":{"text":"hi"}}"#),
        frame(
            &[(":message-type", "exception"), (":exception-type", "throttlingException")],
            br#"{"message":"slow down"}"#,
        ),
        event("messageStop", br#"{"stopReason":"end_turn"}"#),
    ];
    let (_, events) = all(Fault::Answer(answer("", &events)), converse()).await;
    assert_eq!(events.len(), 3, "nothing comes after an exception");
    assert_eq!(events[1].as_ref().unwrap()["contentBlockDelta"]["delta"]["text"], "hi");
    let error = events[2].as_ref().unwrap_err();
    assert_eq!(
        (error.kind(), error.code_str(), error.message()),
        (ErrorKind::Throttled, "ThrottlingException", "slow down")
    );
    let error = frame(&[(":message-type", "error"), (":error-code", "InternalError"), (":error-message", "oh")], b"");
    let (_, events) = all(Fault::Answer(answer("", &[error])), converse()).await;
    assert_eq!(events[0].as_ref().unwrap_err().code_str(), "InternalError");
}

#[tokio::test]
async fn frames_may_arrive_byte_by_byte_and_events_before_the_end() {
    let events = [event("PayloadChunk", b"one"), event("InvokeComplete", b"{}")];
    let (_, events) = all(Fault::Drip(answer("", &events), Duration::from_micros(200)), invoke()).await;
    assert_eq!(events.len(), 2);
    // The server says one event, and then nothing for ever.
    let (server, stream) = open(Fault::Stall(answer("", &[event("PayloadChunk", b"one")])), invoke()).await;
    let mut stream = stream.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    let waited = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
    assert!(waited.is_err(), "silence is no end");
    drop(stream);
    let end = Instant::now() + Duration::from_secs(20);
    while server.under_way() > 0 {
        assert!(Instant::now() < end, "the connection is still open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_breaks_off_or_makes_no_sense_is_an_error_and_the_last() {
    let whole = event("PayloadChunk", b"one");
    let mut wrong = whole.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let huge = [&0x7FFF_FFFF_u32.to_be_bytes()[..], &[0; 20]].concat();
    for (bytes, kind, code) in [
        (whole[..whole.len() - 3].to_vec(), ErrorKind::Network, "ConnectionBroken"),
        (wrong, ErrorKind::Internal, "MalformedMessage"),
        (vec![0; 64], ErrorKind::Internal, "MalformedMessage"),
        (huge, ErrorKind::Unsupported, "ResponseTooLarge"),
        (frame(&[(":message-type", "event")], b""), ErrorKind::Internal, "MalformedMessage"),
        (event("InvokeComplete", b"{"), ErrorKind::Internal, "MalformedMessage"),
    ] {
        let (_, events) = all(Fault::Answer(answer("", &[whole.clone(), bytes])), invoke()).await;
        assert_eq!(events.len(), 2, "{code}");
        let error = events[1].as_ref().unwrap_err();
        assert_eq!((error.kind(), error.code_str()), (kind, code), "{error:?}");
    }
    let cut = [head("content-length: 999\r\n"), whole].concat();
    let (_, events) = all(Fault::Answer(cut), invoke()).await;
    assert_eq!(events[1].as_ref().unwrap_err().code_str(), "ConnectionBroken");
}

#[tokio::test]
async fn a_long_stream_takes_the_memory_of_an_event() {
    // Ten megabytes through an engine that holds one at most.
    let chunk = vec![b'x'; 100_000];
    let events: Vec<Vec<u8>> = std::iter::repeat_n(event("PayloadChunk", &chunk), 100).collect();
    let (_, events) = all(Fault::Answer(answer("", &events)), invoke()).await;
    assert_eq!(events.len(), 100);
    assert!(events.iter().all(Result::is_ok), "{:?}", events.last());
}

#[tokio::test]
async fn a_refusal_is_an_error_before_there_is_a_stream() {
    let refused = Fault::answer("403 Forbidden", &[], b"{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}");
    let (_server, stream) = open(refused, tail()).await;
    let error = stream.unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::AccessDenied, "AccessDeniedException"));
    assert_eq!(error.http_status_code(), Some(403));
}

#[tokio::test]
async fn calls_and_streams_are_not_taken_for_each_other() {
    let server = Faulty::start(vec![Fault::Hangup]).unwrap();
    let engine = engine(&server, 1_000_000);
    let (service, operation, input) = tail();
    let error = engine.call(service, operation, input, &Scope::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = engine.events("logs", "DescribeLogGroups", json!({}), &Scope::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let talk = json!({"LanguageCode": "en-US", "MediaEncoding": "pcm", "MediaSampleRateHertz": 8000});
    let error = engine.events("bedrock-runtime", "InvokeModelWithBidirectionalStream", talk, &Scope::default()).await;
    assert!(error.unwrap_err().message().contains("takes a stream of events"));
    let reads = Engine::new(Settings { ceiling: Ceiling::READ_ONLY, ..engine.settings().clone() });
    let (service, operation, input) = invoke();
    let error = reads.events(service, operation, input, &Scope::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PolicyDenied);
    assert_eq!(server.connections(), 0);
}
