//! The endpoint as clients see it: the project's own, and boto3.

mod beside;
mod boto3;
mod command_line;
mod functions;
mod hyperpod;
mod iam;
mod known;
mod logs;
mod python;
mod roundtrip;
mod services;
mod signatures;
mod stacks;
mod state;
mod tools;

#[path = "../../../aws/tests/oracle/generate.rs"]
mod generate;
#[path = "../../../aws/tests/oracle/sample.rs"]
mod sample;

use trainyard_aws::{Engine, Settings, StaticCredentials, StaticToken};
use trainyard_contract::Ceiling;
use trainyard_sandbox::aws::AccessKey;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn keys() -> Vec<AccessKey> {
    vec![AccessKey { id: KEY.to_owned(), secret: SECRET.to_owned() }]
}

/// The client that the project ships, with any key.
fn engine_with(url: String, id: &str, secret: &str) -> Engine {
    Engine::new(Settings {
        ceiling: Ceiling { write: true, sensitive: true },
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(url),
        max_attempts: Some(1),
        credentials: Some(StaticCredentials {
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: None,
        }),
        token: Some(StaticToken("token".to_owned())),
        ..Settings::default()
    })
}

fn engine(url: String) -> Engine {
    engine_with(url, KEY, SECRET)
}
