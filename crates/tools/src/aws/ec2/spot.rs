//! Spot: what it costs zone by zone, and what was asked for.

mod wire;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trainyard_aws::Aws;
use trainyard_contract::{
    Access, Covers, Destroys, Error, Json, Listing, Preview, Reads, Result, Target, Tool, ToolDef,
};

use self::wire::{CancelSpotInstanceRequests, DescribeSpotInstanceRequests, DescribeSpotPriceHistory, SpotPrice};
use super::{
    prices::OperatingSystem,
    tagged::{filters, whole},
};
use crate::{
    App, Cx,
    aws::{pricing::money::Money, regions::across},
    common::{Cursor, DryRun, Limit, Profile, Region, aws_target},
};

pub(crate) const TOOLS: &[ToolDef<App>] = &[
    ToolDef::reads::<GetHistory>().formerly(&["ec2.get_spot_price_history", "aws.get_spot_price_history"]),
    ToolDef::reads::<ListRequests>().formerly(&[
        "ec2.list_spot_requests",
        "ec2.get_spot_request_details",
        "ec2_get_spot_request_details",
    ]),
    ToolDef::destroys::<CancelRequests>().formerly(&["ec2.cancel_spot_request"]),
];

const HOUR: u64 = 3600;

/// Summarise spot prices zone by zone: now, lowest, highest and average, cheapest first
///
/// Of the last 24 hours unless start_time or hours says otherwise. AWS keeps 90 days.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetHistory {
    /// Such as p5.48xlarge.
    instance_types: Vec<String>,
    /// Linux when absent.
    #[serde(default)]
    operating_system: OperatingSystem,
    /// As AWS words it, such as Linux/UNIX; instead of operating_system.
    product_description: Option<String>,
    /// How far back; 24 when absent.
    #[schemars(range(min = 1, max = 2160))]
    hours: Option<u32>,
    /// From then on instead, as RFC 3339.
    start_time: Option<String>,
    /// Until then, as RFC 3339; now when absent.
    end_time: Option<String>,
    /// Only this zone.
    availability_zone: Option<String>,
    region: Option<Region>,
    /// Several regions, or * for all that are enabled.
    regions: Option<Vec<String>>,
    profile: Option<Profile>,
}

impl Tool<App> for GetHistory {
    const NAME: &'static str = "ec2_get_spot_price_history";
    const EXAMPLE: &'static str = r#"{"instance_types": ["p4d.24xlarge", "g6e.48xlarge"], "hours": 72}"#;
    type Access = Reads;
    type Output = Listing<ZonePrice>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<ZonePrice>> {
        if self.instance_types.is_empty() {
            return Err(Error::validation("`instance_types` is empty").hint("name a type, such as p5.48xlarge"));
        }
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let span = self.span()?;
        let mut listing = match &self.regions {
            None => Listing::whole(self.zones(&cx, &aws, span).await?),
            Some(_) if self.region.is_some() => {
                return Err(Error::validation("`regions` does not go with `region`"));
            }
            Some(regions) => {
                let cx = &cx;
                let this = &self;
                let mut across =
                    across(cx, &aws, regions, |aws| async move { this.zones(cx, &aws, span).await }).await?;
                let rows = across.answers.iter_mut().flat_map(|(_, rows)| std::mem::take(rows)).collect();
                across.tell(Listing::whole(rows))
            }
        };
        listing.items.sort_by(|one, other| (one.now, &one.zone).cmp(&(other.now, &other.zone)));
        let from = span.0.format(&Rfc3339).map_err(|error| Error::internal(error.to_string()))?;
        Ok(listing.about("currency", "USD").about("from", from))
    }
}

/// From, and until.
type Span = (OffsetDateTime, OffsetDateTime);

impl GetHistory {
    fn span(&self) -> Result<Span> {
        let time = |text: &String| {
            OffsetDateTime::parse(text, &Rfc3339)
                .map_err(|_| Error::validation(format!("{text:?} is not a time such as 2026-11-20T00:00:00Z")))
        };
        let until = self.end_time.as_ref().map(time).transpose()?.unwrap_or_else(now);
        let from = match (&self.start_time, self.hours) {
            (Some(_), Some(_)) => return Err(Error::validation("`hours` does not go with `start_time`")),
            (Some(start), None) => time(start)?,
            (None, hours) => until - Duration::from_secs(HOUR * u64::from(hours.unwrap_or(24))),
        };
        if from >= until {
            return Err(Error::validation("the time asked about ends before it begins"));
        }
        Ok((from, until))
    }

    async fn zones(&self, cx: &Cx<Reads>, aws: &Aws<Reads>, span: Span) -> Result<Vec<ZonePrice>> {
        let product = self.product_description.as_deref().unwrap_or(self.operating_system.product());
        let question = DescribeSpotPriceHistory {
            instance_types: self.instance_types.clone(),
            product_descriptions: vec![product.to_owned()],
            availability_zone: self.availability_zone.clone(),
            start_time: span.0.unix_timestamp(),
            end_time: Some(span.1.unix_timestamp()),
        };
        Ok(summary(whole(cx, aws, &question).await?, span))
    }
}

fn now() -> OffsetDateTime {
    SystemTime::now().into()
}

/// The price of now in the cheapest zone, and that zone.
pub(super) async fn cheapest<A: Access + Covers<Reads>>(
    aws: &Aws<A>,
    instance_type: &str,
    system: OperatingSystem,
) -> Result<(String, Money)> {
    let until = now();
    let question = DescribeSpotPriceHistory {
        instance_types: vec![instance_type.to_owned()],
        product_descriptions: vec![system.product().to_owned()],
        availability_zone: None,
        // AWS answers with the price that was valid then, one a zone.
        start_time: until.unix_timestamp(),
        end_time: None,
    };
    let wanted = trainyard_aws::Wanted { limit: 1000, cursor: None, binding: "" };
    let found = summary(aws.list(&question, wanted).await?.items, (until, until));
    let cheapest = found.into_iter().filter_map(|zone| Some((zone.now?, zone.zone))).min();
    cheapest
        .map(|(price, zone)| (zone, price))
        .ok_or_else(|| Error::not_found("spot price of", instance_type).hint("it may not be offered as spot there"))
}

/// Changes of price, made into one row a type and zone.
fn summary(changes: Vec<SpotPrice>, span: Span) -> Vec<ZonePrice> {
    let mut zones: BTreeMap<(String, String), Vec<(OffsetDateTime, Money)>> = BTreeMap::new();
    for change in changes {
        let (Some(zone), Some(price)) = (change.availability_zone, Money::read(&change.spot_price)) else { continue };
        let Ok(time) = OffsetDateTime::parse(&change.timestamp, &Rfc3339) else { continue };
        zones.entry((change.instance_type, zone)).or_default().push((time, price));
    }
    let rows = zones.into_iter().map(|((instance_type, zone), mut changes)| {
        changes.sort_by_key(|(time, _)| *time);
        let prices = || changes.iter().map(|(_, price)| *price);
        ZonePrice {
            instance_type,
            zone,
            now: prices().next_back(),
            lowest: prices().min(),
            highest: prices().max(),
            average: average(&changes, span),
            changes: changes.len(),
        }
    });
    rows.collect()
}

/// The average over time: a price that held for a day counts for more than one that held for a minute.
fn average(changes: &[(OffsetDateTime, Money)], (from, until): Span) -> Option<Money> {
    let mut weighted: Option<Money> = None;
    let mut seconds = 0_u64;
    for (at, (time, price)) in changes.iter().enumerate() {
        let start = (*time).max(from);
        let end = changes.get(at + 1).map_or(until, |(next, _)| *next);
        let held = u64::try_from((end - start).whole_seconds()).unwrap_or_default();
        let part = price.times(held);
        weighted = Some(weighted.map_or(part, |sum| sum.plus(part)));
        seconds += held;
    }
    weighted?.per(seconds).or_else(|| changes.last().map(|(_, price)| *price))
}

/// One type in one zone. Prices are per hour.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct ZonePrice {
    #[serde(rename = "type")]
    instance_type: String,
    zone: String,
    now: Option<Money>,
    lowest: Option<Money>,
    highest: Option<Money>,
    /// Over time.
    average: Option<Money>,
    /// How often it changed: a restless price means scarce capacity.
    changes: usize,
}

/// List spot requests, with why they are in their state
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListRequests {
    /// Only these request IDs.
    spot_request_ids: Option<Vec<String>>,
    /// Only in these states.
    states: Option<Vec<RequestState>>,
    /// Only with all these tags; * as value for any value.
    tags: Option<BTreeMap<String, String>>,
    /// Only these columns.
    fields: Option<Vec<String>>,
    #[serde(default)]
    limit: Limit,
    /// `next` of the call before.
    cursor: Option<Cursor>,
    region: Option<Region>,
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum RequestState {
    Open,
    Active,
    Closed,
    Cancelled,
    Failed,
    Disabled,
}

impl RequestState {
    fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

impl Tool<App> for ListRequests {
    const NAME: &'static str = "ec2_list_spot_requests";
    const EXAMPLE: &'static str = r#"{"states": ["open", "active"]}"#;
    type Access = Reads;
    type Output = Listing<RequestRow>;

    async fn run(self, cx: Cx<Reads>) -> Result<Listing<RequestRow>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let states = self.states.iter().flatten().map(|state| state.word()).collect();
        let question = DescribeSpotInstanceRequests {
            spot_instance_request_ids: self.spot_request_ids.unwrap_or_default(),
            filters: filters(vec![("state", states)], self.tags.as_ref()),
        };
        let found = aws.list(&question, cx.wanted(self.limit.0, self.cursor.as_ref())).await?;
        let rows = found.items.into_iter().map(RequestRow::from).collect();
        let listing = Listing::part(rows, found.next, found.pages).about("region", found.region);
        Ok(listing.fields(self.fields.as_deref().unwrap_or_default()))
    }
}

/// Cancel spot requests
///
/// Instances that run for them run on and cost on: ec2_terminate_instances ends those.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelRequests {
    /// Request IDs.
    spot_request_ids: Vec<String>,
    region: Option<Region>,
    profile: Option<Profile>,
}

impl CancelRequests {
    fn request(&self) -> Result<CancelSpotInstanceRequests> {
        let ids = self.spot_request_ids.clone();
        if ids.is_empty() {
            return Err(Error::validation("`spot_request_ids` is empty").hint("ec2_list_spot_requests shows them"));
        }
        Ok(CancelSpotInstanceRequests { spot_instance_request_ids: ids })
    }

    async fn now<A: Access + Covers<Reads>>(&self, aws: &Aws<A>) -> Result<Vec<RequestRow>> {
        let ids = self.request()?.spot_instance_request_ids;
        let question = DescribeSpotInstanceRequests { spot_instance_request_ids: ids, filters: Vec::new() };
        let found = aws.send(&question).await?;
        Ok(found.spot_instance_requests.into_iter().map(RequestRow::from).collect())
    }
}

impl Tool<App> for CancelRequests {
    const NAME: &'static str = "ec2_cancel_spot_request";
    const EXAMPLE: &'static str = r#"{"spot_request_ids": ["sir-abcd1234"]}"#;
    type Access = Destroys;
    type Output = Json<Cancelled>;

    async fn run(self, cx: Cx<Destroys>) -> Result<Json<Cancelled>> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        let before = self.now(&aws).await?;
        let (reply, region) = aws.send_whole(&self.request()?).await?;
        let cancelled = reply.cancelled_spot_instance_requests.into_iter().map(|it| it.spot_instance_request_id);
        let running_on = before.into_iter().filter_map(|request| request.instance_id).collect();
        Ok(Json(Cancelled { region, cancelled: cancelled.collect(), running_on }))
    }
}

impl Preview<App> for CancelRequests {
    type Plan = Asked;

    fn target(&self) -> Target {
        aws_target("spot request", self.spot_request_ids.clone(), self.region.as_ref(), self.profile.as_ref())
    }

    async fn plan(&self, cx: Cx<Reads>) -> Result<Asked> {
        let aws = cx.aws(self.region.as_ref(), self.profile.as_ref());
        Ok(Asked { requests: self.now(&aws).await?, dry_run: aws.dry_run_of(&self.request()?).await?.into() })
    }
}

/// One spot request.
#[derive(Debug, Serialize, JsonSchema)]
struct RequestRow {
    spot_request_id: String,
    state: Option<String>,
    /// Why, such as fulfilled or capacity-not-available.
    status: Option<String>,
    status_message: Option<String>,
    instance_id: Option<String>,
    #[serde(rename = "type")]
    instance_type: Option<String>,
    zone: Option<String>,
    /// Most that is paid per hour, in USD.
    max_price: Option<String>,
    /// one-time or persistent: a persistent one launches again.
    kind: Option<String>,
    /// terminate, stop or hibernate.
    on_interruption: Option<String>,
    created: Option<String>,
}

impl From<wire::SpotRequest> for RequestRow {
    fn from(request: wire::SpotRequest) -> Self {
        let (status, status_message) = request.status.map_or((None, None), |status| (status.code, status.message));
        Self {
            spot_request_id: request.spot_instance_request_id,
            state: request.state,
            status,
            status_message,
            instance_id: request.instance_id,
            instance_type: request.launch_specification.and_then(|specification| specification.instance_type),
            zone: request.launched_availability_zone,
            max_price: request.spot_price,
            kind: request.kind,
            on_interruption: request.instance_interruption_behavior,
            created: request.create_time,
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct Cancelled {
    region: String,
    cancelled: Vec<String>,
    /// Instances that run on and cost on.
    running_on: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Asked {
    requests: Vec<RequestRow>,
    dry_run: DryRun,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    }

    fn change(zone: &str, at: &str, price: &str) -> SpotPrice {
        serde_json::from_value(serde_json::json!({
            "InstanceType": "p5.48xlarge", "AvailabilityZone": zone, "Timestamp": at, "SpotPrice": price
        }))
        .unwrap()
    }

    #[test]
    fn a_price_counts_for_as_long_as_it_held() {
        let span = (time("2026-11-20T00:00:00Z"), time("2026-11-21T00:00:00Z"));
        let changes = vec![
            change("b", "2026-11-20T18:00:00Z", "40.000000"),
            // Valid before the time that is asked about, and into it.
            change("b", "2026-11-19T12:00:00Z", "20.000000"),
            change("a", "2026-11-20T06:00:00Z", "30.000000"),
        ];
        let rows = summary(changes, span);
        let shown: Vec<_> = rows
            .iter()
            .map(|row| {
                let prices = [row.now, row.lowest, row.highest, row.average];
                (row.zone.as_str(), prices.map(|price| price.unwrap().to_string()), row.changes)
            })
            .collect();
        let words = |list: [&str; 4]| list.map(str::to_owned);
        assert_eq!(
            shown,
            [("a", words(["30", "30", "30", "30"]), 1), ("b", words(["40", "20", "40", "25"]), 2)],
            "18 hours at 20 and 6 at 40 are 25 on average"
        );
    }

    #[test]
    fn the_time_asked_about_makes_sense_or_is_refused() {
        let span = |arguments: &str| serde_json::from_str::<GetHistory>(arguments).unwrap().span();
        let (from, until) = span(r#"{"instance_types": ["m5.large"], "end_time": "2026-11-21T00:00:00Z"}"#).unwrap();
        assert_eq!((until - from).whole_hours(), 24);
        assert!(span(r#"{"instance_types": [], "start_time": "yesterday"}"#).is_err());
        assert!(span(r#"{"instance_types": [], "start_time": "2026-11-21T00:00:00Z", "hours": 3}"#).is_err());
        assert!(
            span(r#"{"instance_types": [], "start_time": "2026-11-22T00:00:00Z", "end_time": "2026-11-21T00:00:00Z"}"#)
                .is_err()
        );
    }
}
