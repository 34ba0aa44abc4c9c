//! Bearer tokens: where they come from, where they go, and where they do not.

use serde_json::json;
use trainyard_aws::{Engine, Role, Scope, Settings, StaticCredentials, StaticToken};
use trainyard_contract::Ceiling;
use trainyard_harness::{Endpoint, Reply};

fn settings(url: &str) -> Settings {
    Settings {
        // No source says what codecatalyst's operations change.
        ceiling: Ceiling { write: true, sensitive: true },
        region: Some("us-west-2".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        token: Some(StaticToken("a-secret-token".to_owned())),
        endpoint_url: Some(url.to_owned()),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_token_goes_with_the_call_and_into_no_text() {
    let endpoint = Endpoint::start(|_| Reply::new(200, "application/json", r#"{"userId": "u-1"}"#)).unwrap();
    let settings = settings(&endpoint.url());
    assert!(!format!("{settings:?}").contains("a-secret-token"));
    let engine = Engine::new(settings);
    engine.call("codecatalyst", "VerifySession", json!({}), &Scope::default()).await.unwrap();
    let seen = endpoint.take();
    assert_eq!(seen[0].header("authorization"), Some("Bearer a-secret-token"));
    let preview = engine.preview("codecatalyst", "VerifySession", json!({}), &Scope::default()).await.unwrap();
    assert!(!format!("{preview:?}").contains("a-secret-token"));
}

#[tokio::test]
async fn who_has_no_token_is_told_how_to_get_one_each_time() {
    let endpoint = Endpoint::start(|_| Reply::new(200, "application/json", "{}")).unwrap();
    let profile = Some("research".to_owned());
    let engine = Engine::new(Settings { token: None, profile, ..settings(&endpoint.url()) });
    for _ in 0..2 {
        let error = engine.call("codecatalyst", "VerifySession", json!({}), &Scope::default()).await.unwrap_err();
        assert_eq!(error.code_str(), "MissingToken", "{error}");
        assert!(error.hint_str().unwrap().contains("aws sso login --profile research"), "{error}");
    }
    assert!(endpoint.take().is_empty());
}

#[tokio::test]
async fn a_token_does_not_go_in_plain_text_beyond_this_machine() {
    let engine = Engine::new(settings("http://192.0.2.1"));
    let error = engine.call("codecatalyst", "VerifySession", json!({}), &Scope::default()).await.unwrap_err();
    assert_eq!(error.code_str(), "InsecureEndpoint", "{error}");
}

#[tokio::test]
async fn a_token_is_not_taken_where_an_account_or_a_role_is_wanted() {
    let endpoint = Endpoint::start(|_| Reply::new(200, "application/json", "{}")).unwrap();
    let allowed = Some(vec!["123456789012".to_owned()]);
    let engine = Engine::new(Settings { allowed_accounts: allowed, ..settings(&endpoint.url()) });
    let error = engine.call("codecatalyst", "VerifySession", json!({}), &Scope::default()).await.unwrap_err();
    assert_eq!(error.code_str(), "AccountNotAllowed");

    // Nor where the call is to be made as somebody else.
    let role = Some(Role::arn("arn:aws:iam::123456789012:role/ann"));
    let scope = Scope { role, ..Scope::default() };
    let engine = Engine::new(settings(&endpoint.url()));
    let error = engine.call("codecatalyst", "VerifySession", json!({}), &scope).await.unwrap_err();
    assert_eq!(error.code_str(), "RoleNotUsed");
    assert!(endpoint.take().is_empty());
}
