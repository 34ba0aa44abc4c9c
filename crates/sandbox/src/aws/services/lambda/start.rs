//! The functions that are there at the start: each program once, and what they did in the last nights.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    deliver, functions,
    programs::{self, Program},
};
use crate::aws::{
    account::Account,
    services::{s3_bucket, within},
    table::Table,
};

/// The hour (UTC) of the nightly report, and the nights before the start in which it ran.
const HOUR: u8 = 2;
const NIGHTS: i64 = 3;
/// Days ago that functions were made.
const DAYS: u64 = 70;
/// The role that functions have.
pub(in crate::aws) const ROLE: &str = "trainyard-functions";

/// Makes them.
pub(in crate::aws) fn build(account: &mut Account, region: &str) {
    s3_bucket(account, region, programs::BUCKET);
    for program in programs::ALL {
        let key = format!("{}.zip", program.name);
        let object =
            json!({ "Bucket": programs::BUCKET, "Key": key, "Body": BASE64_STANDARD.encode(program.package()) });
        let made = within(account, region, "s3", "PutObject", object);
        debug_assert!(made.is_ok(), "{made:?}");
        let made =
            account.back_then(std::time::Duration::from_secs(86_400 * DAYS), |account| make(account, region, program));
        debug_assert!(made.is_some(), "{}", program.name);
    }
    if let Some(row) = account.row_mut(region, Table::LambdaFunctions, programs::QUOTAS) {
        // Somebody switched it off: a function that may have no call under way is throttled.
        row["_reserved"] = 0.into();
    }
    nights(account, region);
}

fn make(account: &mut Account, region: &str, program: &Program) -> Option<Value> {
    let role = format!("arn:aws:iam::{}:role/{ROLE}", account.id);
    let input = json!({
        "FunctionName": program.name, "Runtime": programs::RUNTIME, "Handler": programs::HANDLER, "Role": role, "Description": program.about,
        "Timeout": program.timeout, "MemorySize": program.memory, "Publish": true,
        "Code": { "S3Bucket": programs::BUCKET, "S3Key": format!("{}.zip", program.name) },
        "Tags": { "team": "platform" },
    });
    functions::new(account, region, input).ok()?;
    functions::ready(account, region, program.name);
    let alias = json!({ "FunctionName": program.name, "Name": "live", "FunctionVersion": "1", "Description": "what is in use" });
    within(account, region, "lambda", "CreateAlias", alias).ok()
}

/// The report ran in the last nights, and will in the next ones.
fn nights(account: &mut Account, region: &str) {
    let (now, last) = (account.now(), deliver::last(account.now(), HOUR));
    for night in (0..NIGHTS).rev() {
        let ago = now - (last - time::Duration::days(night));
        let ago = std::time::Duration::try_from(ago).unwrap_or_default();
        account.back_then(ago, |account| deliver::scheduled(account, region, programs::REPORT));
    }
    deliver::daily(account, region, programs::REPORT, HOUR);
}
