//! Servers that misbehave.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::emulator::{here, settings};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use trainyard_aws::{Engine, Settings};
use trainyard_contract::{Ceiling, Error, ErrorKind};

/// A server that answers its n-th request with its n-th answer, and the last from then on.
struct Hostile {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Answer {
    /// Bytes, then the end of the connection.
    Bytes(String),
    /// The start of an answer, and nothing more for ever.
    Stall(String),
    /// Bytes without end.
    Flood(String),
}

fn http(status: &str, kind: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Bytes(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))
}

fn json_error(code: &str) -> Answer {
    http("400 Bad Request", "application/x-amz-json-1.1", &format!("{{\"__type\":\"{code}\",\"message\":\"no\"}}"))
}

fn clusters(body: &str) -> Answer {
    http("200 OK", "application/x-amz-json-1.1", body)
}

impl Hostile {
    async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (requests, connections) = (Arc::default(), Arc::default());
        let hostile = Self { address: listener.local_addr().unwrap(), requests, connections };
        let (requests, connections) = (Arc::clone(&hostile.requests), Arc::clone(&hostile.connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let answer = answers[number.min(answers.len() - 1)].clone();
                tokio::spawn(serve(stream, answer, Arc::clone(&requests)));
            }
        });
        hostile
    }

    fn settings(&self) -> Settings {
        settings(&format!("http://{}", self.address))
    }

    async fn ask(&self) -> Result<serde_json::Value, Error> {
        let engine = Engine::new(self.settings());
        engine.call("sagemaker", "ListClusters", json!({}), &here()).await.map(|reply| reply.output)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, requests: Arc<Mutex<Vec<String>>>) {
    let mut request = vec![0; 65536];
    let read = stream.read(&mut request).await.unwrap_or_default();
    requests.lock().unwrap().push(String::from_utf8_lossy(&request[..read]).into_owned());
    match answer {
        Answer::Bytes(bytes) => drop(stream.write_all(bytes.as_bytes()).await),
        Answer::Stall(start) => {
            drop(stream.write_all(start.as_bytes()).await);
            std::future::pending::<()>().await;
        }
        Answer::Flood(start) => {
            drop(stream.write_all(start.as_bytes()).await);
            let blanks = vec![b' '; 65536];
            while stream.write_all(&blanks).await.is_ok() {}
        }
    }
}

#[tokio::test]
async fn a_hiccup_is_retried_three_times_in_all() {
    let answers = vec![
        http("503 Service Unavailable", "text/plain", "busy"),
        json_error("ThrottlingException"),
        clusters("{\"ClusterSummaries\":[],\"Unknown\":{\"deep\":[1]}}"),
    ];
    let hostile = Hostile::start(answers).await;
    assert_eq!(hostile.ask().await.unwrap(), json!({"ClusterSummaries": []}));
    let requests = hostile.requests();
    assert_eq!(requests.len(), 3);
    for (number, request) in requests.iter().enumerate() {
        assert!(request.contains(&format!("amz-sdk-request: attempt={}; max=3", number + 1)), "{request}");
        assert!(request.contains("x-amz-target: SageMaker.ListClusters"));
        assert!(request.contains("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"));
        assert!(request.contains("/eu-west-1/sagemaker/aws4_request"));
        assert!(request.contains("app/trainyard"));
    }
}

#[tokio::test]
async fn an_error_under_a_200_is_an_error_and_passes() {
    let error = "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>again</Message></Error>";
    let copied = "<CopyObjectResult><ETag>&quot;x&quot;</ETag></CopyObjectResult>";
    let hostile =
        Hostile::start(vec![http("200 OK", "application/xml", error), http("200 OK", "application/xml", copied)]).await;
    let engine = Engine::new(hostile.settings());
    let copy = json!({"Bucket": "b", "Key": "k", "CopySource": "b/other"});
    let reply = engine.call("s3", "CopyObject", copy, &here()).await.unwrap();
    assert_eq!(reply.output["CopyObjectResult"]["ETag"], "\"x\"");
    assert_eq!(hostile.requests().len(), 2);
}

#[tokio::test]
async fn a_body_that_its_checksum_denies_is_asked_for_again() {
    let answer = |sum: &str| {
        Answer::Bytes(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-amz-checksum-crc32: {sum}\r\nconnection: close\r\n\r\nhello"
        ))
    };
    let input = json!({"Bucket": "b", "Key": "k"});
    let hostile = Hostile::start(vec![answer("AAAAAA=="), answer("NhCmhg==")]).await;
    let reply = Engine::new(hostile.settings()).call("s3", "GetObject", input.clone(), &here()).await.unwrap();
    assert_eq!(reply.output["Body"], "aGVsbG8=");
    assert!(hostile.requests()[0].contains("x-amz-checksum-mode: ENABLED"));
    assert_eq!(hostile.requests().len(), 2);
    let hostile = Hostile::start(vec![answer("AAAAAA==")]).await;
    let error = Engine::new(hostile.settings()).call("s3", "GetObject", input, &here()).await.unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Network, "ChecksumMismatch"));
}

#[tokio::test]
async fn patience_ends_with_the_service_s_own_words() {
    let hostile = Hostile::start(vec![json_error("ThrottlingException")]).await;
    let error = hostile.ask().await.unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Throttled, "ThrottlingException"));
    assert!(error.is_retryable());
    assert_eq!(hostile.requests().len(), 3);
}

#[tokio::test]
async fn what_is_refused_for_good_is_asked_once() {
    let hostile = Hostile::start(vec![json_error("com.amazon.coral#AccessDeniedException")]).await;
    let error = hostile.ask().await.unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::AccessDenied, "AccessDeniedException"));
    assert!(error.hint_str().unwrap().contains("sagemaker:ListClusters"));
    assert_eq!(hostile.requests().len(), 1);
}

#[tokio::test]
async fn a_body_that_stalls_ends_the_call() {
    let start = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 100\r\n\r\n{";
    let hostile = Hostile::start(vec![Answer::Stall(start.to_owned())]).await;
    let begun = Instant::now();
    let engine = Engine::new(Settings { max_attempts: Some(1), ..hostile.settings() });
    let error = engine.call("sagemaker", "ListClusters", json!({}), &here()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_never_answers_is_left() {
    let hostile = Hostile::start(vec![Answer::Stall(String::new())]).await;
    let engine = Engine::new(Settings {
        attempt_timeout: Duration::from_millis(300),
        operation_timeout: Duration::from_secs(1),
        ..hostile.settings()
    });
    let begun = Instant::now();
    let error = engine.call("sagemaker", "ListClusters", json!({}), &here()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(error.message().contains("127.0.0.1"), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_page_is_no_answer() {
    let page = "<!doctype html><html><title>500 Internal Server Error</title><script>alert(1)</script></html>";
    let hostile = Hostile::start(vec![http("500 Internal Server Error", "text/html", page)]).await;
    for (service, operation) in [
        ("sagemaker", "ListClusters"),
        ("ec2", "DescribeVpcs"),
        ("s3", "ListBuckets"),
        ("sts", "GetCallerIdentity"),
        ("eks", "ListClusters"),
    ] {
        let engine = Engine::new(Settings { max_attempts: Some(1), ..hostile.settings() });
        let error = engine.call(service, operation, json!({}), &here()).await.unwrap_err();
        assert_eq!((error.kind(), error.http_status_code()), (ErrorKind::Internal, Some(500)), "{service}: {error:?}");
        assert!(!error.to_string().contains('<'), "{error}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn garbage_is_said_to_be_garbage_and_not_asked_for_again() {
    for body in ["{", "[]", "null!", "\u{0}\u{1}", "{\"ClusterSummaries\": 7}"] {
        let hostile = Hostile::start(vec![clusters(body)]).await;
        let error = hostile.ask().await.unwrap_err();
        assert_eq!((error.kind(), error.code_str()), (ErrorKind::Internal, "MalformedMessage"), "{body}: {error:?}");
        assert_eq!(hostile.requests().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn deep_answers_are_refused() {
    let body = format!("{{\"Item\":{{\"a\":{}{}}}}}", "{\"L\":[".repeat(20_000), "]}".repeat(20_000));
    let hostile = Hostile::start(vec![clusters(&body)]).await;
    let engine = Engine::new(hostile.settings());
    let input = json!({"TableName": "t", "Key": {"id": {"S": "1"}}});
    let error = engine.call("dynamodb", "GetItem", input, &here()).await.unwrap_err();
    assert_eq!(error.code_str(), "MalformedMessage", "{error:?}");
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_limit() {
    let start = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close\r\n\r\n{";
    let announced = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 99999999\r\n\r\n{";
    for start in [start, announced] {
        let hostile = Hostile::start(vec![Answer::Flood(start.to_owned())]).await;
        let engine = Engine::new(Settings { max_response_bytes: 1_000_000, ..hostile.settings() });
        let error = engine.call("sagemaker", "ListClusters", json!({}), &here()).await.unwrap_err();
        assert_eq!(error.code_str(), "ResponseTooLarge", "{error:?}");
        assert!(error.message().contains("1000000"), "{error:?}");
        assert_eq!(hostile.requests().len(), 1);
    }
}

#[tokio::test]
async fn nobody_there_is_a_network_error_with_the_host() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let engine = Engine::new(Settings { max_attempts: Some(1), ..settings(&format!("http://{address}")) });
    let error = engine.call("sagemaker", "ListClusters", json!({}), &here()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
    assert!(error.message().contains(&address.to_string()), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_network_error() {
    let start = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 100\r\n\r\n{";
    let hostile = Hostile::start(vec![Answer::Bytes(start.to_owned())]).await;
    let engine = Engine::new(Settings { max_attempts: Some(1), ..hostile.settings() });
    let error = engine.call("sagemaker", "ListClusters", json!({}), &here()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
}

#[tokio::test]
async fn nothing_above_the_ceiling_is_sent() {
    let hostile = Hostile::start(vec![clusters("{}")]).await;
    let engine = Engine::new(Settings { ceiling: Ceiling::READ_ONLY, ..hostile.settings() });
    for (service, operation, input) in [
        ("sagemaker", "DeleteCluster", json!({"ClusterName": "c"})),
        ("ec2", "TerminateInstances", json!({"InstanceIds": ["i-1"], "DryRun": true})),
        ("secretsmanager", "GetSecretValue", json!({"SecretId": "s"})),
    ] {
        let error = engine.call(service, operation, input, &here()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PolicyDenied, "{operation}");
        assert!(error.hint_str().unwrap().contains("--allow-"), "{operation}");
    }
    let error = engine.call("sagemaker", "ListClusters", json!({"Nope": 1}), &here()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(hostile.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let hostile = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = Engine::new(settings(&format!("http://{}", hostile.local_addr().unwrap())));
    let call = tokio::spawn(async move { engine.call("sagemaker", "ListClusters", json!({}), &here()).await.is_ok() });
    let (mut stream, _) = hostile.accept().await.unwrap();
    let mut request = vec![0; 65536];
    assert!(stream.read(&mut request).await.unwrap() > 0);
    call.abort();
    let closed = tokio::time::timeout(Duration::from_secs(20), async {
        while !matches!(stream.read(&mut request).await, Ok(0) | Err(_)) {}
    });
    closed.await.expect("the connection is closed");
}
