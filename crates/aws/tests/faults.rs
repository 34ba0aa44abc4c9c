//! What goes wrong on the way: one test for each row of the table in the crate's documentation.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_contract::{Ceiling, Error, ErrorKind};
use trainyard_harness::{Fault, Faulty, message};

/// Far above every bound that the engine is given here: that a call ends is tested, not how fast this machine is.
const BOUND: Duration = Duration::from_secs(20);
const JSON: &[(&str, &str)] = &[("content-type", "application/x-amz-json-1.1")];

fn settings(url: String) -> Settings {
    Settings {
        ceiling: Ceiling { write: true, sensitive: true },
        endpoint_url: Some(url),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    }
}

fn sound() -> Fault {
    Fault::answer("200 OK", JSON, b"{\"ClusterSummaries\":[]}")
}

fn refusal(status: &str, code: &str, headers: &[(&str, &str)]) -> Fault {
    let body = format!("{{\"__type\":\"{code}\",\"message\":\"no\"}}");
    Fault::answer(status, &[JSON, headers].concat(), body.as_bytes())
}

/// What a read comes to, what it cost, and how often it was tried.
struct Outcome {
    result: Result<Value, Error>,
    took: Duration,
    server: Faulty,
}

impl Outcome {
    fn error(&self) -> &Error {
        self.result.as_ref().unwrap_err()
    }

    /// Kind and code of the error, and whether the caller may try again.
    fn is(&self, kind: ErrorKind, code: &str, retryable: bool) {
        let error = self.error();
        assert_eq!((error.kind(), error.code_str(), error.is_retryable()), (kind, code, retryable), "{error:?}");
    }
}

async fn call_with(
    faults: Vec<Fault>,
    (service, operation, input): (&str, &str, Value),
    adjust: impl FnOnce(Settings) -> Settings,
) -> Outcome {
    let server = Faulty::start(faults).unwrap();
    let engine = Engine::new(adjust(settings(server.url())));
    let begun = Instant::now();
    let result = engine.call(service, operation, input, &Scope::default()).await.map(|reply| reply.output);
    Outcome { result, took: begun.elapsed(), server }
}

fn read() -> (&'static str, &'static str, Value) {
    ("sagemaker", "ListClusters", json!({}))
}

async fn call(faults: Vec<Fault>) -> Outcome {
    call_with(faults, read(), |settings| settings).await
}

#[tokio::test]
async fn a_reset_passes_or_is_a_network_error_after_three_attempts() {
    let outcome = call(vec![Fault::Reset, Fault::Hangup, sound()]).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert_eq!(outcome.server.connections(), 3);
    for fault in [Fault::Reset, Fault::Hangup] {
        let outcome = call(vec![fault]).await;
        outcome.is(ErrorKind::Network, "ConnectionFailed", true);
        assert_eq!(outcome.server.connections(), 3);
        assert!(outcome.took < BOUND, "{:?}", outcome.took);
    }
}

#[tokio::test]
async fn a_truncated_body_passes_or_is_a_network_error_after_three_attempts() {
    let whole = message("200 OK", JSON, b"{\"ClusterSummaries\":[]}");
    let half = || Fault::Answer(whole[..whole.len() - 5].to_vec());
    let outcome = call(vec![half(), sound()]).await;
    assert_eq!(outcome.result.unwrap(), json!({"ClusterSummaries": []}));
    let outcome = call(vec![half()]).await;
    outcome.is(ErrorKind::Network, "ConnectionBroken", true);
    assert_eq!(outcome.server.connections(), 3);
}

#[tokio::test]
async fn a_slow_body_is_read_until_the_attempt_has_had_its_time() {
    let body = message("200 OK", JSON, b"{\"ClusterSummaries\":[]}");
    let outcome = call(vec![Fault::Drip(body.clone(), Duration::from_millis(2))]).await;
    assert!(outcome.result.is_ok(), "slow is not wrong: {:?}", outcome.result);
    let slow = Fault::Drip(body, Duration::from_millis(100));
    let short = |settings| Settings { attempt_timeout: Duration::from_millis(400), max_attempts: Some(2), ..settings };
    let outcome = call_with(vec![slow], read(), short).await;
    outcome.is(ErrorKind::Timeout, "Timeout", true);
    assert_eq!(outcome.server.connections(), 2);
    assert!(outcome.took < BOUND, "{:?}", outcome.took);
}

#[tokio::test]
async fn a_body_that_stops_is_left_before_the_attempt_has_had_its_time() {
    let half = message("200 OK", JSON, b"{\"ClusterSummaries\":[]}");
    let half = Fault::Stall(half[..half.len() - 5].to_vec());
    let outcome = call_with(vec![half], read(), |settings| Settings { max_attempts: Some(1), ..settings }).await;
    outcome.is(ErrorKind::Timeout, "Stalled", true);
    assert!(outcome.took < BOUND, "{:?}", outcome.took);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_left_when_the_call_has_had_its_time() {
    for silent in [Fault::Stall(Vec::new()), Fault::Deaf] {
        let outcome = call_with(vec![silent], read(), |settings| Settings {
            attempt_timeout: Duration::from_millis(300),
            operation_timeout: Duration::from_millis(800),
            ..settings
        })
        .await;
        outcome.is(ErrorKind::Timeout, "Timeout", true);
        assert!(outcome.error().message().contains("127.0.0.1"), "{:?}", outcome.error());
        assert!(outcome.took < BOUND, "{:?}", outcome.took);
    }
}

/// Linux does not answer who wants to connect to a listener whose queue is full, as a firewall would not.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_does_not_open_is_left_after_its_time() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(500), tokio::net::TcpStream::connect(address)).await
    {
        queued.push(stream.unwrap());
        assert!(queued.len() < 100, "the queue has no end");
    }
    let url = format!("http://{address}");
    let connect_timeout = Duration::from_millis(300);
    let engine = Engine::new(Settings { connect_timeout, max_attempts: Some(2), ..settings(url) });
    let begun = Instant::now();
    // One that acts anew each time: nothing was sent, so it may be repeated all the same.
    let [(service, operation, input), ..] = acts();
    let error = engine.call(service, operation, input, &Scope::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Timeout, "Timeout"), "{error:?}");
    assert!(error.message().contains("127.0.0.1"), "{error:?}");
    assert!(
        begun.elapsed() >= connect_timeout * 2 && begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_a_network_error_that_names_it() {
    // A label of 64 letters: the system refuses it itself, and no name server is asked.
    let host = format!("{}.invalid", "a".repeat(64));
    let engine = Engine::new(settings(format!("http://{host}")));
    let begun = Instant::now();
    let error = engine.call("sagemaker", "ListClusters", json!({}), &Scope::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Network, "ConnectionFailed"), "{error:?}");
    assert!(error.message().contains(&host) && error.is_retryable(), "{error:?}");
    assert!(begun.elapsed() < BOUND);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_set_right_by_the_answer() {
    // The server lives in 2040, and says so.
    let date = [("date", "Sun, 01 Jan 2040 12:00:00 GMT")];
    let skewed = || refusal("403 Forbidden", "RequestTimeTooSkewed", &date);
    let outcome = call(vec![skewed(), sound()]).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    let requests = outcome.server.requests();
    assert!(!requests[0].contains("x-amz-date: 2040"), "{}", requests[0]);
    assert!(requests[1].contains("x-amz-date: 20400101T"), "{}", requests[1]);
    let outcome = call(vec![skewed()]).await;
    assert_eq!((outcome.error().kind(), outcome.error().code_str()), (ErrorKind::Credentials, "RequestTimeTooSkewed"));
    assert!(outcome.error().hint_str().unwrap().contains("clock"));
    assert_eq!(outcome.server.connections(), 3);
}

#[tokio::test]
async fn an_expired_token_is_said_at_once() {
    let outcome = call(vec![refusal("400 Bad Request", "ExpiredTokenException", &[])]).await;
    outcome.is(ErrorKind::Credentials, "ExpiredTokenException", false);
    assert!(outcome.error().hint_str().unwrap().contains("aws sso login"));
    assert_eq!(outcome.server.connections(), 1);
}

#[tokio::test]
async fn throttling_is_waited_out_for_as_long_as_the_service_asks() {
    let busy = || refusal("400 Bad Request", "ThrottlingException", &[("x-amz-retry-after", "1500")]);
    let outcome = call(vec![busy(), sound()]).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert!(outcome.took >= Duration::from_millis(1500), "{:?}", outcome.took);
    let outcome = call(vec![refusal("429 Too Many Requests", "TooManyRequestsException", &[])]).await;
    outcome.is(ErrorKind::Throttled, "TooManyRequestsException", true);
    assert_eq!(outcome.server.connections(), 3);
    assert!(outcome.error().hint_str().unwrap().contains("tried 3 times"), "{:?}", outcome.error());
    assert!(outcome.took < BOUND, "{:?}", outcome.took);
}

#[tokio::test]
async fn http_s_own_word_for_a_pause_counts_too() {
    let noon = ("date", "Sun, 01 Jan 2040 12:00:00 GMT");
    for headers in [&[("retry-after", "2")][..], &[noon, ("retry-after", "Sun, 01 Jan 2040 12:00:02 GMT")]] {
        // A load balancer's page: no error of the service at all.
        let busy = Fault::answer("503 Service Unavailable", headers, b"<html>busy</html>");
        let outcome = call(vec![busy, sound()]).await;
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        assert!(outcome.took >= Duration::from_secs(2), "{headers:?}: {:?}", outcome.took);
        assert_eq!(outcome.server.connections(), 2);
    }
    // An error that the model calls retryable; the service's own header goes first.
    let both = [("x-amz-retry-after", "1500"), ("retry-after", "3600")];
    let slow = ("lambda", "GetFunction", json!({"FunctionName": "f"}));
    let busy = refusal("429 Too Many Requests", "TooManyRequestsException", &both);
    let found = Fault::answer("200 OK", &[], b"{}");
    let outcome = call_with(vec![busy, found], slow, |settings| settings).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert!(outcome.took >= Duration::from_millis(1500) && outcome.took < BOUND, "{:?}", outcome.took);
}

#[tokio::test]
async fn a_pause_that_is_longer_than_a_call_may_wait_is_said_and_not_waited_out() {
    for (status, code, kind) in [
        ("503 Service Unavailable", "ServiceUnavailable", ErrorKind::Internal),
        ("429 Too Many Requests", "TooManyRequestsException", ErrorKind::Throttled),
    ] {
        for pause in [("retry-after", "3600"), ("x-amz-retry-after", "3599001")] {
            let outcome = call(vec![refusal(status, code, &[pause])]).await;
            outcome.is(kind, code, true);
            assert_eq!(outcome.server.connections(), 1, "{pause:?}");
            assert_eq!(outcome.error().hint_str(), Some("tried once; it asks to be left alone for 3600 s"));
        }
    }
    // It does not make a refusal worth repeating.
    let outcome = call(vec![refusal("400 Bad Request", "ValidationException", &[("retry-after", "1")])]).await;
    assert_eq!((outcome.server.connections(), outcome.error().is_retryable()), (1, false));
}

#[tokio::test]
async fn a_server_s_fault_is_tried_three_times() {
    for (status, code) in [
        ("500 Internal Server Error", "InternalFailure"),
        ("502 Bad Gateway", "BadGateway"),
        ("503 Service Unavailable", "ServiceUnavailable"),
        ("504 Gateway Timeout", "GatewayTimeout"),
    ] {
        let outcome = call(vec![refusal(status, code, &[])]).await;
        outcome.is(ErrorKind::Internal, code, true);
        assert_eq!(outcome.server.connections(), 3, "{status}");
    }
}

/// Calls that act anew each time they are made.
fn acts() -> [(&'static str, &'static str, Value); 3] {
    [
        ("lambda", "Invoke", json!({"FunctionName": "f"})),
        ("ec2", "CreateSnapshot", json!({"VolumeId": "vol-1"})),
        ("sns", "Publish", json!({"TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Message": "m"})),
    ]
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let half = message("200 OK", JSON, b"{\"ClusterSummaries\":[]}");
    let half = half[..half.len() - 5].to_vec();
    for fault in [
        Fault::Reset,
        Fault::Hangup,
        Fault::Answer(half),
        Fault::Stall(Vec::new()),
        Fault::answer("500 Internal Server Error", &[], b""),
        Fault::answer("504 Gateway Timeout", &[], b""),
    ] {
        for act in acts() {
            let short = |settings| Settings { attempt_timeout: Duration::from_millis(400), ..settings };
            let outcome = call_with(vec![fault.clone()], act, short).await;
            assert_eq!(outcome.server.connections(), 1, "{fault:?}");
            assert!(!outcome.error().is_retryable(), "{fault:?}: {:?}", outcome.error());
            let hint = outcome.error().hint_str().unwrap_or_default().to_owned();
            assert!(hint.contains("may have been carried out"), "{fault:?}: {:?}", outcome.error());
        }
    }
}

#[tokio::test]
async fn what_was_surely_not_done_is_tried_again() {
    for act in acts() {
        let outcome =
            call_with(vec![Fault::answer("503 Service Unavailable", &[], b"")], act, |settings| settings).await;
        assert_eq!(outcome.server.connections(), 3);
        assert!(outcome.error().is_retryable(), "{:?}", outcome.error());
    }
    let throttled = refusal("429 Too Many Requests", "TooManyRequestsException", &[]);
    let [invoke, ..] = acts();
    let outcome = call_with(vec![throttled, Fault::answer("200 OK", &[], b"7")], invoke, |settings| settings).await;
    assert_eq!(outcome.result.unwrap()["Payload"], "Nw==");
    // Nobody there: nothing was sent.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let engine = Engine::new(settings(format!("http://{nobody}")));
    let [(service, operation, input), ..] = acts();
    let error = engine.call(service, operation, input, &Scope::default()).await.unwrap_err();
    assert!(error.is_retryable() && error.hint_str().is_none(), "{error:?}");
}

#[tokio::test]
async fn a_call_with_a_token_is_repeated_with_the_same_token() {
    let run = ("ec2", "RunInstances", json!({"MinCount": 1, "MaxCount": 1}));
    let done = Fault::answer(
        "200 OK",
        &[],
        b"<RunInstancesResponse><reservationId>r-1</reservationId></RunInstancesResponse>",
    );
    let outcome = call_with(vec![Fault::Hangup, done], run, |settings| settings).await;
    assert_eq!(outcome.result.as_ref().unwrap()["ReservationId"], "r-1");
    let requests = outcome.server.requests();
    let token = |request: &String| request.split('&').find(|pair| pair.starts_with("ClientToken=")).unwrap().to_owned();
    assert_eq!(token(&requests[0]), token(&requests[1]));
}

#[tokio::test]
async fn a_call_that_is_given_up_ends_its_request() {
    let server = Faulty::start(vec![Fault::Stall(Vec::new())]).unwrap();
    let engine = Engine::new(settings(server.url()));
    let call =
        tokio::spawn(async move { engine.call("sagemaker", "ListClusters", json!({}), &Scope::default()).await });
    while server.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.under_way(), 1);
    call.abort();
    let end = Instant::now() + BOUND;
    while server.under_way() > 0 {
        assert!(Instant::now() < end, "the connection is still open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
