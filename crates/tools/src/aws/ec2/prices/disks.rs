//! What EBS volumes cost: their size, and the speed that is not in its price.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_aws::Aws;
use trainyard_contract::{Access, Covers, Error, Reads, Result};

use super::Line;
use crate::aws::pricing::{Price, money::Money, price, price_list};

/// IOPS and MiB/s of a gp3 volume that its size pays for.
const FREE_IOPS: u32 = 3000;
const FREE_THROUGHPUT: u32 = 125;
/// IOPS of an io2 volume up to which each price counts.
const IO2_TIERS: [(u32, u32, &str); 3] =
    [(0, 32_000, "EBS IOPS"), (32_000, 64_000, "EBS IOPS Tier 2"), (64_000, u32::MAX, "EBS IOPS Tier 3")];

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Gp3,
    Gp2,
    Io2,
    Io1,
    St1,
    Sc1,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Gp3 => "gp3",
            Self::Gp2 => "gp2",
            Self::Io2 => "io2",
            Self::Io1 => "io1",
            Self::St1 => "st1",
            Self::Sc1 => "sc1",
        }
    }
}

/// A volume to be priced.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Disk {
    /// gp3 when absent.
    #[serde(default)]
    volume_type: Kind,
    /// GiB.
    #[schemars(range(min = 1, max = 65536))]
    size: u32,
    /// IOPS of gp3, io1 and io2.
    #[schemars(range(min = 100, max = 256_000))]
    iops: Option<u32>,
    /// MiB/s of gp3.
    #[schemars(range(min = 125, max = 2000))]
    throughput: Option<u32>,
}

/// Something of a volume that has a price of its own.
#[derive(Debug, PartialEq)]
struct Part {
    family: &'static str,
    group: Option<&'static str>,
    unit: &'static str,
    quantity: u32,
}

impl Disk {
    /// Refuses what no such volume has.
    pub(super) fn check(&self) -> Result<()> {
        let name = self.volume_type.name();
        if self.iops.is_some() && !matches!(self.volume_type, Kind::Gp3 | Kind::Io1 | Kind::Io2) {
            return Err(Error::validation(format!("{name} volumes have no IOPS to choose")));
        }
        if self.throughput.is_some() && self.volume_type != Kind::Gp3 {
            return Err(Error::validation(format!("{name} volumes have no throughput to choose")));
        }
        if self.iops.is_none() && matches!(self.volume_type, Kind::Io1 | Kind::Io2) {
            return Err(Error::validation(format!("{name} volumes are priced by their `iops`, which is missing")));
        }
        Ok(())
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = vec![Part { family: "Storage", group: None, unit: "GiB-month", quantity: self.size }];
        let iops = self.iops.unwrap_or_default();
        let mut speed = |group, quantity| {
            let part = Part { family: "System Operation", group: Some(group), unit: "IOPS-month", quantity };
            parts.extend((quantity > 0).then_some(part));
        };
        match self.volume_type {
            Kind::Gp3 => speed("EBS IOPS", iops.saturating_sub(FREE_IOPS)),
            Kind::Io1 => speed("EBS IOPS", iops),
            Kind::Io2 => {
                for (from, to, group) in IO2_TIERS {
                    speed(group, iops.clamp(from, to) - from);
                }
            }
            Kind::Gp2 | Kind::St1 | Kind::Sc1 => {}
        }
        let quantity = self.throughput.unwrap_or_default().saturating_sub(FREE_THROUGHPUT);
        if quantity > 0 {
            let group = Some("EBS Throughput");
            parts.push(Part { family: "Provisioned Throughput", group, unit: "MiB/s-month", quantity });
        }
        parts
    }

    /// What it costs a month, on each of so many instances.
    pub(super) async fn lines<A: Access + Covers<Reads>>(
        &self,
        list: &Aws<A>,
        region: &str,
        instances: u32,
    ) -> Result<Vec<Line>> {
        let name = self.volume_type.name();
        let mut lines = Vec::new();
        for part in self.parts() {
            let mut attributes = vec![
                ("regionCode", region),
                ("locationType", "AWS Region"),
                ("productFamily", part.family),
                ("volumeApiName", name),
            ];
            attributes.extend(part.group.map(|group| ("group", group)));
            let what = format!("{name} {}", part.group.unwrap_or("EBS storage"));
            let price = price(list, &format!("{what} in {region}"), &attributes).await?;
            let unit_price = per_unit(&price)?;
            let quantity = u64::from(part.quantity) * u64::from(instances);
            lines.push(Line::new(what, (unit_price, price.currency), part.unit, quantity));
        }
        Ok(lines)
    }
}

/// A volume as EC2 describes it.
#[derive(Debug, Clone, Copy)]
pub(in crate::aws) struct VolumeSize<'a> {
    pub(in crate::aws) kind: &'a str,
    pub(in crate::aws) gib: u32,
    pub(in crate::aws) iops: Option<u32>,
    pub(in crate::aws) throughput: Option<u32>,
}

impl VolumeSize<'_> {
    /// IOPS and throughput that EC2 describes but nobody chose are not paid for.
    fn disk(&self) -> Result<Disk> {
        let volume_type: Kind = serde_json::from_value(self.kind.into())
            .map_err(|_| Error::unsupported(format!("prices of {} volumes are not looked up", self.kind)))?;
        let chosen = matches!(volume_type, Kind::Gp3 | Kind::Io1 | Kind::Io2);
        Ok(Disk {
            volume_type,
            size: self.gib,
            iops: self.iops.filter(|_| chosen),
            throughput: self.throughput.filter(|_| volume_type == Kind::Gp3),
        })
    }

    /// What it costs a month, and in which currency.
    pub(in crate::aws) async fn month<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<(Money, String)> {
        let disk = self.disk()?;
        let (list, region) = price_list(aws).await?;
        let lines = disk.lines(&list, &region, 1).await?;
        let sum = lines.iter().map(|line| line.per_month).reduce(Money::plus);
        let currency = lines.into_iter().next().map(|line| line.currency);
        sum.zip(currency).ok_or_else(|| Error::internal("a volume without a size"))
    }
}

/// Throughput is priced by the GiB/s and provisioned by the MiB/s.
fn per_unit(price: &Price) -> Result<Money> {
    match price.unit.to_ascii_lowercase().as_str() {
        "gibps-mo" => price.amount.per(1024_u32).ok_or_else(|| Error::internal("1024 is not nothing")),
        "gb-mo" | "iops-mo" | "mibps-mo" => Ok(price.amount),
        other => Err(Error::unsupported(format!("the price list counts {} by {other:?}", price.sku))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(disk: &str) -> Vec<(Option<&'static str>, u32)> {
        let disk: Disk = serde_json::from_str(disk).unwrap();
        disk.check().unwrap();
        disk.parts().into_iter().map(|part| (part.group, part.quantity)).collect()
    }

    #[test]
    fn a_volume_as_ec2_describes_it_is_not_paid_for_what_comes_with_its_size() {
        let volume = |kind| VolumeSize { kind, gib: 100, iops: Some(300), throughput: Some(125) };
        let disk = volume("gp2").disk().unwrap();
        assert_eq!((disk.volume_type, disk.iops, disk.throughput), (Kind::Gp2, None, None));
        assert_eq!(volume("gp3").disk().unwrap().throughput, Some(125));
        assert!(volume("standard").disk().is_err());
    }

    #[test]
    fn only_what_is_above_the_free_speed_is_paid_for() {
        assert_eq!(parts(r#"{"size": 100}"#), [(None, 100)]);
        assert_eq!(parts(r#"{"size": 100, "iops": 3000, "throughput": 125}"#), [(None, 100)]);
        assert_eq!(
            parts(r#"{"size": 100, "iops": 4000, "throughput": 500}"#),
            [(None, 100), (Some("EBS IOPS"), 1000), (Some("EBS Throughput"), 375)]
        );
    }

    #[test]
    fn io2_is_priced_in_tiers() {
        assert_eq!(
            parts(r#"{"volume_type": "io2", "size": 10, "iops": 100000}"#),
            [
                (None, 10),
                (Some("EBS IOPS"), 32_000),
                (Some("EBS IOPS Tier 2"), 32_000),
                (Some("EBS IOPS Tier 3"), 36_000)
            ]
        );
        assert_eq!(parts(r#"{"volume_type": "io2", "size": 10, "iops": 200}"#)[1..], [(Some("EBS IOPS"), 200)]);
    }

    #[test]
    fn what_no_such_volume_has_is_refused() {
        for bad in [
            r#"{"volume_type": "gp2", "size": 1, "iops": 100}"#,
            r#"{"volume_type": "io1", "size": 10}"#,
            r#"{"volume_type": "st1", "size": 125, "throughput": 200}"#,
        ] {
            assert!(serde_json::from_str::<Disk>(bad).unwrap().check().is_err(), "{bad}");
        }
    }

    #[test]
    fn throughput_is_brought_to_the_unit_that_it_is_chosen_in() {
        let price = |unit: &str| Price {
            sku: "S".into(),
            unit: unit.into(),
            amount: Money::read("40.96").unwrap(),
            currency: "USD".into(),
            effective: None,
        };
        assert_eq!(per_unit(&price("GiBps-mo")).unwrap().to_string(), "0.04");
        assert_eq!(per_unit(&price("GB-Mo")).unwrap().to_string(), "40.96");
        assert!(per_unit(&price("Hrs")).is_err());
    }
}
