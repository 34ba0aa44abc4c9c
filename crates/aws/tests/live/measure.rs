//! How long things take. Run when asked: `cargo test --release -p trainyard-aws --test live measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trainyard_aws::{Engine, catalogue, example_input, validate};

use crate::emulator::{here, settings};

fn report(what: &str, took: Duration) {
    let took = took.as_secs_f64() * 1000.0;
    eprintln!("{what:<48} {took:>9.3} ms");
}

async fn calls(engine: &Engine, service: &str, operation: &str, input: Value) {
    let (mut all, mut first) = (Vec::new(), Duration::ZERO);
    for round in 0..200 {
        let begun = Instant::now();
        engine.call(service, operation, input.clone(), &here()).await.unwrap();
        let took = begun.elapsed();
        if round == 0 { first = took } else { all.push(took) }
    }
    all.sort();
    report(&format!("{service} {operation}, first of the process"), first);
    report(&format!("{service} {operation}, least of 200"), all[0]);
    report(&format!("{service} {operation}, median"), all[all.len() / 2]);
}

#[tokio::test]
#[ignore = "a measurement"]
async fn latency() {
    let begun = Instant::now();
    let engine = Engine::new(settings(&crate::moto::MOTO.url()));
    report("moto and a new engine", begun.elapsed());
    let begun = Instant::now();
    let another = Engine::new(settings(&crate::moto::MOTO.url()));
    report("a new engine", begun.elapsed());
    drop(another);
    let begun = Instant::now();
    engine.preview("kms", "ListKeys", json!({}), &here()).await.unwrap();
    report("first request written, with identity and client", begun.elapsed());
    let begun = Instant::now();
    for _ in 0..1000 {
        engine.preview("kms", "ListKeys", json!({}), &here()).await.unwrap();
    }
    report("a request written, signed and dropped", begun.elapsed() / 1000);
    calls(&engine, "sts", "GetCallerIdentity", json!({})).await;
    calls(&engine, "sagemaker", "ListClusters", json!({})).await;
    let images = engine.call("ec2", "DescribeImages", json!({"Owners": ["amazon"]}), &here()).await.unwrap().output;
    let run =
        json!({"ImageId": images["Images"][0]["ImageId"], "MinCount": 15, "MaxCount": 15, "InstanceType": "t3.micro"});
    engine.call("ec2", "RunInstances", run, &here()).await.unwrap();
    calls(&engine, "ec2", "DescribeInstances", json!({})).await;
}

#[test]
#[ignore = "a measurement"]
fn validation() {
    for (service, operation) in [("ec2", "RunInstances"), ("sagemaker", "CreateCluster"), ("s3", "PutObject")] {
        let begun = Instant::now();
        let input = example_input(service, operation).unwrap();
        catalogue::service(service).unwrap();
        report(&format!("{service}: facts decoded"), begun.elapsed());
        let begun = Instant::now();
        for _ in 0..1000 {
            drop(validate(service, operation, &input));
        }
        report(&format!("{service} {operation}: validated"), begun.elapsed() / 1000);
    }
}
