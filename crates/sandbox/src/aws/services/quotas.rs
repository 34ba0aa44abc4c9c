//! Service quotas: what an account may have, and what it has unless AWS was asked for more.

use serde_json::{Value, json};

use super::Operations;
use crate::aws::{
    account::{Account, Cx},
    services::ec2::{TYPES, shown, taken},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("service-quotas", "GetAWSDefaultServiceQuota", default),
    ("service-quotas", "GetServiceQuota", get),
    ("service-quotas", "ListAWSDefaultServiceQuotas", defaults),
    ("service-quotas", "ListServiceQuotas", list),
];

/// Quotas of EC2 that launches are held against: code, name, and virtual CPUs beyond those in use at the start.
const EC2: &[(&str, &str, u64)] = &[
    ("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 1_920),
    ("L-417A185B", "Running On-Demand P instances", 768),
    ("L-DB2E81BA", "Running On-Demand G and VT instances", 768),
    ("L-2C3B7624", "Running On-Demand Trn instances", 512),
    ("L-1945791B", "Running On-Demand Inf instances", 64),
    ("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 1_920),
    ("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests", 384),
    ("L-C4BD4855", "All P5 Spot Instance Requests", 384),
    ("L-3819A6DF", "All G and VT Spot Instance Requests", 768),
    ("L-6B0D517C", "All Trn Spot Instance Requests", 256),
    ("L-B5D1601B", "All Inf Spot Instance Requests", 64),
];

const SAGEMAKER: (&str, &str) = ("sagemaker", "Amazon SageMaker");

/// Quotas of HyperPod as a whole.
const HYPERPOD: &[(&str, &str, u64)] = &[
    ("L-2E5D6D6A", "Maximum number of instances allowed per SageMaker HyperPod cluster", 256),
    ("L-C9E2A1A5", "Total number of instances allowed across SageMaker HyperPod clusters", 512),
];

/// Gives a region its quotas: what is in use, and some more.
pub(in crate::aws) fn build(account: &mut Account, region: &str) {
    for (code, name, more) in EC2 {
        let used = taken(account.rows(region, Table::Instances), code);
        keep(account, region, ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)"), (code, name), used + more);
    }
    let mut number: u64 = 0x1A2B_3C00;
    for known in TYPES.iter().filter(|known| known.gpus.is_some() || known.name.starts_with("m5")) {
        number += 17;
        let kind = format!("ml.{}", known.name);
        let nodes = account.rows(region, Table::HyperPodNodes).filter(|row| row["InstanceType"] == kind).count() as u64;
        let name = format!("{kind} for cluster usage");
        keep(account, region, SAGEMAKER, (&format!("L-{number:08X}"), &name), nodes + 4);
    }
    for (code, name, value) in HYPERPOD {
        keep(account, region, SAGEMAKER, (code, name), *value);
    }
}

fn keep(account: &mut Account, region: &str, (service, title): (&str, &str), (code, name): (&str, &str), value: u64) {
    let arn = account.arn("servicequotas", region, &format!("{service}/{code}"));
    #[expect(clippy::cast_precision_loss, reason = "CPUs and machines of one account")]
    let row = json!({
        "ServiceCode": service, "ServiceName": title, "QuotaCode": code, "QuotaName": name, "QuotaArn": arn, "Value": value as f64,
        "Unit": "None", "Adjustable": true, "GlobalQuota": false, "_default": 0.0,
    });
    account.insert(region, Table::Quotas, &format!("{service}/{code}"), row);
}

fn absent() -> Refusal {
    Refusal::new(
        400,
        "NoSuchResourceException",
        "The request failed because the specified service or quota does not exist.",
    )
}

/// As AWS gives it to everybody.
fn given(row: &Value) -> Value {
    let mut row = row.clone();
    row["Value"] = row["_default"].clone();
    shown(&row)
}

fn of_service(cx: &Cx<'_>, form: fn(&Value) -> Value) -> Result<Value, Refusal> {
    let service = cx.name("ServiceCode");
    let code = cx.text("QuotaCode");
    let rows = cx.rows(Table::Quotas).filter(|row| row["ServiceCode"] == service);
    let rows: Vec<Value> = rows.filter(|row| code.is_none_or(|code| row["QuotaCode"] == code)).map(form).collect();
    if rows.is_empty() { Err(absent()) } else { Ok(json!({ "Quotas": rows })) }
}

fn one(cx: &Cx<'_>, form: fn(&Value) -> Value) -> Result<Value, Refusal> {
    let id = format!("{}/{}", cx.name("ServiceCode"), cx.name("QuotaCode"));
    Ok(json!({ "Quota": form(cx.row(Table::Quotas, &id, absent)?) }))
}

fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    of_service(cx, shown)
}

fn defaults(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    of_service(cx, given)
}

fn get(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    one(cx, shown)
}

fn default(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    one(cx, given)
}
