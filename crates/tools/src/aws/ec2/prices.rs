//! What EC2 instances cost: on demand, per GPU, and with their disks by the month.

pub(in crate::aws) mod disks;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Error, Json, Listing, Reads, Result, Tool, ToolDef};

use self::disks::Disk;
use super::{
    hardware::{self, Hardware},
    spot,
};
use crate::{
    App, Cx,
    aws::pricing::{
        Price,
        money::{HOURS_PER_MONTH, Money},
        price, price_list,
    },
    common::{Profile, Region},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<GetOnDemandPrice>().formerly(&["ec2.get_ondemand_price", "aws.get_ondemand_price"]),
    ToolDef::reads::<EstimateCost>().formerly(&["ec2.estimate_instance_cost", "aws.estimate_instance_cost"]),
];

/// Questions to the price list under way at once; it answers few.
const AT_ONCE: usize = 4;
/// Most prices that one call asks for.
const MOST: usize = 60;

/// What runs on the instance; its licence is in the price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub(in crate::aws) enum OperatingSystem {
    #[default]
    Linux,
    Windows,
    #[serde(rename = "RHEL")]
    Rhel,
    #[serde(rename = "SUSE")]
    Suse,
    #[serde(rename = "Ubuntu Pro")]
    UbuntuPro,
}

impl OperatingSystem {
    /// As the price list calls it, and the operation that AWS bills for it: the two together match one product.
    const fn listed(self) -> (&'static str, &'static str) {
        match self {
            Self::Linux => ("Linux", "RunInstances"),
            Self::Windows => ("Windows", "RunInstances:0002"),
            Self::Rhel => ("RHEL", "RunInstances:0010"),
            Self::Suse => ("SUSE", "RunInstances:000g"),
            Self::UbuntuPro => ("Ubuntu Pro", "RunInstances:0g00"),
        }
    }

    /// As the history of spot prices calls it.
    pub(super) const fn product(self) -> &'static str {
        match self {
            Self::Linux | Self::UbuntuPro => "Linux/UNIX",
            Self::Windows => "Windows",
            Self::Rhel => "Red Hat Enterprise Linux",
            Self::Suse => "SUSE Linux",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
enum Tenancy {
    #[default]
    Shared,
    Dedicated,
}

/// The price of an instance type on demand.
pub(in crate::aws) async fn on_demand<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    instance_type: &str,
    system: OperatingSystem,
) -> Result<Price> {
    let (list, region) = price_list(aws).await?;
    of_type(&list, &region, instance_type, system, Tenancy::Shared).await
}

async fn of_type<A: Access + Covers<Reads>>(
    list: &Aws<A>,
    region: &str,
    instance_type: &str,
    system: OperatingSystem,
    tenancy: Tenancy,
) -> Result<Price> {
    let (name, operation) = system.listed();
    let attributes = [
        ("instanceType", instance_type),
        ("regionCode", region),
        ("locationType", "AWS Region"),
        ("operatingSystem", name),
        ("operation", operation),
        ("tenancy", if tenancy == Tenancy::Shared { "Shared" } else { "Dedicated" }),
        ("preInstalledSw", "NA"),
        ("licenseModel", "No License required"),
        ("capacitystatus", "Used"),
        ("marketoption", "OnDemand"),
    ];
    price(list, &format!("{instance_type} ({name}) in {region}"), &attributes).await
}

/// Compare what EC2 instance types cost on demand: per hour, GPU and GiB of GPU memory
///
/// Several types and regions in one call, cheapest GPU first. From AWS's price list; spot has its own tool.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetOnDemandPrice {
    /// Such as p5.48xlarge and g6e.xlarge.
    instance_types: Vec<String>,
    /// Linux when absent.
    #[serde(default)]
    operating_system: OperatingSystem,
    /// Shared when absent.
    #[serde(default)]
    tenancy: Tenancy,
    region: Option<Region>,
    /// Compare these regions.
    regions: Option<Vec<Region>>,
    profile: Option<Profile>,
}

impl Tool<App> for GetOnDemandPrice {
    const NAME: &'static str = "ec2_get_ondemand_price";
    const EXAMPLE: &'static str = r#"{"instance_types": ["p5.48xlarge", "p4d.24xlarge", "g6e.48xlarge"]}"#;
    type Access = Reads;
    type Output = Listing<PriceRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<PriceRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let types: BTreeSet<_> = self.instance_types.iter().cloned().collect();
        if types.is_empty() {
            return Err(Error::validation("`instance_types` is empty").hint("name a type, such as p5.48xlarge"));
        }
        let (list, own_region) = price_list(&aws).await?;
        let regions: BTreeSet<_> = match &self.regions {
            Some(regions) if !regions.is_empty() => regions.iter().map(ToString::to_string).collect(),
            _ => BTreeSet::from([own_region]),
        };
        let pairs: Vec<_> =
            regions.iter().flat_map(|region| types.iter().map(move |name| (region.clone(), name.clone()))).collect();
        if pairs.len() > MOST {
            return Err(Error::validation(format!("{} prices are more than the {MOST} of one call", pairs.len()))
                .hint("name fewer types or regions"));
        }
        let known = in_regions(&cx, &aws, &regions, &types).await;
        let mut rows = self.priced(&cx, &list, pairs, &known).await?;
        rows.sort_by_key(PriceRow::rank);
        Ok(Listing::whole(rows).about("month", format!("{HOURS_PER_MONTH} hours")))
    }
}

impl GetOnDemandPrice {
    async fn priced(
        &self,
        cx: &Cx<Reads>,
        list: &Aws<Reads>,
        pairs: Vec<(String, String)>,
        known: &BTreeMap<String, Hardware>,
    ) -> Result<Vec<PriceRow>> {
        let total = pairs.len();
        let asked = stream::iter(pairs).map(|(region, name)| async move {
            let price = of_type(list, &region, &name, self.operating_system, self.tenancy).await;
            (region, name, price)
        });
        let mut asked = asked.buffer_unordered(AT_ONCE);
        let (mut rows, mut failed) = (Vec::new(), None);
        while let Some((region, name, price)) = asked.next().await {
            let problem = price.as_ref().err().map(ToString::to_string);
            rows.push(PriceRow::new(region, &name, price.as_ref().ok(), problem, known.get(&name)));
            failed = price.err().or(failed);
            cx.progress().report(rows.len() as u64, Some(total as u64), "prices");
        }
        // Where nothing is known, that is the answer, not a table of holes.
        match failed {
            Some(error) if rows.iter().all(|row| row.per_hour.is_none()) => Err(error),
            _ => Ok(rows),
        }
    }
}

/// What the types are made of, from whichever region knows them. Prices are worth having without.
async fn in_regions(
    cx: &Cx<Reads>,
    aws: &Aws<Reads>,
    regions: &BTreeSet<String>,
    types: &BTreeSet<String>,
) -> BTreeMap<String, Hardware> {
    let mut known = BTreeMap::new();
    for region in regions {
        let missing: BTreeSet<_> = types.iter().filter(|name| !known.contains_key(*name)).cloned().collect();
        if missing.is_empty() {
            break;
        }
        known.extend(hardware::known(cx, &aws.in_region(region), &missing).await.unwrap_or_default());
    }
    known
}

/// One type in one region.
#[derive(Debug, Serialize, JsonSchema)]
struct PriceRow {
    #[serde(rename = "type")]
    instance_type: String,
    region: String,
    /// Why there is no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    per_hour: Option<Money>,
    per_month: Option<Money>,
    /// Per hour and accelerator.
    per_gpu: Option<Money>,
    /// Per hour and GiB of accelerator memory.
    per_gpu_gib: Option<Money>,
    currency: Option<String>,
    gpus: Option<String>,
    vcpus: Option<u32>,
    memory_gib: Option<u64>,
    sku: Option<String>,
    /// Price valid from.
    effective: Option<String>,
}

impl PriceRow {
    fn new(
        region: String,
        instance_type: &str,
        price: Option<&Price>,
        problem: Option<String>,
        hardware: Option<&Hardware>,
    ) -> Self {
        let per_hour = price.map(|price| price.amount);
        let gpus = hardware.map_or(0, |hardware| hardware.accelerators);
        let gpu_gib = hardware.and_then(|hardware| hardware.accelerator_mebibytes).map_or(0, |size| size / 1024);
        Self {
            instance_type: instance_type.to_owned(),
            region,
            problem,
            per_hour,
            per_month: per_hour.map(|price| price.times(HOURS_PER_MONTH)),
            per_gpu: per_hour.and_then(|price| price.per(gpus)),
            per_gpu_gib: per_hour.and_then(|price| price.per(gpu_gib)),
            currency: price.map(|price| price.currency.clone()),
            gpus: hardware.and_then(|hardware| hardware.words.clone()),
            vcpus: hardware.and_then(|hardware| hardware.vcpus),
            memory_gib: hardware.and_then(|hardware| hardware.memory_mebibytes).map(|size| size / 1024),
            sku: price.map(|price| price.sku.clone()),
            effective: price.and_then(|price| price.effective.clone()),
        }
    }

    /// Cheapest GPU first, then cheapest hour; what has no price last.
    fn rank(&self) -> (bool, bool, Option<Money>, Option<Money>) {
        (self.per_hour.is_none(), self.per_gpu.is_none(), self.per_gpu, self.per_hour)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Purchase {
    #[default]
    OnDemand,
    Spot,
}

/// Estimate what EC2 instances cost a month, with their EBS volumes
///
/// Every line and every assumption is listed. Data transfer, snapshots, commitments and taxes are not in it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EstimateCost {
    /// Such as p5.48xlarge.
    instance_type: String,
    /// How many; 1 when absent.
    #[schemars(range(min = 1, max = 10000))]
    count: Option<u32>,
    /// Hours a month that they run; 730 when absent.
    #[schemars(range(min = 1, max = 744))]
    hours_per_month: Option<u32>,
    /// EBS volumes of each instance.
    volumes: Option<Vec<Disk>>,
    /// Linux when absent.
    #[serde(default)]
    operating_system: OperatingSystem,
    /// on_demand when absent; spot takes the cheapest zone's price of now.
    #[serde(default)]
    purchase_option: Purchase,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl Tool<App> for EstimateCost {
    const NAME: &'static str = "ec2_estimate_instance_cost";
    const EXAMPLE: &'static str =
        r#"{"instance_type": "g6e.xlarge", "hours_per_month": 200, "volumes": [{"size": 500, "throughput": 500}]}"#;
    type Access = Reads;
    type Output = Json<Estimate>;

    async fn run(self, cx: Cx<Reads>) -> Result<Json<Estimate>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let count = self.count.unwrap_or(1);
        let hours = self.hours_per_month.unwrap_or(HOURS_PER_MONTH);
        for disk in self.volumes.iter().flatten() {
            disk.check()?;
        }
        let (list, region) = price_list(&aws).await?;
        let mut assumptions = vec![
            format!("{hours} hours a month; a whole month has {HOURS_PER_MONTH}"),
            "without data transfer, snapshots, commitments, credits and taxes".to_owned(),
        ];
        let (per_hour, currency) = match self.purchase_option {
            Purchase::OnDemand => {
                let tenancy = Tenancy::Shared;
                let price = of_type(&list, &region, &self.instance_type, self.operating_system, tenancy).await?;
                (price.amount, price.currency)
            }
            Purchase::Spot => {
                let (zone, price) = spot::cheapest(&aws, &self.instance_type, self.operating_system).await?;
                assumptions.push(format!("spot price of now in {zone}, the cheapest zone; it changes"));
                (price, "USD".to_owned())
            }
        };
        let what = format!("{} ({:?})", self.instance_type, self.purchase_option);
        let mut lines =
            vec![Line::new(what, (per_hour, currency.clone()), "hour", u64::from(count) * u64::from(hours))];
        for disk in self.volumes.iter().flatten() {
            lines.extend(disk.lines(&list, &region, count).await?);
        }
        if self.volumes.as_ref().is_some_and(|disks| !disks.is_empty()) {
            assumptions.push("volumes are kept for the whole month, whether the instances run or not".to_owned());
        }
        let per_month = lines.iter().map(|line| line.per_month).reduce(Money::plus).unwrap_or(per_hour);
        Ok(Json(Estimate { region, currency, count, hours_per_month: hours, lines, per_month, assumptions }))
    }
}

#[derive(Serialize, JsonSchema)]
struct Estimate {
    region: String,
    currency: String,
    count: u32,
    hours_per_month: u32,
    lines: Vec<Line>,
    per_month: Money,
    assumptions: Vec<String>,
}

/// One part of an estimate.
#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    what: String,
    unit_price: Money,
    unit: &'static str,
    quantity: u64,
    per_month: Money,
    #[serde(skip)]
    currency: String,
}

impl Line {
    fn new(what: String, (unit_price, currency): (Money, String), unit: &'static str, quantity: u64) -> Self {
        Self { what, unit_price, unit, quantity, per_month: unit_price.times(quantity), currency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, price: Option<&str>, gpus: u32) -> PriceRow {
        let price = price.map(|amount| Price {
            sku: "S".into(),
            unit: "Hrs".into(),
            amount: Money::read(amount).unwrap(),
            currency: "USD".into(),
            effective: None,
        });
        let size = Some(u64::from(gpus) * 81_920);
        let hardware = Hardware { accelerators: gpus, accelerator_mebibytes: size, ..Hardware::default() };
        PriceRow::new("r".into(), name, price.as_ref(), None, Some(&hardware))
    }

    #[test]
    fn the_cheapest_gpu_comes_first_and_what_has_none_after_it() {
        let mut rows =
            [row("none", None, 8), row("cpu", Some("1"), 0), row("eight", Some("80"), 8), row("one", Some("11"), 1)];
        rows.sort_by_key(PriceRow::rank);
        assert_eq!(rows.each_ref().map(|row| row.instance_type.as_str()), ["eight", "one", "cpu", "none"]);
        assert_eq!(rows[0].per_gpu.unwrap().to_string(), "10");
        assert_eq!(rows[0].per_gpu_gib.unwrap().to_string(), "0.125");
        assert_eq!(rows[0].per_month.unwrap().to_string(), "58400");
    }

    #[test]
    fn every_operating_system_is_one_product() {
        use OperatingSystem::{Linux, Rhel, Suse, UbuntuPro, Windows};
        let operations: BTreeSet<_> = [Linux, Windows, Rhel, Suse, UbuntuPro].map(|it| it.listed().1).into();
        assert_eq!(operations.len(), 5);
    }
}
