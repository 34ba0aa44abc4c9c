//! EKS: where the cluster is, the token that lets us in, and the authority that it names.

use serde_json::json;
use trainyard_contract::ErrorKind;
use trainyard_k8s::{Engine, Settings};
use trainyard_sandbox::kubernetes::{Fault, Harm};
use trainyard_stand_in::StandIn;

use crate::{aws, cluster, der, sandbox};

/// Object identifier of a certificate's Authority Key Identifier, in DER.
const AUTHORITY_KEY_IDENTIFIER: [u8; 3] = [0x55, 0x1d, 0x23];

#[tokio::test]
async fn a_cluster_is_found_entered_by_token_and_entered_again_when_the_token_is_refused() {
    let (eks, server) = (StandIn::start(), sandbox());
    let authority = server.authority().unwrap();
    // EKS makes authorities like that, and strict checkers refuse them.
    assert!(!der(&authority).unwrap().windows(3).any(|part| part == AUTHORITY_KEY_IDENTIFIER));
    let data = trainyard_aws::to_base64(authority.as_bytes());
    eks.answer(
        "eks",
        "DescribeCluster",
        json!({ "cluster": { "name": "train", "status": "ACTIVE", "endpoint": server.url(), "certificateAuthority": { "data": data } } }),
    );
    let engine = Engine::new(Settings::default(), aws(Some(eks.url())));
    let kubernetes = cluster(&engine, "train");
    kubernetes.version().await.unwrap();
    kubernetes.version().await.unwrap();
    assert_eq!(eks.calls_of("DescribeCluster"), [json!({ "name": "train" })], "a cluster is looked up once");

    let requests = server.requests();
    let bearer = requests[0].authorization.as_deref().unwrap().strip_prefix("Bearer k8s-aws-v1.").unwrap();
    assert!(bearer.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{bearer}");
    assert_eq!(requests[0].authorization, requests[1].authorization, "a token is kept");
    let padded = format!("{bearer}{}", "=".repeat((4 - bearer.len() % 4) % 4)).replace('-', "+").replace('_', "/");
    let url = String::from_utf8(trainyard_aws::from_base64(&padded).unwrap()).unwrap();
    for part in [
        "Action=GetCallerIdentity",
        "Version=2011-06-15",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Expires=60",
        "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id",
        "%2Fus-west-2%2Fsts%2Faws4_request",
        "X-Amz-Signature=",
    ] {
        assert!(url.contains(part), "{part}: {url}");
    }

    server.forget_requests();
    let refusal = Harm::Status { code: 401, reason: "Unauthorized".into(), message: "no".into(), retry_after: None };
    server.fail(Fault::when("/version", refusal.clone()).times(1));
    kubernetes.version().await.unwrap();
    assert_eq!(server.requests().len(), 2, "once more, with a new token");
    server.fail(Fault::when("/version", refusal));
    let error = kubernetes.version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    assert!(error.hint_str().unwrap().contains("access entry"), "{error}");
}

#[tokio::test]
async fn a_cluster_that_is_being_made_or_is_not_there_is_told_apart() {
    let eks = StandIn::start();
    eks.answer("eks", "DescribeCluster", json!({ "cluster": { "name": "train", "status": "CREATING" } }));
    let engine = Engine::new(Settings::default(), aws(Some(eks.url())));
    let error = cluster(&engine, "train").version().await.unwrap_err();
    assert!(error.is_retryable() && error.message().contains("CREATING"), "{error}");
    eks.refuse("eks", "DescribeCluster", 404, "ResourceNotFoundException", "No cluster found for name: train.");
    let error = cluster(&engine, "train").version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
