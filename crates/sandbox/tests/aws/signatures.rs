//! Who is let in.

use serde_json::json;
use trainyard_aws::Scope;
use trainyard_sandbox::aws::Endpoint;

use super::{KEY, SECRET, engine_with, keys};

fn endpoint() -> Endpoint {
    Endpoint::start(0, keys(), Vec::new(), |_| Ok(json!({}))).expect("a port on loopback")
}

/// A read without required input, of each protocol.
const READS: [(&str, &str); 7] = [
    ("sts", "GetCallerIdentity"),
    ("ec2", "DescribeVpcs"),
    ("iam", "ListUsers"),
    ("sagemaker", "ListClusters"),
    ("cloudwatch", "ListMetrics"),
    ("eks", "ListClusters"),
    ("s3", "ListBuckets"),
];

#[tokio::test]
async fn strangers_are_told_so_in_the_words_of_the_service() {
    let endpoint = endpoint();
    let stranger = engine_with(endpoint.url(), "AKIAIOSFODNN7UNKNOWN", SECRET);
    let forger = engine_with(endpoint.url(), KEY, "another secret");
    let mut codes = Vec::new();
    for (service, operation) in READS {
        let unknown = stranger.call(service, operation, json!({}), &Scope::default()).await.expect_err(operation);
        let refused = forger.call(service, operation, json!({}), &Scope::default()).await.expect_err(operation);
        codes.push((service, unknown.code_str().to_owned(), refused.code_str().to_owned()));
    }
    let wanted = [
        ("sts", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("ec2", "AuthFailure", "AuthFailure"),
        ("iam", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("sagemaker", "UnrecognizedClientException", "InvalidSignatureException"),
        ("cloudwatch", "UnrecognizedClientException", "InvalidSignatureException"),
        ("eks", "UnrecognizedClientException", "InvalidSignatureException"),
        ("s3", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    ];
    let codes: Vec<_> = codes.iter().map(|(service, one, other)| (*service, one.as_str(), other.as_str())).collect();
    assert_eq!(codes, wanted);
}
