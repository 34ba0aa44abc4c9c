//! Lists the buckets that the default identity may see: `cargo run -p trainyard-aws --example list_buckets`.

#![expect(clippy::print_stdout, reason = "an example for a terminal")]

use serde_json::json;
use trainyard_aws::{Engine, Scope, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), trainyard_contract::Error> {
    let engine = Engine::new(Settings::default());
    let mut pages = engine.page_stream("s3", "ListBuckets", json!({}), &Scope::default(), None)?;
    while let Some(page) = pages.next().await {
        for bucket in page?.output["Buckets"].as_array().into_iter().flatten() {
            println!("{}\t{}", bucket["CreationDate"].as_str().unwrap_or("-"), bucket["Name"].as_str().unwrap_or("-"));
        }
    }
    Ok(())
}
