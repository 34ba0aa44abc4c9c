//! Training plans of SageMaker: capacity for a time that lies ahead, offered, bought, and used when its time has come.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::Operations;
use crate::{
    aws::{
        account::{Account, Cx, Then},
        endpoint::not_here,
        services::ec2::TYPES,
        table::Table,
        wire::Refusal,
    },
    kubernetes::clock,
};

pub(super) const OPERATIONS: Operations = &[
    ("sagemaker", "CreateTrainingPlan", create),
    ("sagemaker", "DescribeTrainingPlan", describe),
    ("sagemaker", "ListTrainingPlans", list),
    ("sagemaker", "SearchTrainingPlanOfferings", search),
];

/// How long it takes from now until the earliest plan begins, and from one that is offered to the next.
const AHEAD: Duration = Duration::days(2);
const BETWEEN: Duration = Duration::days(5);
const OFFERS: i32 = 2;
/// What a plan costs of the price on demand.
const SHARE: f64 = 0.75;
/// Hours of a plan where the caller does not say.
const HOURS: u64 = 24;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

fn moment(cx: &Cx<'_>, member: &str) -> Option<OffsetDateTime> {
    cx.text(member).and_then(clock::parse)
}

/// When a plan begins and ends: at half past eleven (UTC). `None` where the calendar ends before.
fn times(earliest: OffsetDateTime, number: i32, hours: u64) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let day = earliest.checked_add(AHEAD + BETWEEN * number)?.replace_time(time::Time::MIDNIGHT);
    let start = day.checked_add(Duration::minutes(690))?;
    let seconds = i64::try_from(hours).ok()?.checked_mul(3_600)?;
    Some((start, start.checked_add(Duration::seconds(seconds))?))
}

fn search(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    if !cx.input["TrainingPlanArn"].is_null() || !cx.input["UltraServerType"].is_null() {
        return Err(not_here("extensions of training plans and UltraServers"));
    }
    let kind = cx.text("InstanceType").ok_or_else(|| invalid("InstanceType is missing."))?.to_owned();
    let count = cx.input["InstanceCount"].as_u64().unwrap_or(1);
    let hours = cx.input["DurationHours"].as_u64().unwrap_or(HOURS).max(1);
    let now = cx.account.now();
    let earliest = moment(cx, "StartTimeAfter").unwrap_or(now).max(now);
    let known = TYPES.iter().find(|known| Some(known.name) == kind.strip_prefix("ml."));
    let left = cx.account.standing.capacity.get(&(cx.region.to_owned(), kind.clone())).copied();
    // AWS sells plans of types with accelerators, as far as it has them.
    let known = known.filter(|known| known.gpus.is_some() && left.is_none_or(|left| left >= count));
    let mut offers = Vec::new();
    for number in 0..OFFERS {
        let Some(known) = known else { break };
        // A moment beyond the calendar has no plan.
        let Some((start, end)) = times(earliest, number, hours) else { break };
        if moment(cx, "EndTimeBefore").is_some_and(|before| end > before) {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "hours and machines of one plan")]
        let fee = known.price * SHARE * hours as f64 * count as f64;
        let zone = ["a", "b", "c"][usize::try_from(cx.account.random.below(3)).unwrap_or(0)];
        let capacity = json!({
            "ReservedCapacityType": "Instance", "InstanceType": kind, "InstanceCount": count, "AvailabilityZone": format!("{}{zone}", cx.region),
            "DurationHours": hours, "DurationMinutes": 0, "StartTime": clock::stamp(start), "EndTime": clock::stamp(end),
        });
        let id = cx.account.new_id("tpo");
        let row = json!({
            "TrainingPlanOfferingId": id, "TargetResources": cx.input["TargetResources"], "DurationHours": hours, "DurationMinutes": 0,
            "RequestedStartTimeAfter": clock::stamp(earliest), "UpfrontFee": format!("{fee:.2}"), "CurrencyCode": "USD",
            "ReservedCapacityOfferings": [capacity],
        });
        cx.insert(Table::TrainingPlanOfferings, &id, row.clone());
        offers.push(row);
    }
    Ok(json!({ "TrainingPlanOfferings": offers }))
}

fn create(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let (name, offer) = (cx.name("TrainingPlanName"), cx.name("TrainingPlanOfferingId"));
    if cx.get(Table::TrainingPlans, &name).is_some() {
        return Err(Refusal::new(400, "ResourceInUse", format!("The training plan {name} exists.")));
    }
    let gone = || Refusal::new(400, "ResourceNotFound", format!("The offering {offer} is not there, or no longer."));
    let offered = cx.remove(Table::TrainingPlanOfferings, &offer).ok_or_else(gone)?;
    let capacity = &offered["ReservedCapacityOfferings"][0];
    let arn = cx.account.arn("sagemaker", cx.region, &format!("training-plan/{name}"));
    let count = capacity["InstanceCount"].as_u64().unwrap_or(0);
    let reserved = cx.account.arn("sagemaker", cx.region, &format!("reserved-capacity/{offer}"));
    let row = json!({
        "TrainingPlanArn": arn, "TrainingPlanName": name, "Status": "Scheduled", "DurationHours": offered["DurationHours"],
        "DurationMinutes": 0, "StartTime": capacity["StartTime"], "EndTime": capacity["EndTime"], "UpfrontFee": offered["UpfrontFee"],
        "CurrencyCode": "USD", "TotalInstanceCount": count, "AvailableInstanceCount": count, "InUseInstanceCount": 0,
        "TargetResources": offered["TargetResources"],
        "ReservedCapacitySummaries": [{
            "ReservedCapacityArn": reserved, "ReservedCapacityType": "Instance", "InstanceType": capacity["InstanceType"],
            "TotalInstanceCount": count, "Status": "Scheduled", "AvailabilityZone": capacity["AvailabilityZone"],
            "DurationHours": offered["DurationHours"], "DurationMinutes": 0, "StartTime": capacity["StartTime"],
            "EndTime": capacity["EndTime"],
        }],
    });
    cx.insert(Table::TrainingPlans, &name, row);
    for (member, step) in [("StartTime", begin as fn(&mut Account, &str, &str)), ("EndTime", end)] {
        if let Some(moment) = capacity[member].as_str().and_then(clock::parse) {
            cx.account.at(moment, cx.region, Table::TrainingPlans, &name, Then::Step(step));
        }
    }
    Ok(json!({ "TrainingPlanArn": arn }))
}

fn begin(account: &mut Account, region: &str, name: &str) {
    is_now(account, region, name, "Active");
}

fn end(account: &mut Account, region: &str, name: &str) {
    is_now(account, region, name, "Expired");
}

fn is_now(account: &mut Account, region: &str, name: &str, status: &str) {
    if let Some(row) = account.row_mut(region, Table::TrainingPlans, name) {
        row["Status"] = status.into();
        row["ReservedCapacitySummaries"][0]["Status"] = status.into();
    }
}

fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let name = cx.name("TrainingPlanName");
    let absent = || Refusal::new(400, "ResourceNotFound", format!("Training plan {name} not found."));
    Ok(cx.row(Table::TrainingPlans, &name, absent)?.clone())
}

#[expect(clippy::unnecessary_wraps, reason = "the form of all operations")]
fn list(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let status = cx.input["Filters"].as_array().into_iter().flatten().find(|filter| filter["Name"] == "Status");
    let status = status.map(|filter| filter["Value"].clone());
    let start = |row: &Value| row["StartTime"].as_str().and_then(clock::parse);
    let (after, before) = (moment(cx, "StartTimeAfter"), moment(cx, "StartTimeBefore"));
    let fits = |row: &&Value| {
        status.as_ref().is_none_or(|status| row["Status"] == *status)
            && after.is_none_or(|after| start(row) >= Some(after))
            && before.is_none_or(|before| start(row).is_some_and(|start| start <= before))
    };
    let mut rows: Vec<Value> = cx.rows(Table::TrainingPlans).filter(fits).cloned().collect();
    let by = cx.text("SortBy").unwrap_or("TrainingPlanName").to_owned();
    rows.sort_by(|one, other| one[&by].as_str().cmp(&other[&by].as_str()));
    if cx.text("SortOrder") == Some("Descending") {
        rows.reverse();
    }
    Ok(json!({ "TrainingPlanSummaries": rows }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> OffsetDateTime {
        clock::parse(text).unwrap()
    }

    #[test]
    fn a_plan_beyond_the_calendar_is_none() {
        let now = at("2026-11-21T18:00:00Z");
        let found = times(now, 1, 24).unwrap();
        assert_eq!(found, (at("2026-11-28T11:30:00Z"), at("2026-11-29T11:30:00Z")));
        assert_eq!(times(at("9999-12-31T23:59:59Z"), 0, 24), None);
        assert_eq!(times(at("9999-12-28T00:00:00Z"), 0, 87_600), None);
        assert_eq!(times(now, 0, u64::MAX), None);
        assert_eq!(times(now, 0, u64::MAX >> 1), None);
    }
}
