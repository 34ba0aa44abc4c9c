//! The price list: instances and disks of EC2, nodes of HyperPod, on demand.

use serde_json::{Value, json};

use super::{Operations, ec2::TYPES};
use crate::{
    aws::{account::Cx, wire::Refusal},
    kubernetes::random::digest,
};

pub(super) const OPERATIONS: Operations = &[("pricing", "GetProducts", products)];

/// What a node of HyperPod costs more than an instance of the same type.
const MANAGED: f64 = 1.15;

/// Disks: family, name in the API, group, unit, dollars, and how the usage ends. EBS has them in this form.
const DISKS: &[(&str, &str, &str, &str, f64, &str)] = &[
    ("Storage", "gp3", "", "GB-Mo", 0.08, "EBS:VolumeUsage.gp3"),
    ("Storage", "gp2", "", "GB-Mo", 0.10, "EBS:VolumeUsage.gp2"),
    ("Storage", "io1", "", "GB-Mo", 0.125, "EBS:VolumeUsage.piops"),
    ("Storage", "io2", "", "GB-Mo", 0.125, "EBS:VolumeUsage.io2"),
    ("Storage", "st1", "", "GB-Mo", 0.045, "EBS:VolumeUsage.st1"),
    ("Storage", "sc1", "", "GB-Mo", 0.015, "EBS:VolumeUsage.sc1"),
    ("System Operation", "gp3", "EBS IOPS", "IOPS-Mo", 0.005, "EBS:VolumeP-IOPS.gp3"),
    ("System Operation", "io1", "EBS IOPS", "IOPS-Mo", 0.065, "EBS:VolumeP-IOPS.piops"),
    ("System Operation", "io2", "EBS IOPS", "IOPS-Mo", 0.065, "EBS:VolumeP-IOPS.io2"),
    ("System Operation", "io2", "EBS IOPS Tier 2", "IOPS-Mo", 0.0455, "EBS:VolumeP-IOPS.io2.tier2"),
    ("System Operation", "io2", "EBS IOPS Tier 3", "IOPS-Mo", 0.032, "EBS:VolumeP-IOPS.io2.tier3"),
    ("Provisioned Throughput", "gp3", "EBS Throughput", "GiBps-mo", 40.96, "EBS:VolumeP-Throughput.gp3"),
    ("Storage Snapshot", "", "", "GB-Mo", 0.05, "EBS:SnapshotUsage"),
    ("Fast Snapshot Restore", "", "", "Hrs", 0.75, "EBS:FastSnapshotRestore"),
];

fn products(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let all: Vec<Value> = match cx.text("ServiceCode") {
        Some("AmazonEC2") => {
            let instances = cx
                .account
                .regions
                .iter()
                .flat_map(|region| TYPES.iter().map(move |known| instance(region, known.name, known.price)));
            let disks = cx.account.regions.iter().flat_map(|region| DISKS.iter().map(move |known| disk(region, known)));
            instances.chain(disks).collect()
        }
        Some("AmazonSageMaker") => {
            let regions = cx.account.regions.iter();
            regions.flat_map(|region| TYPES.iter().map(move |known| node(region, known.name, known.price))).collect()
        }
        other => {
            let message =
                format!("Requested resource not found: the sandbox has no prices of {}", other.unwrap_or("no service"));
            return Err(Refusal::new(400, "NotFoundException", message));
        }
    };
    let filters = cx.input["Filters"].as_array().cloned().unwrap_or_default();
    let passes = |row: &&Value| filters.iter().all(|filter| passes(&row["product"], filter));
    // Each product is JSON as text.
    let list: Vec<Value> = all.iter().filter(passes).map(|row| Value::from(row.to_string())).collect();
    Ok(json!({ "FormatVersion": "aws_v1", "PriceList": list }))
}

fn passes(product: &Value, filter: &Value) -> bool {
    let field = filter["Field"].as_str().unwrap_or_default();
    let place = if field == "productFamily" { &product[field] } else { &product["attributes"][field] };
    let Some(found) = place.as_str() else { return false };
    let wanted = filter["Value"].as_str().unwrap_or_default();
    let any = |is: fn(&str, &str) -> bool| wanted.split(',').any(|wanted| is(found, wanted.trim()));
    match filter["Type"].as_str() {
        Some("CONTAINS") => found.contains(wanted),
        Some("EQUALS") => found == wanted,
        Some("ANY_OF") => any(|found, wanted| found == wanted),
        Some("NONE_OF") => !any(|found, wanted| found == wanted),
        _ => found.eq_ignore_ascii_case(wanted),
    }
}

/// How the usage of a region begins; the oldest region's has nothing.
fn usage(region: &str, rest: &str) -> String {
    match region {
        "us-west-2" => format!("USW2-{rest}"),
        "eu-west-1" => format!("EUW1-{rest}"),
        _ => rest.to_owned(),
    }
}

fn instance(region: &str, name: &str, price: f64) -> Value {
    let attributes = json!({
        "instanceType": name, "regionCode": region, "locationType": "AWS Region", "operatingSystem": "Linux",
        "operation": "RunInstances", "tenancy": "Shared", "preInstalledSw": "NA", "licenseModel": "No License required",
        "capacitystatus": "Used", "marketoption": "OnDemand", "usagetype": usage(region, &format!("BoxUsage:{name}")),
    });
    product("AmazonEC2", "Compute Instance", &attributes, "Hrs", price)
}

fn disk(region: &str, (family, name, group, unit, price, kind): &(&str, &str, &str, &str, f64, &str)) -> Value {
    let mut attributes =
        json!({ "regionCode": region, "locationType": "AWS Region", "usagetype": usage(region, kind) });
    for (member, value) in [("volumeApiName", name), ("group", group)] {
        if !value.is_empty() {
            attributes[member] = json!(value);
        }
    }
    product("AmazonEC2", family, &attributes, unit, *price)
}

fn node(region: &str, name: &str, price: f64) -> Value {
    let attributes = json!({
        "regionCode": region, "locationType": "AWS Region", "usagetype": usage(region, &format!("Cluster:ml.{name}")),
    });
    product("AmazonSageMaker", "ML Instance", &attributes, "Hrs", price * MANAGED)
}

fn product(service: &str, family: &str, attributes: &Value, unit: &str, price: f64) -> Value {
    let mut sku = format!("{:016X}", digest(&[service, family, &attributes.to_string()]));
    sku.truncate(16);
    let dimension = json!({
        "unit": unit, "pricePerUnit": { "USD": format!("{price:.10}") }, "rateCode": format!("{sku}.JRTCKXETXF.6YS6EN2CT7"),
        "beginRange": "0", "endRange": "Inf", "appliesTo": [], "description": format!("${price} per {unit}"),
    });
    let term = json!({
        "sku": sku, "offerTermCode": "JRTCKXETXF", "effectiveDate": "2026-11-01T00:00:00Z", "termAttributes": {},
        "priceDimensions": { format!("{sku}.JRTCKXETXF.6YS6EN2CT7"): dimension },
    });
    json!({
        "serviceCode": service, "product": { "sku": sku, "productFamily": family, "attributes": attributes },
        "terms": { "OnDemand": { format!("{sku}.JRTCKXETXF"): term } }, "version": "20261101000000",
    })
}
