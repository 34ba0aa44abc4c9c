//! The operations behind the tools, and what they carry.

use crate::aws::replies::Nothing;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Operation;
use trainyard_contract::{Changes, Destroys};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct InstanceStateChange {
    instance_id: String,
    previous_state: Option<NamedState>,
    current_state: Option<NamedState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
struct NamedState {
    name: String,
}

/// An instance before and after.
#[derive(Serialize, JsonSchema)]
pub(super) struct StateChange {
    pub(super) instance_id: String,
    previous_state: Option<String>,
    state: Option<String>,
}

impl From<InstanceStateChange> for StateChange {
    fn from(change: InstanceStateChange) -> Self {
        Self {
            instance_id: change.instance_id,
            previous_state: change.previous_state.map(|state| state.name),
            state: change.current_state.map(|state| state.name),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct StartInstances {
    pub(in crate::aws::ec2) instance_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Starting {
    #[serde(default)]
    pub(super) starting_instances: Vec<InstanceStateChange>,
}

impl Operation for StartInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "StartInstances";
    type Needs = Changes;
    type Reply = Starting;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct StopInstances {
    pub(in crate::aws::ec2) instance_ids: Vec<String>,
    pub(in crate::aws::ec2) hibernate: Option<bool>,
    pub(in crate::aws::ec2) force: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(in crate::aws::ec2) struct Stopping {
    #[serde(default)]
    pub(super) stopping_instances: Vec<InstanceStateChange>,
}

impl Operation for StopInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "StopInstances";
    type Needs = Changes;
    type Reply = Stopping;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct RebootInstances {
    pub(in crate::aws::ec2) instance_ids: Vec<String>,
}

impl Operation for RebootInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "RebootInstances";
    type Needs = Changes;
    type Reply = Nothing;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct TerminateInstances {
    pub(in crate::aws::ec2) instance_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(test, derive(JsonSchema))]
pub(super) struct Terminating {
    #[serde(default)]
    pub(super) terminating_instances: Vec<InstanceStateChange>,
}

impl Operation for TerminateInstances {
    const SERVICE: &'static str = "ec2";
    const ACTION: &'static str = "TerminateInstances";
    type Needs = Destroys;
    type Reply = Terminating;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry_tests::check;

    #[test]
    fn operations_agree_with_the_catalogue() {
        check::<StartInstances>();
        check::<StopInstances>();
        check::<RebootInstances>();
        check::<TerminateInstances>();
    }
}
