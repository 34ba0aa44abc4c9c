//! What the managed templates' parameters mean: good values for a new file, and mistakes that CloudFormation would find
//! only after half an hour.

use serde::Deserialize;
use serde_json::{Value, json};

use super::prepare::Orchestrator;
use crate::aws::cloudformation::{
    parameters::Advice,
    stack::{Declared, Parameter},
};

/// Parameters that hold one instance group each begin so and end in a number.
const GROUP: &str = "InstanceGroupSettings";
/// Longest name of a cluster that leaves room for the names that the templates derive from it.
const LONGEST_NAME: usize = 31;

/// An instance group as a parameter describes it. Members that we have no opinion on are left to the template.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Group {
    pub(super) instance_count: u32,
    instance_group_name: String,
    pub(super) instance_type: String,
    instance_group_type: Option<String>,
    pub(super) training_plan_arn: Option<String>,
}

/// What the groups among these parameters are, and what is wrong with them.
pub(super) fn groups(given: &[Parameter]) -> (Vec<Group>, Vec<String>) {
    let (mut groups, mut faults) = (Vec::new(), Vec::new());
    for parameter in given.iter().filter(|parameter| is_group(&parameter.parameter_key)) {
        let text = parameter.parameter_value.as_deref().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        match serde_json::from_str::<Vec<Group>>(text) {
            Ok(found) => groups.extend(found),
            Err(error) => faults.push(format!(
                "{} should be a JSON text such as [{{\"InstanceCount\": 1, \"InstanceGroupName\": \"…\", \
                 \"InstanceType\": \"ml.…\"}}]: {error}",
                parameter.parameter_key
            )),
        }
    }
    (groups, faults)
}

fn is_group(key: &str) -> bool {
    key.strip_prefix(GROUP).is_some_and(|number| number.parse::<u8>().is_ok())
}

/// Everything that is wrong with the parameters as such.
pub(super) fn faults(given: &[Parameter], orchestrator: Orchestrator) -> Vec<String> {
    let (groups, mut faults) = groups(given);
    let value = |key: &str| {
        let parameter = given.iter().find(|parameter| parameter.parameter_key == key);
        parameter.and_then(|parameter| parameter.parameter_value.as_deref()).unwrap_or_default()
    };
    let name = value("HyperPodClusterName");
    let plain = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-') && !name.starts_with('-');
    if !plain || name.len() > LONGEST_NAME {
        faults
            .push(format!("HyperPodClusterName is letters, digits and hyphens, at most {LONGEST_NAME}, not {name:?}"));
    }
    let zones = list(value("AvailabilityZoneIds"));
    for zone in zones.iter().chain(&list(value("FsxAvailabilityZoneId"))).filter(|zone| !is_zone_id(zone)) {
        faults.push(format!(
            "{zone:?} is not the id of an availability zone, such as usw2-az1 (a zone's name is not its id)"
        ));
    }
    let file_system = value("FsxAvailabilityZoneId");
    if !file_system.is_empty() && !zones.is_empty() && !zones.contains(&file_system) {
        faults.push(format!("FsxAvailabilityZoneId {file_system:?} is not among AvailabilityZoneIds"));
    }
    faults.extend(groups.iter().flat_map(group_faults));
    let mut names: Vec<_> = groups.iter().map(|group| group.instance_group_name.as_str()).collect();
    names.sort_unstable();
    faults.extend(
        names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("two groups are named {:?}", pair[0])),
    );
    if orchestrator == Orchestrator::Slurm && !groups.is_empty() {
        faults.extend(slurm_faults(&groups));
    }
    faults
}

fn group_faults(group: &Group) -> Vec<String> {
    let name = &group.instance_group_name;
    let mut faults = Vec::new();
    if !group.instance_type.starts_with("ml.") {
        faults.push(format!("group {name:?}: an instance type begins with ml., unlike {:?}", group.instance_type));
    }
    if name.is_empty() || name.len() > 63 || !name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-') {
        faults.push(format!("{name:?} is not a group's name: letters, digits and hyphens, at most 63"));
    }
    faults
}

fn slurm_faults(groups: &[Group]) -> Vec<String> {
    let of = |kind: &str| -> Vec<&Group> {
        groups.iter().filter(|group| group.instance_group_type.as_deref() == Some(kind)).collect()
    };
    let mut faults = Vec::new();
    match of("Controller")[..] {
        [only] if only.instance_count == 1 => {}
        _ => faults.push("Slurm takes one group of InstanceGroupType Controller, with one instance".to_owned()),
    }
    if of("Compute").is_empty() {
        faults.push("Slurm takes at least one group of InstanceGroupType Compute".to_owned());
    }
    if of("Login").len() > 1 {
        faults.push("Slurm takes at most one group of InstanceGroupType Login".to_owned());
    }
    faults
}

fn list(value: &str) -> Vec<&str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// `usw2-az1`
fn is_zone_id(text: &str) -> bool {
    text.split_once("-az").is_some_and(|(region, number)| {
        let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        !region.is_empty() && region.chars().all(plain) && number.parse::<u8>().is_ok()
    })
}

/// Our value and words for a parameter of a managed template.
pub(super) fn advice(key: &str, orchestrator: Orchestrator, zones: &[String], suffix: &str) -> Advice {
    let zones: Vec<_> = zones.iter().take(4).cloned().collect();
    let say = |value: Option<String>, about| Advice { value, about: Some(about) };
    let some = |text: &str| Some(text.to_owned());
    match key {
        "HyperPodClusterName" => {
            say(some("sagemaker-hyperpod"), "Name of the cluster: letters, digits and hyphens, at most 31.")
        }
        "ResourceNamePrefix" => say(
            Some(format!("hp-sagemaker-hyperpod-{suffix}")),
            "Start of the names of everything that the stack makes. Two stacks may not share one.",
        ),
        "Stage" => say(some("prod"), "Leave it at prod: where the templates take their parts from."),
        "AvailabilityZoneIds" => {
            say(Some(zones.join(",")), "Ids (not names) of up to four availability zones of the region, with commas.")
        }
        "FsxAvailabilityZoneId" => {
            say(zones.first().cloned(), "Id of the zone of the shared file system: one of AvailabilityZoneIds.")
        }
        "NodeProvisioningMode" => say(some("Continuous"), "Continuous adds nodes one by one as they can be had."),
        "AutoScalerType" => say(None, "Karpenter, to have nodes come and go with the work; empty for a fixed number."),
        _ if is_group(key) => {
            say(first_group(key, orchestrator, zones.first()), "One instance group, as JSON text; [] for none.")
        }
        _ => Advice::default(),
    }
}

/// A small beginning: one worker for EKS; a controller and a worker for Slurm.
fn first_group(key: &str, orchestrator: Orchestrator, zone: Option<&String>) -> Option<String> {
    let (name, kind) = match (orchestrator, key.strip_prefix(GROUP)?) {
        (Orchestrator::Eks, "1") => ("worker-group-1", None),
        (Orchestrator::Slurm, "1") => ("controller-group-1", Some("Controller")),
        (Orchestrator::Slurm, "2") => ("worker-group-1", Some("Compute")),
        _ => return None,
    };
    let mut group = json!({
        "InstanceCount": 1,
        "InstanceGroupName": name,
        "InstanceType": "ml.m5.xlarge",
        "InstanceStorageConfigs": [{ "EbsVolumeConfig": { "VolumeSizeInGB": 500 } }],
    });
    if let Some(kind) = kind {
        group["InstanceGroupType"] = kind.into();
    }
    if let Some(zone) = zone {
        group["TargetAvailabilityZoneId"] = zone.as_str().into();
    }
    Some(Value::Array(vec![group]).to_string())
}

/// Whether the template is one of those whose parameters are known here.
pub(super) fn is_managed(declared: &[Declared]) -> bool {
    declared.iter().any(|known| known.parameter_key == "HyperPodClusterName")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(key: &str, value: &str) -> Parameter {
        Parameter { parameter_key: key.into(), parameter_value: Some(value.into()), use_previous_value: None }
    }

    fn group(name: &str, kind: &str, instance: &str, count: u32) -> String {
        json!([{ "InstanceCount": count, "InstanceGroupName": name, "InstanceType": instance, "InstanceGroupType": kind }])
            .to_string()
    }

    #[test]
    fn what_would_fail_after_half_an_hour_is_said_at_once() {
        let given = [
            parameter("HyperPodClusterName", "my cluster"),
            parameter("AvailabilityZoneIds", "usw2-az1,us-west-2b"),
            parameter("FsxAvailabilityZoneId", "usw2-az4"),
            parameter("InstanceGroupSettings1", &group("c", "Controller", "ml.m5.xlarge", 2)),
            parameter("InstanceGroupSettings2", &group("c", "Login", "p5.48xlarge", 1)),
            parameter("InstanceGroupSettings3", "[{\"InstanceCount\": 1, \"VolumeSizeInGB\": 500 GB}]"),
        ];
        let faults = faults(&given, Orchestrator::Slurm).join("\n");
        for fault in [
            "HyperPodClusterName is letters",
            "\"us-west-2b\" is not the id",
            "FsxAvailabilityZoneId \"usw2-az4\" is not among",
            "begins with ml., unlike \"p5.48xlarge\"",
            "two groups are named \"c\"",
            "one group of InstanceGroupType Controller, with one instance",
            "at least one group of InstanceGroupType Compute",
            "InstanceGroupSettings3 should be a JSON text",
        ] {
            assert!(faults.contains(fault), "{fault}: {faults}");
        }
    }

    #[test]
    fn what_we_write_is_without_fault() {
        let zones = ["usw2-az1".to_owned(), "usw2-az2".to_owned()];
        for orchestrator in [Orchestrator::Eks, Orchestrator::Slurm] {
            let keys = [
                "HyperPodClusterName",
                "ResourceNamePrefix",
                "AvailabilityZoneIds",
                "FsxAvailabilityZoneId",
                "InstanceGroupSettings1",
                "InstanceGroupSettings2",
            ];
            let given: Vec<_> = keys
                .iter()
                .map(|key| parameter(key, &advice(key, orchestrator, &zones, "0a1b2c").value.unwrap_or_default()))
                .collect();
            assert_eq!(faults(&given, orchestrator), [""; 0], "{given:?}");
            assert!(!groups(&given).0.is_empty());
        }
        assert_eq!(faults(&[parameter("InstanceGroupSettings7", "[]")], Orchestrator::Slurm), [""; 0]);
    }
}
