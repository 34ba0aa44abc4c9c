//! So many calls, so many at once, by this client or by AWS's generated ones, for `beside_others.py` to time from
//! outside: `ours|generated sts|dynamodb|s3|ec2 URL CALLS AT_ONCE`. Prints the median of the calls in seconds.

use std::{error::Error, future::Future, time::Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};
use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_contract::Ceiling;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "secret";
const REGION: &str = "eu-west-1";

/// Makes the calls, and checks that each was understood.
async fn measure<C, F>(calls: usize, at_once: usize, call: C) -> Outcome<f64>
where
    C: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = Outcome<bool>> + Send,
{
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut took = Vec::new();
                for _ in 0..calls / at_once {
                    let begun = Instant::now();
                    if !call().await? {
                        return Err("an answer was misunderstood".into());
                    }
                    took.push(begun.elapsed());
                }
                Outcome::Ok(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for worker in workers {
        took.extend(worker.await??);
    }
    took.sort();
    Ok(took[took.len() / 2].as_secs_f64())
}

/// The operation of a service, its input, and where the answer says what.
fn question(service: &str) -> Outcome<(&'static str, Value, &'static str)> {
    Ok(match service {
        "sts" => ("GetCallerIdentity", json!({}), "/Arn"),
        "dynamodb" => (
            "Query",
            json!({"TableName": "jobs", "KeyConditionExpression": "id = :id",
                "ExpressionAttributeValues": {":id": {"S": "job-1"}}}),
            "/Items/14/id/S",
        ),
        "s3" => ("ListObjectsV2", json!({"Bucket": "data", "Prefix": "shard"}), "/Contents/14/Key"),
        "ec2" => ("DescribeInstances", json!({}), "/Reservations/0/Instances/14/InstanceId"),
        other => return Err(format!("no question to {other}").into()),
    })
}

async fn ours(service: &'static str, url: &str, calls: usize, at_once: usize) -> Outcome<f64> {
    let engine = Engine::new(Settings {
        // Items of a table are somebody's data.
        ceiling: Ceiling { write: false, sensitive: true },
        endpoint_url: Some(url.to_owned()),
        region: Some(REGION.to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: KEY.to_owned(),
            secret_access_key: SECRET.to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    });
    let (operation, input, place) = question(service)?;
    let call = move || {
        let (engine, input) = (engine.clone(), input.clone());
        async move {
            let reply = engine.call(service, operation, input, &Scope::default()).await?;
            Ok(reply.output.pointer(place).is_some_and(Value::is_string))
        }
    };
    measure(calls, at_once, call).await
}

async fn generated(service: &str, url: &str, calls: usize, at_once: usize) -> Outcome<f64> {
    let (version, region) = (BehaviorVersion::latest(), Region::new(REGION));
    let keys = Credentials::new(KEY, SECRET, None, None, "settings");
    match service {
        "sts" => {
            let config = aws_sdk_sts::Config::builder().behavior_version(version).region(region);
            let config = config.credentials_provider(keys).endpoint_url(url).build();
            let client = aws_sdk_sts::Client::from_conf(config);
            let call = move || {
                let client = client.clone();
                async move { Ok(client.get_caller_identity().send().await?.arn.is_some()) }
            };
            measure(calls, at_once, call).await
        }
        "dynamodb" => {
            let config = aws_sdk_dynamodb::Config::builder().behavior_version(version).region(region);
            let config = config.credentials_provider(keys).endpoint_url(url).build();
            let client = aws_sdk_dynamodb::Client::from_conf(config);
            let call = move || {
                let client = client.clone();
                async move {
                    let query = client.query().table_name("jobs").key_condition_expression("id = :id");
                    let query = query.expression_attribute_values(":id", AttributeValue::S("job-1".to_owned()));
                    Ok(query.send().await?.items().get(14).is_some_and(|item| item.contains_key("id")))
                }
            };
            measure(calls, at_once, call).await
        }
        "s3" => {
            let config = aws_sdk_s3::Config::builder().behavior_version(version).region(region);
            let config = config.credentials_provider(keys).endpoint_url(url).force_path_style(true).build();
            let client = aws_sdk_s3::Client::from_conf(config);
            let call = move || {
                let client = client.clone();
                async move {
                    let list = client.list_objects_v2().bucket("data").prefix("shard").send().await?;
                    Ok(list.contents().get(14).is_some_and(|object| object.key.is_some()))
                }
            };
            measure(calls, at_once, call).await
        }
        other => Err(format!("no generated client of {other} here").into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, client, service, url, calls, at_once] = arguments.as_slice() else {
        return Err("usage: ours|generated sts|dynamodb|s3|ec2 URL CALLS AT_ONCE".into());
    };
    let (calls, at_once) = (calls.parse()?, at_once.parse()?);
    let median = match client.as_str() {
        "ours" => ours(service.clone().leak(), url, calls, at_once).await?,
        "generated" => generated(service, url, calls, at_once).await?,
        other => return Err(format!("no client {other}").into()),
    };
    println!("{median:.6}");
    Ok(())
}
