//! Makes so many calls, so many at once, for `benches/beside_boto3.py` to time from outside.

#![expect(clippy::print_stdout, reason = "read by the script that runs it")]

use std::time::Instant;

use serde_json::json;
use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_contract::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, calls, at_once] = arguments.as_slice() else {
        return Err(Error::validation("usage: measure URL CALLS AT_ONCE"));
    };
    let number = |text: &String| text.parse::<usize>().map_err(|error| Error::validation(format!("{text}: {error}")));
    let (calls, at_once) = (number(calls)?, number(at_once)?);
    let engine = Engine::new(Settings {
        endpoint_url: Some(url.clone()),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    });
    let workers = (0..at_once).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let mut took = Vec::new();
            for _ in 0..calls / at_once {
                let begun = Instant::now();
                engine.call("ec2", "DescribeInstances", json!({}), &Scope::default()).await?;
                took.push(begun.elapsed());
            }
            Ok::<_, Error>(took)
        })
    });
    let mut took = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        took.extend(worker.await.map_err(|error| Error::internal(error.to_string()))??);
    }
    took.sort();
    println!("{:.6}", took[took.len() / 2].as_secs_f64());
    Ok(())
}
