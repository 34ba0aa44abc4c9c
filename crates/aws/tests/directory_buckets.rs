//! Directory buckets of S3: each call is signed with a session of its bucket, which is asked for once.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_types::{DateTime, date_time::Format};
use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_contract::Ceiling;
use trainyard_harness::{Endpoint, Reply, Seen};

const BUCKET: &str = "data--euw1-az1--x-s3";

/// S3 as far as it takes: sessions with a number, that end after `life`; `refused` of them are good for nothing.
fn s3(life: Duration, refused: usize) -> Endpoint {
    let sessions = Arc::new(AtomicUsize::new(0));
    Endpoint::start(move |seen: &Seen| {
        if seen.path.contains("?session") {
            let number = sessions.fetch_add(1, Ordering::SeqCst);
            let end = DateTime::from(SystemTime::now() + life).fmt(Format::DateTime).unwrap();
            let body = format!(
                "<CreateSessionResult><Credentials><SessionToken>token-{number}</SessionToken>\
                 <SecretAccessKey>secret-{number}</SecretAccessKey><AccessKeyId>ASIAEXPRESS{number}</AccessKeyId>\
                 <Expiration>{end}</Expiration></Credentials></CreateSessionResult>"
            );
            return Reply::new(200, "application/xml", &body);
        }
        let token = seen.header("x-amz-s3session-token").unwrap_or_default();
        if (0..refused).any(|number| token == format!("token-{number}")) {
            let body = "<Error><Code>ExpiredToken</Code><Message>the session ended</Message></Error>";
            return Reply::new(400, "application/xml", body);
        }
        Reply::new(200, "text/plain", if seen.method == "GET" { "content" } else { "" })
    })
    .unwrap()
}

fn engine(endpoint: &Endpoint) -> Engine {
    Engine::new(Settings {
        ceiling: Ceiling { write: true, sensitive: true },
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: Some("outer-token".to_owned()),
        }),
        endpoint_url: Some(endpoint.url()),
        ..Settings::default()
    })
}

async fn get(engine: &Engine, bucket: &str) -> Result<Value, trainyard_contract::Error> {
    let input = json!({"Bucket": bucket, "Key": "shard-0"});
    Ok(engine.call("s3", "GetObject", input, &Scope::default()).await?.output)
}

#[tokio::test]
async fn a_session_is_asked_for_once_and_signs_what_follows() {
    let endpoint = s3(Duration::from_mins(5), 0);
    let engine = engine(&endpoint);
    for _ in 0..3 {
        get(&engine, BUCKET).await.unwrap();
    }
    let put = json!({"Bucket": BUCKET, "Key": "shard-1", "Body": "AAAA"});
    engine.call("s3", "PutObject", put, &Scope::default()).await.unwrap();
    let seen = endpoint.take();
    let (asked, sent): (Vec<&Seen>, Vec<&Seen>) = seen.iter().partition(|seen| seen.path.contains("?session"));
    assert_eq!((asked.len(), sent.len()), (1, 4));
    // The question is signed by the identity, for S3 Express.
    let question = asked[0].header("authorization").unwrap();
    assert!(question.contains("AKIAIOSFODNN7EXAMPLE") && question.contains("/eu-west-1/s3express/"), "{question}");
    assert_eq!(asked[0].header("x-amz-security-token"), Some("outer-token"));
    for call in sent {
        let signature = call.header("authorization").unwrap();
        assert!(signature.contains("Credential=ASIAEXPRESS0/"), "{signature}");
        assert!(signature.contains("/eu-west-1/s3express/aws4_request"), "{signature}");
        assert!(signature.contains("x-amz-s3session-token"), "the token is signed: {signature}");
        assert_eq!(call.header("x-amz-s3session-token"), Some("token-0"));
        assert_eq!(call.header("x-amz-security-token"), None);
    }
}

#[tokio::test]
async fn a_session_that_is_about_to_end_is_not_used_again() {
    let endpoint = s3(Duration::from_secs(30), 0);
    let engine = engine(&endpoint);
    get(&engine, BUCKET).await.unwrap();
    get(&engine, BUCKET).await.unwrap();
    let tokens: Vec<String> =
        endpoint.take().iter().filter_map(|seen| seen.header("x-amz-s3session-token").map(str::to_owned)).collect();
    assert_eq!(tokens, ["token-0", "token-1"]);
}

#[tokio::test]
async fn a_session_that_is_refused_is_asked_for_once_more() {
    let endpoint = s3(Duration::from_mins(5), 1);
    let engine = engine(&endpoint);
    get(&engine, BUCKET).await.unwrap();
    get(&engine, BUCKET).await.unwrap();
    let asked = endpoint.take().iter().filter(|seen| seen.path.contains("?session")).count();
    assert_eq!(asked, 2);

    let endpoint = s3(Duration::from_mins(5), 9);
    let error = get(&self::engine(&endpoint), BUCKET).await.unwrap_err();
    assert_eq!(error.code_str(), "ExpiredToken");
    let asked = endpoint.take().iter().filter(|seen| seen.path.contains("?session")).count();
    assert_eq!(asked, 2, "once, and once more");
}

#[tokio::test]
async fn other_buckets_and_previews_ask_for_no_session() {
    let endpoint = s3(Duration::from_mins(5), 0);
    let engine = engine(&endpoint);
    get(&engine, "data").await.unwrap();
    let input = json!({"Bucket": BUCKET, "Key": "shard-0"});
    let preview = engine.preview("s3", "GetObject", input, &Scope::default()).await.unwrap();
    assert!(preview.url.contains(BUCKET), "{}", preview.url);
    assert!(preview.headers.iter().all(|(name, _)| !name.contains("token")), "{:?}", preview.headers);
    let seen = endpoint.take();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("x-amz-s3session-token"), None);
}

#[tokio::test]
async fn an_address_with_a_signature_is_not_made_for_them() {
    let endpoint = s3(Duration::from_mins(5), 0);
    let input = json!({"Bucket": BUCKET, "Key": "shard-0"});
    let lasts = Duration::from_mins(5);
    let signed = engine(&endpoint).presign("s3", "GetObject", input, &Scope::default(), &[], lasts).await;
    assert_eq!(signed.unwrap_err().code_str(), "unsupported");
    assert!(endpoint.take().is_empty());
}
