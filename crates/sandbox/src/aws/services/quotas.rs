//! Service quotas: what an account may have, and what it has unless AWS was asked for more.

use std::time::Duration;

use serde_json::{Value, json};

use super::Operations;
use crate::aws::{
    account::{Account, Cx, Then},
    services::ec2::{TYPES, shown, taken},
    table::Table,
    wire::Refusal,
};

pub(super) const OPERATIONS: Operations = &[
    ("service-quotas", "GetAWSDefaultServiceQuota", default),
    ("service-quotas", "GetServiceQuota", get),
    ("service-quotas", "ListAWSDefaultServiceQuotas", defaults),
    ("service-quotas", "GetRequestedServiceQuotaChange", request),
    ("service-quotas", "ListRequestedServiceQuotaChangeHistory", requests),
    ("service-quotas", "ListServiceQuotas", list),
    ("service-quotas", "RequestServiceQuotaIncrease", increase),
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

/// What AWS takes to decide on an increase, and by how many times it grants one without asking back.
const DECISION: Duration = Duration::from_mins(15);
const GRANTED: f64 = 4.0;

fn increase(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let id = format!("{}/{}", cx.name("ServiceCode"), cx.name("QuotaCode"));
    let quota = cx.row(Table::Quotas, &id, absent)?.clone();
    let wanted = cx.input["DesiredValue"].as_f64().unwrap_or(0.0);
    if quota["Value"].as_f64().is_none_or(|value| wanted <= value) {
        let message = "You must provide a quota value greater than the current quota value.";
        return Err(Refusal::new(400, "IllegalArgumentException", message));
    }
    let is_open = |row: &&Value| row["QuotaArn"] == quota["QuotaArn"] && row["Status"] == "PENDING";
    if cx.rows(Table::QuotaRequests).any(|row| is_open(&row)) {
        let message = "Only one open service quota increase request is allowed per quota.";
        return Err(Refusal::new(400, "ResourceAlreadyExistsException", message));
    }
    let (request, now) = (cx.account.random.uid(), cx.account.stamp());
    let mut row = json!({
        "Id": request, "DesiredValue": wanted, "Status": "PENDING", "Created": now, "LastUpdated": now, "QuotaRequestedAtLevel": "ACCOUNT",
        "Requester": format!("{{\"accountId\":\"{}\"}}", cx.account.id), "_quota": id,
    });
    for member in ["ServiceCode", "ServiceName", "QuotaCode", "QuotaName", "QuotaArn", "GlobalQuota", "Unit"] {
        row[member] = quota[member].clone();
    }
    cx.insert(Table::QuotaRequests, &request, row.clone());
    cx.later(DECISION, Table::QuotaRequests, &request, Then::Step(decide));
    Ok(json!({ "RequestedQuota": shown(&row) }))
}

/// Grants an increase, or opens a case for one that people would look at.
fn decide(account: &mut Account, region: &str, request: &str) {
    let Some(row) = account.row(region, Table::QuotaRequests, request).cloned() else { return };
    let (id, wanted) = (row["_quota"].as_str().unwrap_or_default(), row["DesiredValue"].as_f64().unwrap_or(0.0));
    let Some(quota) = account.row_mut(region, Table::Quotas, id) else { return };
    let granted = quota["Value"].as_f64().is_some_and(|value| wanted <= value * GRANTED);
    if granted {
        quota["Value"] = wanted.into();
    }
    let now = account.stamp();
    if let Some(row) = account.row_mut(region, Table::QuotaRequests, request) {
        row["Status"] = if granted { "APPROVED" } else { "CASE_OPENED" }.into();
        row["LastUpdated"] = now;
    }
}

fn request(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "RequestedQuota": shown(cx.row(Table::QuotaRequests, &cx.name("RequestId"), absent)?) }))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn requests(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (service, status) = (cx.text("ServiceCode"), cx.text("Status"));
    let fits = |row: &&Value| {
        service.is_none_or(|service| row["ServiceCode"] == service)
            && status.is_none_or(|status| row["Status"] == status)
    };
    Ok(json!({ "RequestedQuotas": cx.rows(Table::QuotaRequests).filter(fits).map(shown).collect::<Vec<_>>() }))
}
