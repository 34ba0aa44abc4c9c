//! Launches: what is asked for, with what a launch template adds, becomes instances with disks.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ZONES,
    instances::{self, Wanted, row, state},
    quota, refused, tags, templates, types, volumes,
};
use crate::aws::{
    account::{Cx, Then, put},
    services::Operations,
    table::Table,
    wire::Refusal,
};

pub(in crate::aws::services) const OPERATIONS: Operations = &[("ec2", "RunInstances", run)];

/// What it takes until an instance runs.
const WHILE: Duration = Duration::from_secs(20);

fn run(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let whole = templates::with_template(cx)?;
    launch(&mut cx.with(&whole))
}

/// A launch as it was checked.
struct Launch {
    image: String,
    instance_type: String,
    count: u64,
    subnet: Value,
    groups: Value,
    spot: bool,
    disks: Vec<Value>,
    reservation: Option<String>,
}

fn launch(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let launch = checked(cx)?;
    let reservation = cx.account.new_id("r");
    let tags = tags::given(cx, "instance");
    let mut instances = Vec::new();
    for index in 0..launch.count {
        let id = cx.account.new_id("i");
        let wanted = Wanted {
            image: &launch.image,
            instance_type: &launch.instance_type,
            subnet: &launch.subnet,
            groups: launch.groups.clone(),
            tags: tags.clone(),
        };
        let mut row = row(cx.account, &id, &reservation, &wanted);
        adorn(cx, &launch, &mut row, index);
        cx.insert(Table::Instances, &id, row);
        attach_disks(cx, &launch, &id);
        cx.later(WHILE, Table::Instances, &id, Then::Set(vec![("/State", state("running"))]));
        instances.push(cx.get(Table::Instances, &id).map(instances::whole).unwrap_or_default());
    }
    quota::take_capacity(cx, &launch.instance_type, launch.count);
    if let Some(reserved) = &launch.reservation {
        let left = cx.get(Table::CapacityReservations, reserved);
        let left = left.and_then(|row| row["AvailableInstanceCount"].as_u64()).unwrap_or(0);
        let left = left.saturating_sub(launch.count);
        cx.put(Table::CapacityReservations, reserved, "/AvailableInstanceCount", left.into());
    }
    Ok(json!({ "ReservationId": reservation, "OwnerId": cx.account.id, "Groups": [], "Instances": instances }))
}

fn checked(cx: &Cx<'_>) -> Result<Launch, Refusal> {
    let Some(image) = cx.text("ImageId").map(str::to_owned) else {
        return Err(refused("MissingParameter", "The request must contain the parameter ImageId"));
    };
    let absent = || refused("InvalidAMIID.NotFound", format!("The image id '[{image}]' does not exist"));
    let image_row = cx.row(Table::Images, &image, absent)?;
    if image_row["State"] != "available" {
        let message = format!("The image {image} is {}, not available", image_row["State"]);
        return Err(refused("InvalidAMIID.Unavailable", message));
    }
    let instance_type = cx.text("InstanceType").unwrap_or("m1.small").to_owned();
    types::find(&instance_type)?;
    let count = cx.input["MaxCount"].as_u64().unwrap_or(1);
    if count == 0 || cx.input["MinCount"].as_u64().is_none_or(|least| least == 0 || least > count) {
        return Err(refused("InvalidParameterValue", "MinCount is from 1 to MaxCount"));
    }
    if let Some(key) = cx.text("KeyName")
        && !cx.rows(Table::KeyPairs).any(|row| row["KeyName"] == key)
    {
        return Err(refused("InvalidKeyPair.NotFound", format!("The key pair '{key}' does not exist")));
    }
    let subnet = subnet(cx)?;
    let groups = groups(cx, &subnet)?;
    let spot = cx.input["InstanceMarketOptions"]["MarketType"] == "spot";
    let reservation = reserved(cx, &instance_type, count)?;
    if reservation.is_none() {
        quota::within(cx, &instance_type, count, spot)?;
        // Fewer are launched where there is not room for all, but never fewer than the least.
        let least = cx.input["MinCount"].as_u64().unwrap_or(1);
        quota::has_capacity(cx, &instance_type, least)?;
    }
    let disks = disks(cx, image_row)?;
    Ok(Launch {
        count: possible(cx, &instance_type, count),
        image,
        instance_type,
        subnet,
        groups,
        spot,
        disks,
        reservation,
    })
}

/// As many as there is capacity for.
fn possible(cx: &Cx<'_>, instance_type: &str, count: u64) -> u64 {
    let left = cx.account.standing.capacity.get(&(cx.region.to_owned(), instance_type.to_owned()));
    left.map_or(count, |left| count.min(*left))
}

/// The capacity reservation that is named, if it has room.
fn reserved(cx: &Cx<'_>, instance_type: &str, count: u64) -> Result<Option<String>, Refusal> {
    let target = &cx.input["CapacityReservationSpecification"]["CapacityReservationTarget"];
    let Some(id) = target["CapacityReservationId"].as_str() else { return Ok(None) };
    let absent =
        || refused("InvalidCapacityReservationId.NotFound", format!("The capacity reservation '{id}' does not exist"));
    let row = cx.row(Table::CapacityReservations, id, absent)?;
    if row["State"] != "active" || row["InstanceType"] != instance_type {
        let message = format!("The capacity reservation '{id}' is not active, or is for another instance type.");
        return Err(refused("InvalidCapacityReservationState", message));
    }
    if row["AvailableInstanceCount"].as_u64().is_none_or(|left| left < count) {
        let message =
            "The requested reservation does not have sufficient compatible and available capacity for this request.";
        return Err(refused("ReservationCapacityExceeded", message));
    }
    Ok(Some(id.to_owned()))
}

/// The subnet that is named, or the default one of the zone that is.
fn subnet(cx: &Cx<'_>) -> Result<Value, Refusal> {
    let named = cx.text("SubnetId").or_else(|| cx.input["NetworkInterfaces"][0]["SubnetId"].as_str());
    if let Some(id) = named {
        let absent = || refused("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
        return cx.row(Table::Subnets, id, absent).cloned();
    }
    let zone = cx.input["Placement"]["AvailabilityZone"].as_str();
    if let Some(zone) = zone.filter(|zone| !ZONES.iter().any(|letter| **zone == format!("{}{letter}", cx.region))) {
        return Err(refused("InvalidParameterValue", format!("Invalid availability zone: [{zone}]")));
    }
    let fits = |row: &&Value| row["DefaultForAz"] == true && zone.is_none_or(|zone| row["AvailabilityZone"] == zone);
    let absent = || refused("MissingInput", "No subnets found for the default VPC");
    cx.rows(Table::Subnets).find(fits).cloned().ok_or_else(absent)
}

/// The security groups that are named, or the default one of the network.
fn groups(cx: &Cx<'_>, subnet: &Value) -> Result<Value, Refusal> {
    let mut ids = cx.texts("SecurityGroupIds");
    let of_interface = cx.input["NetworkInterfaces"][0]["Groups"].as_array().into_iter().flatten();
    ids.extend(of_interface.filter_map(Value::as_str).map(str::to_owned));
    named_groups(cx, &ids, &subnet["VpcId"])
}

/// The groups with these ids, all in one network; its default group where there are none.
pub(super) fn named_groups(cx: &Cx<'_>, ids: &[String], vpc: &Value) -> Result<Value, Refusal> {
    let shown = |row: &Value| json!({ "GroupId": row["GroupId"], "GroupName": row["GroupName"] });
    if ids.is_empty() {
        let is_default = |row: &&Value| row["VpcId"] == *vpc && row["GroupName"] == "default";
        return Ok(cx.rows(Table::SecurityGroups).filter(is_default).map(shown).collect());
    }
    let group = |id: &String| {
        let absent = || refused("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"));
        let row = cx.row(Table::SecurityGroups, id, absent)?;
        if row["VpcId"] == *vpc {
            return Ok(shown(row));
        }
        let message = format!("Security group {id} and the subnet belong to different networks.");
        Err(refused("InvalidParameter", message))
    };
    ids.iter().map(group).collect()
}

/// Disks by device: those of the image, with what is asked for laid over them.
fn disks(cx: &Cx<'_>, image: &Value) -> Result<Vec<Value>, Refusal> {
    let of_image = image["BlockDeviceMappings"].as_array().cloned().unwrap_or_default();
    let mut disks: Vec<Value> = of_image.into_iter().filter(|disk| disk["Ebs"].is_object()).collect();
    for asked in cx.input["BlockDeviceMappings"].as_array().into_iter().flatten().filter(|it| it["Ebs"].is_object()) {
        let name = asked["DeviceName"].clone();
        let known = disks.iter().position(|disk| disk["DeviceName"] == name);
        let at = known.unwrap_or_else(|| {
            disks.push(json!({ "DeviceName": name, "Ebs": { "DeleteOnTermination": true } }));
            disks.len() - 1
        });
        for (member, value) in asked["Ebs"].as_object().into_iter().flatten() {
            disks[at]["Ebs"][member.as_str()] = value.clone();
        }
    }
    for disk in &disks {
        volumes::check(cx, &disk["Ebs"])?;
    }
    Ok(disks)
}

/// What an instance has beyond the usual.
fn adorn(cx: &mut Cx<'_>, launch: &Launch, row: &mut Value, index: u64) {
    for member in ["KeyName", "ClientToken", "MetadataOptions", "IamInstanceProfile", "EbsOptimized"] {
        if !cx.input[member].is_null() {
            row[member] = cx.input[member].clone();
        }
    }
    if let Some(options) = row["MetadataOptions"].as_object_mut() {
        options.insert("State".to_owned(), json!("applied"));
    }
    if let Some(name) = row["IamInstanceProfile"]["Name"].as_str() {
        let arn = format!("arn:aws:iam::{}:instance-profile/{name}", cx.account.id);
        row["IamInstanceProfile"] = json!({ "Arn": arn });
    }
    if index > 0 {
        row["AmiLaunchIndex"] = index.into();
    }
    for (member, kept) in [
        ("UserData", "_user_data"),
        ("DisableApiTermination", "_disable_api_termination"),
        ("DisableApiStop", "_disable_api_stop"),
        ("InstanceInitiatedShutdownBehavior", "_shutdown_behavior"),
    ] {
        if !cx.input[member].is_null() {
            row[kept] = cx.input[member].clone();
        }
    }
    if cx.input["Monitoring"]["Enabled"] == true {
        row["Monitoring"] = json!({ "State": "enabled" });
    }
    if cx.input["Placement"]["GroupName"].is_string() {
        put(row, "/Placement/GroupName", cx.input["Placement"]["GroupName"].clone());
    }
    if let Some(reserved) = &launch.reservation {
        row["CapacityReservationId"] = reserved.as_str().into();
    }
    if launch.spot {
        row["InstanceLifecycle"] = "spot".into();
        let options = &cx.input["InstanceMarketOptions"]["SpotOptions"];
        let kind = options["SpotInstanceType"].as_str().unwrap_or("one-time").to_owned();
        row["_spot_type"] = kind.as_str().into();
        let request = cx.account.new_id("sir");
        row["SpotInstanceRequestId"] = request.as_str().into();
        let stamp = cx.account.stamp();
        let price = options["MaxPrice"].as_str().map_or_else(|| types::on_demand(&launch.instance_type), str::to_owned);
        let of_request = json!({
            "SpotInstanceRequestId": request, "InstanceId": row["InstanceId"], "State": "active", "Type": kind,
            "Status": { "Code": "fulfilled", "Message": "Your Spot request is fulfilled.", "UpdateTime": stamp },
            "CreateTime": stamp, "SpotPrice": price, "ProductDescription": "Linux/UNIX",
            "LaunchedAvailabilityZone": row["Placement"]["AvailabilityZone"], "Tags": tags::given(cx, "spot-instances-request"),
            "InstanceInterruptionBehavior": options["InstanceInterruptionBehavior"].as_str().unwrap_or("terminate"),
            "LaunchSpecification": { "ImageId": launch.image, "InstanceType": launch.instance_type },
        });
        cx.insert(Table::SpotRequests, &request, of_request);
    }
}

fn attach_disks(cx: &mut Cx<'_>, launch: &Launch, instance: &str) {
    let tags = tags::given(cx, "volume");
    let mut mappings = Vec::new();
    for disk in &launch.disks {
        let stamp = cx.account.stamp();
        let last = disk["Ebs"]["DeleteOnTermination"].as_bool().unwrap_or(true);
        let zone = launch.subnet["AvailabilityZone"].as_str().unwrap_or_default();
        let mut row = volumes::row(cx, &disk["Ebs"], zone, &tags);
        let volume = row["VolumeId"].as_str().unwrap_or_default().to_owned();
        row["State"] = json!("in-use");
        row["Attachments"] = json!([{
            "VolumeId": volume, "InstanceId": instance, "Device": disk["DeviceName"], "State": "attached", "AttachTime": stamp,
            "DeleteOnTermination": last,
        }]);
        cx.insert(Table::Volumes, &volume, row);
        let ebs = json!({ "VolumeId": volume, "Status": "attached", "DeleteOnTermination": last, "AttachTime": stamp });
        mappings.push(json!({ "DeviceName": disk["DeviceName"], "Ebs": ebs }));
    }
    cx.put(Table::Instances, instance, "/BlockDeviceMappings", Value::from(mappings));
}
