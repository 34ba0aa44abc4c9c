//! What an account is told from outside, by data: rows that are there, capacity that is not, calls that are refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    account::{Account, put},
    moments, services,
    table::Table,
};

/// A change of an account's state, as scenarios hold it. Everything is optional; it happens in the order of the fields. In
/// rows, members and inputs a text such as `<41 days ago>` means that moment.
///
/// ```
/// use serde_json::json;
/// use trainyard_sandbox::aws::Setting;
///
/// let setting: Setting = serde_json::from_value(json!({
///     "rows": {"volumes": [{"VolumeId": "vol-1", "Size": 900, "State": "available", "VolumeType": "gp3",
///                           "AvailabilityZone": "us-west-2a", "Attachments": [], "Tags": []}]},
///     "changes": [{"table": "instances", "id": "bastion", "members": {"/_status": "impaired"}}],
///     "capacity": {"p5.48xlarge": 0},
///     "refusals": [{"service": "ec2", "operation": "StartInstances", "code": "InsufficientInstanceCapacity",
///                   "message": "We currently do not have sufficient p5.48xlarge capacity."}],
/// })).expect("a setting");
/// assert_eq!(setting.capacity["p5.48xlarge"], 0);
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Setting {
    /// The region that is meant; the account's home where it is left out.
    pub region: Option<String>,
    /// Rows by table, in the form in which the API describes them. Members of a row that is there are laid over it; a row that
    /// is not there is made. Members that begin with `_` are never answered: `_status` of an instance is `impaired` or
    /// `ok`, `_console` its console output. Tables and the members that name a row are in `table.rs`.
    pub rows: BTreeMap<String, Vec<Value>>,
    /// Members of rows that are there.
    pub changes: Vec<RowChange>,
    /// Rows that go, by table: ids or names.
    pub remove: BTreeMap<String, Vec<String>>,
    /// How many more instances of a type can be launched or started; without bound where a type is not named.
    pub capacity: BTreeMap<String, u64>,
    /// Values of quotas, by code, such as `L-417A185B`.
    pub quotas: BTreeMap<String, f64>,
    /// Calls that are refused from now on.
    pub refusals: Vec<Refused>,
    /// Series of metrics that are otherwise than usual.
    pub metrics: Vec<Series>,
    /// Lines of logs that were written.
    pub logs: Vec<Logged>,
    /// Resources of stacks that fail from now on.
    pub stack_failures: Vec<StackFailure>,
    /// Templates by their address in S3, as `TemplateURL` names them.
    pub templates: BTreeMap<String, String>,
    /// Calls that somebody made: whatever an operation can do, a setting can.
    pub calls: Vec<Made>,
}

/// Lines of one stream of CloudWatch Logs; group and stream are made where they are not there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logged {
    /// Name of the group.
    pub group: String,
    /// Name of the stream.
    pub stream: String,
    /// What was written.
    pub lines: Vec<LoggedLine>,
}

/// A line of a log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedLine {
    /// How many seconds ago.
    pub seconds_ago: u64,
    /// The line.
    pub message: String,
}

/// A resource of a stack that fails.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackFailure {
    /// Name of the outermost stack.
    pub stack: String,
    /// Logical id of the resource, after those of the nested stacks that it is in: `ClusterStack/EksCluster`.
    pub resource: String,
    /// The reason that its event gives.
    pub reason: String,
    /// Whether it fails when it is made, changed or deleted.
    #[serde(default)]
    pub when: StackWork,
}

/// What is being done to a resource of a stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StackWork {
    /// It is made.
    #[default]
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
}

/// Members of one row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowChange {
    /// Name of the table.
    pub table: String,
    /// Id of the row, or the value of its tag `Name`.
    pub id: String,
    /// Values by JSON pointer; null takes the member away.
    pub members: Map<String, Value>,
}

/// A call that is refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Service, as the catalogue calls it.
    pub service: String,
    /// Operation.
    pub operation: String,
    /// Code of the error.
    pub code: String,
    /// Its message.
    pub message: String,
    /// HTTP status; 400 where it is left out.
    pub status: Option<u16>,
    /// How many times; for ever where it is left out.
    pub times: Option<u32>,
}

/// A series that is otherwise than usual.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Name of the metric.
    pub metric: String,
    /// Dimensions that a series must have, such as `InstanceId`; a value that is the `Name` of an instance means its id.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// Value from then on.
    pub value: f64,
    /// Since how many seconds.
    pub since_seconds: u64,
    /// Until how many seconds ago; until now and on where it is 0.
    #[serde(default)]
    pub until_seconds: u64,
}

/// A call that somebody made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Service, as the catalogue calls it.
    pub service: String,
    /// Operation.
    pub operation: String,
    /// Its input, with the names of the API.
    #[serde(default)]
    pub input: Value,
    /// How many seconds ago: what it led to has happened since. Calls are told oldest first.
    #[serde(default)]
    pub seconds_ago: u64,
}

/// What an account does otherwise than it would.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// By region and type.
    pub(crate) capacity: BTreeMap<(String, String), u64>,
    pub(crate) refusals: Vec<Refused>,
    /// With the moments between which it holds, in seconds since 1970.
    pub(crate) metrics: Vec<(Series, i64, i64)>,
    pub(crate) stack_failures: Vec<StackFailure>,
    /// By address.
    pub(crate) templates: BTreeMap<String, String>,
}

/// Applies a setting. The error says what of it cannot be; a setting with an error has changed nothing.
pub(super) fn apply(account: &mut Account, setting: &Setting) -> Result<(), String> {
    let mut after = account.clone();
    applied(&mut after, &moments::resolved(account, setting)?)?;
    *account = after;
    Ok(())
}

fn applied(account: &mut Account, setting: &Setting) -> Result<(), String> {
    account.settle();
    let region = setting.region.clone().or_else(|| account.regions.first().cloned()).unwrap_or_default();
    if !account.regions.contains(&region) {
        return Err(format!("the account has no region {region:?}"));
    }
    for (name, rows) in &setting.rows {
        let table = Table::named(name)?;
        for row in rows {
            let id = table.id_of(row).map_err(|why| format!("{name}: {why}"))?;
            let mut whole = account.row(&region, table, &id).cloned().unwrap_or_else(|| json!({}));
            for (member, value) in row.as_object().into_iter().flatten() {
                whole[member.as_str()] = value.clone();
            }
            account.insert(&region, table, &id, whole);
        }
    }
    for change in &setting.changes {
        let (table, id) = found(account, &region, &change.table, &change.id)?;
        let Some(row) = account.row_mut(&region, table, &id) else { continue };
        for (pointer, value) in &change.members {
            set(row, pointer, value)?;
        }
    }
    for (name, ids) in &setting.remove {
        for id in ids {
            let (table, id) = found(account, &region, name, id)?;
            account.remove(&region, table, &id);
        }
    }
    for (code, value) in &setting.quotas {
        let is = |row: &&Value| row["QuotaCode"] == *code;
        let row =
            account.rows(&region, Table::Quotas).find(is).ok_or_else(|| format!("no quota has the code {code}"))?;
        let id = Table::Quotas.id_of(row)?;
        if let Some(row) = account.row_mut(&region, Table::Quotas, &id) {
            row["Value"] = json!(value);
        }
    }
    setting.logs.iter().for_each(|logged| log(account, &region, logged));
    stand(account, &region, setting);
    setting.calls.iter().try_for_each(|made| services::made(account, &region, made))
}

fn log(account: &mut Account, region: &str, logged: &Logged) {
    let now = account.now().unix_timestamp();
    let time = |line: &LoggedLine| (now - i64::try_from(line.seconds_ago).unwrap_or(now)) * 1_000;
    let events: Vec<(i64, String)> = logged.lines.iter().map(|line| (time(line), line.message.clone())).collect();
    if !events.is_empty() {
        services::log(account, region, &logged.group, &logged.stream, &events);
    }
}

fn stand(account: &mut Account, region: &str, setting: &Setting) {
    let now = account.clock.now().unix_timestamp();
    let ago = |seconds: u64| now - i64::try_from(seconds).unwrap_or(now);
    let id_of = |name: &str| {
        let row = account.rows(region, Table::Instances).find(|row| tag(row, "Name") == Some(name));
        row.and_then(|row| row["InstanceId"].as_str()).map(str::to_owned)
    };
    let timed = |series: &Series| {
        let mut series = series.clone();
        if let Some(instance) = series.dimensions.get_mut("InstanceId")
            && let Some(id) = id_of(instance)
        {
            *instance = id;
        }
        let until = if series.until_seconds == 0 { i64::MAX } else { ago(series.until_seconds) };
        let since = ago(series.since_seconds);
        (series, since, until)
    };
    let series: Vec<_> = setting.metrics.iter().map(timed).collect();
    let standing = &mut account.standing;
    let capacity = setting.capacity.iter().map(|(kind, left)| ((region.to_owned(), kind.clone()), *left));
    standing.capacity.extend(capacity);
    standing.refusals.extend(setting.refusals.iter().cloned());
    standing.metrics.extend(series);
    standing.stack_failures.extend(setting.stack_failures.iter().cloned());
    standing.templates.extend(setting.templates.clone());
}

/// A row by its id or its tag `Name`.
fn found(account: &Account, region: &str, table: &str, id: &str) -> Result<(Table, String), String> {
    let name = table;
    let table = Table::named(name)?;
    if account.row(region, table, id).is_some() {
        return Ok((table, id.to_owned()));
    }
    let row = account.rows(region, table).find(|row| tag(row, "Name") == Some(id));
    row.map_or_else(|| Err(format!("{name} has no row {id:?}")), |row| table.id_of(row).map(|id| (table, id)))
}

fn set(row: &mut Value, pointer: &str, value: &Value) -> Result<(), String> {
    if !pointer.starts_with('/') {
        return Err(format!("{pointer:?} is no JSON pointer: it begins with a slash"));
    }
    match row.pointer_mut(pointer) {
        Some(place) if !value.is_null() => *place = value.clone(),
        Some(_) => {
            let (front, last) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(Value::Object(members)) = row.pointer_mut(front) {
                members.shift_remove(last);
            }
        }
        None => put(row, pointer, value.clone()),
    }
    Ok(())
}

/// The value of a tag, as EC2 keeps them.
pub(crate) fn tag<'r>(row: &'r Value, key: &str) -> Option<&'r str> {
    row["Tags"].as_array()?.iter().find(|tag| tag["Key"] == key)?["Value"].as_str()
}
