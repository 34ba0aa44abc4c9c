//! One account: what there is in each region, in the form in which services answer it, and what is still to happen.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::wire::Refusal;
use crate::kubernetes::{
    clock::{self, Clock},
    random::Random,
};

/// Everything of one account. A copy is what a dry run is tried on.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Twelve digits.
    pub(crate) id: String,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// How many times faster than at AWS things happen.
    pub(crate) haste: u32,
    /// Regions of the account, its home first.
    pub(crate) regions: Vec<String>,
    tables: BTreeMap<(String, Table), Rows>,
    /// What happens later, in its order.
    due: BTreeMap<(OffsetDateTime, u64), Change>,
    changes: u64,
}

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Images,
    Instances,
    KeyPairs,
    SecurityGroups,
    Snapshots,
    Subnets,
    Volumes,
    Vpcs,
    EksClusters,
    EksNodegroups,
    HyperPodClusters,
    HyperPodNodes,
    HyperPodEvents,
}

/// Rows by id, in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    order: VecDeque<String>,
    rows: BTreeMap<String, Value>,
}

impl Rows {
    pub(crate) fn get(&self, id: &str) -> Option<&Value> {
        self.rows.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.order.iter().filter_map(|id| self.rows.get(id))
    }
}

/// Something that happens to a row at a later time.
#[derive(Debug, Clone)]
struct Change {
    region: String,
    table: Table,
    id: String,
    then: Then,
}

/// What happens to a row.
#[derive(Debug, Clone)]
pub(crate) enum Then {
    /// Members, by JSON pointer, get other values.
    Set(Vec<(&'static str, Value)>),
    /// It is gone.
    Remove,
}

impl Account {
    pub(crate) fn new(id: &str, regions: &[&str], clock: Clock, seed: u64, haste: u32) -> Self {
        Self {
            id: id.to_owned(),
            clock,
            random: Random::new(seed),
            haste: haste.max(1),
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            tables: BTreeMap::new(),
            due: BTreeMap::new(),
            changes: 0,
        }
    }

    /// Lets happen what is due by now.
    pub(crate) fn settle(&mut self) {
        let now = self.clock.now();
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let change = entry.remove();
            match change.then {
                Then::Remove => drop(self.remove(&change.region, change.table, &change.id)),
                Then::Set(members) => {
                    // A row that is gone has no future.
                    if let Some(row) = self.row_mut(&change.region, change.table, &change.id) {
                        for (pointer, value) in members {
                            put(row, pointer, value);
                        }
                    }
                }
            }
        }
    }

    /// Lets something happen to a row after the time that it takes at AWS.
    pub(crate) fn later(&mut self, after: Duration, region: &str, table: Table, id: &str, then: Then) {
        let moment = self.clock.now() + after / self.haste;
        self.changes += 1;
        let change = Change { region: region.to_owned(), table, id: id.to_owned(), then };
        self.due.insert((moment, self.changes), change);
    }

    pub(crate) fn rows(&self, region: &str, table: Table) -> impl Iterator<Item = &Value> {
        self.tables.get(&(region.to_owned(), table)).into_iter().flat_map(Rows::iter)
    }

    pub(crate) fn row(&self, region: &str, table: Table, id: &str) -> Option<&Value> {
        self.tables.get(&(region.to_owned(), table))?.get(id)
    }

    pub(crate) fn row_mut(&mut self, region: &str, table: Table, id: &str) -> Option<&mut Value> {
        self.tables.get_mut(&(region.to_owned(), table))?.rows.get_mut(id)
    }

    pub(crate) fn insert(&mut self, region: &str, table: Table, id: &str, row: Value) {
        let rows = self.tables.entry((region.to_owned(), table)).or_default();
        if rows.rows.insert(id.to_owned(), row).is_none() {
            rows.order.push_back(id.to_owned());
        }
    }

    pub(crate) fn remove(&mut self, region: &str, table: Table, id: &str) -> Option<Value> {
        let rows = self.tables.get_mut(&(region.to_owned(), table))?;
        rows.order.retain(|known| known != id);
        rows.rows.remove(id)
    }

    /// `vol-0123456789abcdef0`, another one each time.
    pub(crate) fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.random.next())
    }

    /// A name of a resource across all of AWS.
    pub(crate) fn arn(&self, service: &str, region: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{region}:{}:{resource}", self.id)
    }

    /// Now, in whole seconds.
    pub(crate) fn stamp(&self) -> Value {
        Value::from(self.clock.stamp())
    }

    /// A moment some seconds ago.
    pub(crate) fn ago(&self, seconds: u64) -> Value {
        let ago = time::Duration::seconds(i64::try_from(seconds).unwrap_or(0));
        Value::from(clock::stamp(self.clock.now() - ago))
    }
}

/// Sets a member by JSON pointer, with the objects on the way.
pub(crate) fn put(row: &mut Value, pointer: &str, value: Value) {
    let mut place = row;
    for name in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[name];
    }
    *place = value;
}

/// A call under way.
pub(crate) struct Cx<'a> {
    pub(crate) account: &'a mut Account,
    pub(crate) region: &'a str,
    pub(crate) access_key: &'a str,
    pub(crate) input: &'a Value,
}

impl Cx<'_> {
    /// A text of the input.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.input[member].as_str()
    }

    /// A list of texts of the input; empty where there is none.
    pub(crate) fn texts(&self, member: &str) -> Vec<String> {
        let items = self.input[member].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(crate) fn rows(&self, table: Table) -> impl Iterator<Item = &Value> {
        self.account.rows(self.region, table)
    }

    /// A row, or the refusal that says so.
    pub(crate) fn row(&self, table: Table, id: &str, absent: impl FnOnce() -> Refusal) -> Result<&Value, Refusal> {
        self.account.row(self.region, table, id).ok_or_else(absent)
    }

    pub(crate) fn row_mut(&mut self, table: Table, id: &str) -> Option<&mut Value> {
        self.account.row_mut(self.region, table, id)
    }

    pub(crate) fn insert(&mut self, table: Table, id: &str, row: Value) {
        self.account.insert(self.region, table, id, row);
    }

    pub(crate) fn later(&mut self, after: Duration, table: Table, id: &str, then: Then) {
        self.account.later(after, self.region, table, id, then);
    }
}
