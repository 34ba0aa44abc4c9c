//! GPU capacity: where a type is offered, how likely spot is, capacity blocks and reservations.

mod wire;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{
    Changes, Error, Impact, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef, Weighed,
};

use self::wire::{
    Block, DescribeCapacityBlockOfferings, DescribeCapacityReservations, DescribeInstanceTypeOfferings,
    GetSpotPlacementScores, PurchaseCapacityBlock, Reservation, Score,
};
use super::tagged::{filters, specification, split, whole};
use crate::{
    App, Cx,
    aws::{
        batch::some,
        impact,
        listing::{Placed, list},
        regions::across,
    },
    common::{At, DryRun, Part},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<ListOfferings>(),
    ToolDef::reads::<PlacementScores>(),
    ToolDef::reads::<FindBlocks>(),
    ToolDef::changes::<PurchaseBlock>().spending(),
    ToolDef::reads::<ListReservations>(),
];

/// List where instance types are offered, zone by zone
///
/// Offered does not mean that there is capacity now; a type that is missing here cannot be launched there at all.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListOfferings {
    /// Types; * stands for any letters.
    instance_types: Vec<String>,
    /// zone when absent.
    location_type: Option<LocationType>,
    #[serde(flatten)]
    at: At,
    /// Several regions, or * for all that are enabled.
    regions: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum LocationType {
    Zone,
    ZoneId,
    Region,
}

impl LocationType {
    const fn on_the_wire(self) -> &'static str {
        match self {
            Self::Zone => "availability-zone",
            Self::ZoneId => "availability-zone-id",
            Self::Region => "region",
        }
    }
}

impl Tool<App> for ListOfferings {
    const NAME: &'static str = "ec2_list_type_offerings";
    const EXAMPLE: &'static str = r#"{"instance_types": ["p5*", "g6e.48xlarge"]}"#;
    type Access = Reads;
    type Output = Listing<Offered>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Offered>> {
        let types = some("instance_types", &self.instance_types, "ec2_describe_instance_types shows the types")?;
        let location_type = self.location_type.unwrap_or(LocationType::Zone).on_the_wire();
        let question =
            DescribeInstanceTypeOfferings { location_type, filters: filters(vec![("instance-type", types)], None) };
        let aws = cx.at(&self.at);
        let Some(regions) = &self.regions else {
            return Ok(Listing::whole(offered(whole(&cx, &aws, &question).await?)));
        };
        let (cx, question) = (&cx, &question);
        let mut across = across(cx, &aws, regions, |aws| async move { whole(cx, &aws, question).await }).await?;
        let found = across.answers.iter_mut().flat_map(|(_, found)| found.drain(..)).collect();
        Ok(across.tell(Listing::whole(offered(found))))
    }
}

fn offered(found: Vec<wire::Offering>) -> Vec<Offered> {
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for offering in found {
        places.entry(offering.instance_type).or_default().insert(offering.location);
    }
    places.into_iter().map(|(instance_type, places)| Offered { instance_type, places }).collect()
}

/// Where a type is offered.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Offered {
    #[serde(rename = "type")]
    instance_type: String,
    places: BTreeSet<String>,
}

/// Score regions or zones by how likely a spot request would be filled
///
/// From 1 to 10 at this moment, for any of the types together; name three or more types, else all scores are low.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PlacementScores {
    /// Types that would all do.
    instance_types: Vec<String>,
    /// How many instances.
    #[schemars(range(min = 1))]
    target_capacity: u32,
    /// Score zones instead of whole regions.
    #[serde(default)]
    by_zone: bool,
    /// Only these regions, all when absent.
    regions: Option<Vec<String>>,
    #[serde(flatten)]
    at: At,
}

impl Tool<App> for PlacementScores {
    const NAME: &'static str = "ec2_get_spot_placement_scores";
    const EXAMPLE: &'static str =
        r#"{"instance_types": ["p5.48xlarge", "p4d.24xlarge", "p4de.24xlarge"], "target_capacity": 4}"#;
    type Access = Reads;
    type Output = Listing<Score>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Score>> {
        let question = GetSpotPlacementScores {
            instance_types: some(
                "instance_types",
                &self.instance_types,
                "ec2_describe_instance_types shows the types",
            )?,
            target_capacity: self.target_capacity,
            target_capacity_unit_type: "units",
            single_availability_zone: self.by_zone,
            region_names: self.regions.unwrap_or_default(),
        };
        let mut scores = whole(&cx, &cx.at(&self.at), &question).await?;
        scores.sort_by(|one, other| other.score.cmp(&one.score).then_with(|| one.region.cmp(&other.region)));
        Ok(Listing::whole(scores))
    }
}

/// Find capacity blocks for GPU instances that can be bought, with their price
///
/// A block is paid at once and runs for its hours only. An offer holds for a short time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FindBlocks {
    /// Such as p5.48xlarge.
    instance_type: String,
    /// How many instances.
    #[schemars(range(min = 1))]
    count: u32,
    /// How long; whole days.
    #[schemars(range(min = 24))]
    hours: u32,
    /// Not before, such as 2026-12-01T00:00:00Z.
    start_after: Option<String>,
    /// Over by then.
    end_before: Option<String>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for FindBlocks {
    const NAME: &'static str = "ec2_find_capacity_blocks";
    const EXAMPLE: &'static str = r#"{"instance_type": "p5.48xlarge", "count": 4, "hours": 72}"#;
    type Access = Reads;
    type Output = Listing<Placed<Block>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<Block>>> {
        if !self.hours.is_multiple_of(24) {
            return Err(Error::validation(format!("`hours` is {}, not whole days", self.hours)).hint(format!(
                "{} or {} hours",
                self.hours / 24 * 24,
                self.hours.div_ceil(24) * 24
            )));
        }
        let question = DescribeCapacityBlockOfferings {
            instance_type: self.instance_type,
            instance_count: self.count,
            capacity_duration_hours: self.hours,
            start_date_range: self.start_after,
            end_date_range: self.end_before,
        };
        list(&cx, &self.part, &question).await
    }
}

/// Buy a capacity block that ec2_find_capacity_blocks found
///
/// The whole price is due at once and is not given back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PurchaseBlock {
    /// Offering ID.
    offering_id: String,
    /// As it was searched for. With count and hours, the plan shows the offering and its fee.
    instance_type: Option<String>,
    /// As it was searched for.
    #[schemars(range(min = 1, max = 256))]
    count: Option<u32>,
    /// As they were searched for.
    #[schemars(range(min = 24, max = 4368))]
    hours: Option<u32>,
    /// Linux/UNIX when absent.
    platform: Option<String>,
    /// Tags, Name among them.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    at: At,
}

impl PurchaseBlock {
    fn request(&self) -> PurchaseCapacityBlock {
        PurchaseCapacityBlock {
            capacity_block_offering_id: self.offering_id.clone(),
            instance_platform: self.platform.clone().unwrap_or_else(|| "Linux/UNIX".to_owned()),
            tag_specifications: specification("capacity-reservation", self.tags.clone()),
        }
    }

    /// The offering, as far as it can be looked up: AWS finds offerings by what is wanted, not by their ids.
    async fn offering(&self, cx: &Cx<Reads>, aws: &Aws<Reads>) -> Result<Option<Block>> {
        let (Some(instance_type), Some(count), Some(hours)) = (&self.instance_type, self.count, self.hours) else {
            return Ok(None);
        };
        let question = DescribeCapacityBlockOfferings {
            instance_type: instance_type.clone(),
            instance_count: count,
            capacity_duration_hours: hours,
            start_date_range: None,
            end_date_range: None,
        };
        let offered = whole(cx, aws, &question).await?;
        let own = |block: &Block| block.capacity_block_offering_id.as_ref() == Some(&self.offering_id);
        offered.into_iter().find(own).map(Some).ok_or_else(|| {
            Error::not_found("offering", &self.offering_id)
                .hint("offerings last minutes: ec2_find_capacity_blocks shows those of now")
        })
    }
}

impl Block {
    /// Machines for a time, paid at once.
    async fn impact(&self, aws: &Aws<Reads>) -> Impact {
        let count = u64::from(self.instance_count.unwrap_or_default());
        let machines = self.instance_type.clone().map(|name| (name, count)).into_iter().collect();
        let hours = self.capacity_block_duration_hours.map(u64::from);
        Impact {
            gpus: impact::gpus(aws, &machines).await,
            dollars_per_hour: impact::prepaid(self.upfront_fee.as_deref(), self.currency_code.as_deref(), hours),
            objects: count,
        }
    }
}

impl Tool<App> for PurchaseBlock {
    const NAME: &'static str = "ec2_purchase_capacity_block";
    const EXAMPLE: &'static str = r#"{"offering_id": "cb-0123456789abcdef0"}"#;
    type Access = Changes;
    type Output = Json<ReservationRow>;

    async fn run(self, cx: Cx<Changes>) -> Result<Json<ReservationRow>> {
        cx.at(&self.at).send(&self.request()).await.map(|bought| Json(bought.capacity_reservation.into()))
    }
}

impl Preview<App> for PurchaseBlock {
    type Plan = Weighed<Purchase>;

    fn target(&self) -> Target {
        self.at.target("capacity block", [&self.offering_id])
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Weighed<Purchase>> {
        let aws = cx.at(&self.at);
        let offering = self.offering(&cx, &aws).await?;
        let impact = match &offering {
            Some(block) => block.impact(&aws).await,
            None => Impact::unknown(
                "an offering can only be looked up by what it offers; give instance_type, count and hours as they were \
                 searched for",
            ),
        };
        let dry_run = aws.dry_run_of(&self.request()).await?.into();
        Ok(Weighed::new(Purchase { offering, dry_run }, impact))
    }
}

/// What would be bought.
#[derive(Serialize, JsonSchema)]
struct Purchase {
    /// Where instance_type, count and hours were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    offering: Option<Block>,
    /// EC2's own verdict.
    dry_run: DryRun,
}

/// List capacity reservations and capacity blocks, with what is free in them
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListReservations {
    /// Only these.
    capacity_reservation_ids: Option<Vec<String>>,
    /// active, expired, cancelled, pending, failed, scheduled, payment-pending.
    states: Option<Vec<String>>,
    /// Only for these types.
    instance_types: Option<Vec<String>>,
    /// Only in these availability zones.
    availability_zones: Option<Vec<String>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    part: Part,
}

impl Tool<App> for ListReservations {
    const NAME: &'static str = "ec2_list_capacity_reservations";
    const EXAMPLE: &'static str = r#"{"states": ["active"], "instance_types": ["p5.48xlarge"]}"#;
    type Access = Reads;
    type Output = Listing<Placed<ReservationRow>>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<Placed<ReservationRow>>> {
        let asked = vec![
            ("state", self.states.unwrap_or_default()),
            ("instance-type", self.instance_types.unwrap_or_default()),
            ("availability-zone", self.availability_zones.unwrap_or_default()),
        ];
        let question = DescribeCapacityReservations {
            capacity_reservation_ids: self.capacity_reservation_ids.unwrap_or_default(),
            filters: filters(asked, self.tags.as_ref()),
        };
        list(&cx, &self.part, &question).await
    }
}

/// One capacity reservation.
#[derive(Serialize, JsonSchema)]
struct ReservationRow {
    capacity_reservation_id: String,
    name: Option<String>,
    /// `capacity-block` of one that was bought for a time.
    kind: Option<String>,
    #[serde(rename = "type")]
    instance_type: Option<String>,
    platform: Option<String>,
    /// Availability zone.
    az: Option<String>,
    total: Option<u32>,
    /// Instances that can still be launched into it.
    available: Option<u32>,
    state: Option<String>,
    start: Option<String>,
    end: Option<String>,
    /// `targeted` where an instance has to name it.
    match_criteria: Option<String>,
    /// Tags other than Name.
    tags: BTreeMap<String, String>,
}

impl From<Reservation> for ReservationRow {
    fn from(reservation: Reservation) -> Self {
        let (name, tags) = split(reservation.tags);
        Self {
            capacity_reservation_id: reservation.capacity_reservation_id,
            name,
            kind: reservation.reservation_type.filter(|kind| kind != "default"),
            instance_type: reservation.instance_type,
            platform: reservation.instance_platform,
            az: reservation.availability_zone,
            total: reservation.total_instance_count,
            available: reservation.available_instance_count,
            state: reservation.state,
            start: reservation.start_date,
            end: reservation.end_date,
            match_criteria: reservation.instance_match_criteria,
            tags,
        }
    }
}
