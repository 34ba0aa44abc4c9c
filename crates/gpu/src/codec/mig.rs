//! MIG: what a card may be cut into, and which cut belongs to whom.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Fields, fields::array, json::placement};
use crate::error::{DecodeError, Result};

/// The annotation with a pod's MIG instances, from HAMi 2.10.
pub(crate) const ALLOCATIONS: &str = "hami.io/vgpu-mig-allocations";

/// A kind of instance that a card can be cut into.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct MigProfile {
    /// Such as `2g.10gb`.
    pub name: String,
    /// MiB.
    pub memory_mib: i32,
    /// Percent of the card.
    pub cores: i32,
    /// Slices of computing that it takes.
    pub slices: i32,
    /// Where on the card it may lie.
    pub placements: Vec<Placement>,
}

/// A stretch of a card's memory slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Placement {
    /// First slice.
    pub start: u32,
    /// Number of slices.
    pub size: u32,
}

impl Placement {
    /// Whether both take the same slice somewhere.
    pub fn overlaps(self, other: Self) -> bool {
        u64::from(self.start) < u64::from(other.start) + u64::from(other.size)
            && u64::from(other.start) < u64::from(self.start) + u64::from(self.size)
    }
}

impl MigProfile {
    /// The first place for an instance that nothing in `occupied` touches. Small and 3g instances are put at the high end, as
    /// HAMi does, so that large ones still find room at the low end.
    pub fn place(&self, occupied: &[Placement]) -> Option<Placement> {
        let free = |at: &&Placement| !occupied.iter().any(|other| at.overlaps(*other));
        let free = self.placements.iter().filter(free);
        if self.name.starts_with("1g.") || self.name.starts_with("3g.") {
            free.max_by_key(|at| at.start).copied()
        } else {
            free.min_by_key(|at| at.start).copied()
        }
    }
}

/// One way to cut a whole card, before HAMi 2.10.
pub type Geometry = Vec<GeometrySlot>;

/// So many instances of one kind within a geometry.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct GeometrySlot {
    /// Such as `2g.10gb`.
    pub name: String,
    /// Percent of the card.
    pub cores: i32,
    /// MiB.
    pub memory_mib: i32,
    /// Number of instances.
    pub count: i32,
}

/// The place of an instance in a geometry, written behind the UUID as `[geometry-slot]` before HAMi 2.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
pub struct MigSlot {
    /// Number of the geometry.
    pub geometry: u32,
    /// Number of the instance in it.
    pub slot: u32,
}

impl MigSlot {
    /// Parts `GPU-xxx[1-2]` into the card and the slot. Anything else is a UUID as it stands.
    pub fn split(uuid: &str) -> (&str, Option<Self>) {
        let parts = uuid.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
        let slot = parts.and_then(|(card, slot)| {
            let (geometry, slot) = slot.split_once('-')?;
            Some((card, Self { geometry: geometry.parse().ok()?, slot: slot.parse().ok()? }))
        });
        slot.map_or((uuid, None), |(card, slot)| (card, Some(slot)))
    }
}

/// A MIG instance promised to a container.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct MigAllocation {
    /// Number of the container, init containers first.
    pub container: u32,
    /// Number of the device within the container.
    pub device: u32,
    /// The card.
    pub gpu_uuid: String,
    /// Such as `2g.10gb`.
    pub profile: String,
    /// Where it lies on the card.
    pub placement: Placement,
    /// The instance itself, once it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<MigInstance>,
}

/// A MIG instance that exists.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct MigInstance {
    /// Its own UUID.
    pub mig_uuid: String,
    /// With the card's UUID the key to DCGM's label `GPU_I_ID`.
    pub gpu_instance: u32,
    /// Compute instance within it.
    pub compute_instance: u32,
}

impl MigAllocation {
    /// Decodes the value of `hami.io/vgpu-mig-allocations`.
    pub fn decode(value: &str) -> Result<Vec<Self>> {
        let all: Vec<_> = array(value, "the MIG allocations")?.iter().map(allocation).collect::<Result<_>>()?;
        let mut seen = BTreeSet::new();
        match all.iter().find(|one| !seen.insert((one.container, one.device))) {
            Some(MigAllocation { container, device, .. }) => {
                Err(DecodeError::new(format!("container {container} has its device {device} twice")))
            }
            None => Ok(all),
        }
    }
}

fn allocation(value: &Value) -> Result<MigAllocation> {
    let fields = Fields::of(value, "a MIG allocation")?;
    let instance = match ["migUUID", "gpuInstanceID", "computeInstanceID"].map(|key| fields.get(key).is_some()) {
        [false, false, false] => None,
        [true, true, true] => Some(MigInstance {
            mig_uuid: fields.text("migUUID")?,
            gpu_instance: fields.number("gpuInstanceID")?,
            compute_instance: fields.number("computeInstanceID")?,
        }),
        _ => {
            let message = "a MIG allocation has some of `migUUID`, `gpuInstanceID` and `computeInstanceID`, not all";
            return Err(DecodeError::new(message));
        }
    };
    let at = fields.get("placement").ok_or_else(|| DecodeError::new("a MIG allocation has no `placement`"))?;
    Ok(MigAllocation {
        container: fields.number("containerIndex")?,
        device: fields.number("deviceIndex")?,
        gpu_uuid: fields.text("gpuUUID")?,
        profile: fields.text("profile")?,
        placement: placement(at)?,
        instance,
    })
}
