//! One account: what there is in each region, in the form in which services answer it, and what is still to happen.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{paging::Page, setting::Standing, table::Table, wire::Refusal};
use crate::kubernetes::{
    clock::{self, Clock},
    random::Random,
};

/// Everything of one account. A copy shares its rows until one of the two changes them: a dry run is tried on one.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Twelve digits.
    pub(crate) id: String,
    pub(crate) clock: Clock,
    /// The moment that is lived through, where that is not now: what was due earlier happens as of then.
    moment: Option<OffsetDateTime>,
    pub(crate) random: Random,
    /// How many times faster than at AWS things happen.
    pub(crate) haste: u32,
    /// Regions of the account, its home first.
    pub(crate) regions: Vec<String>,
    /// What the account was told to do otherwise than it would.
    pub(crate) standing: Standing,
    /// Answers that were given to a token, by service, operation, region and token.
    pub(super) answered: Answered,
    tables: BTreeMap<(String, Table), Arc<Rows>>,
    /// What happens later, in its order.
    due: BTreeMap<(OffsetDateTime, u64), Change>,
    changes: u64,
}

/// Answers by token, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered {
    pub(super) order: std::collections::VecDeque<String>,
    pub(super) answers: HashMap<String, (Value, Value)>,
}

/// Rows by id, in the order in which they were made.
#[derive(Debug, Clone, Default)]
struct Rows {
    order: BTreeMap<u64, Arc<Value>>,
    numbers: HashMap<Box<str>, u64>,
    made: u64,
}

impl Rows {
    fn get(&self, id: &str) -> Option<&Value> {
        self.order.get(self.numbers.get(id)?).map(|row| &**row)
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
    /// What begins, or goes on, with it: the account, the region, the id of the row.
    Step(fn(&mut Account, &str, &str)),
}

impl Account {
    pub(crate) fn new(id: &str, regions: &[&str], clock: Clock, seed: u64, haste: u32) -> Self {
        Self {
            id: id.to_owned(),
            clock,
            moment: None,
            random: Random::new(seed),
            haste: haste.max(1),
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            standing: Standing::default(),
            answered: Answered::default(),
            tables: BTreeMap::new(),
            due: BTreeMap::new(),
            changes: 0,
        }
    }

    /// The moment that is lived through.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.moment.unwrap_or_else(|| self.clock.now())
    }

    /// Does something as if it were an earlier moment.
    pub(crate) fn back_then<T>(&mut self, ago: Duration, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.moment.replace(self.now() - ago);
        let made = act(self);
        self.moment = before;
        made
    }

    /// Lets happen what is due by now.
    pub(crate) fn settle(&mut self) {
        let (now, before) = (self.now(), self.moment);
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            self.moment = Some(entry.key().0);
            let change = entry.remove();
            match change.then {
                Then::Step(step) => step(self, &change.region, &change.id),
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
        self.moment = before;
    }

    /// Lets something happen to a row after the time that it takes at AWS.
    pub(crate) fn later(&mut self, after: Duration, region: &str, table: Table, id: &str, then: Then) {
        self.at(self.now() + after / self.haste, region, table, id, then);
    }

    /// Lets something happen to a row at a moment.
    pub(crate) fn at(&mut self, moment: OffsetDateTime, region: &str, table: Table, id: &str, then: Then) {
        self.changes += 1;
        let change = Change { region: region.to_owned(), table, id: id.to_owned(), then };
        self.due.insert((moment, self.changes), change);
    }

    pub(crate) fn rows(&self, region: &str, table: Table) -> impl Iterator<Item = &Value> + use<'_> {
        let rows = self.tables.get(&table.place(region));
        rows.into_iter().flat_map(|rows| rows.order.values().map(|row| &**row))
    }

    pub(crate) fn row(&self, region: &str, table: Table, id: &str) -> Option<&Value> {
        self.tables.get(&table.place(region))?.get(id)
    }

    pub(crate) fn row_mut(&mut self, region: &str, table: Table, id: &str) -> Option<&mut Value> {
        let rows = Arc::make_mut(self.tables.get_mut(&table.place(region))?);
        let number = rows.numbers.get(id)?;
        rows.order.get_mut(number).map(Arc::make_mut)
    }

    pub(crate) fn insert(&mut self, region: &str, table: Table, id: &str, row: Value) {
        let rows = Arc::make_mut(self.tables.entry(table.place(region)).or_default());
        let number = *rows.numbers.entry(id.into()).or_insert(rows.made);
        rows.made = rows.made.max(number + 1);
        rows.order.insert(number, Arc::new(row));
    }

    pub(crate) fn remove(&mut self, region: &str, table: Table, id: &str) -> Option<Value> {
        let rows = Arc::make_mut(self.tables.get_mut(&table.place(region))?);
        let number = rows.numbers.remove(id)?;
        rows.order.remove(&number).map(Arc::unwrap_or_clone)
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
        Value::from(clock::stamp(self.now()))
    }

    /// When something will be that takes so long at AWS.
    pub(crate) fn in_future(&self, after: Duration) -> Value {
        Value::from(clock::stamp(self.now() + after / self.haste))
    }

    /// A moment some seconds ago.
    pub(crate) fn ago(&self, seconds: u64) -> Value {
        let ago = time::Duration::seconds(i64::try_from(seconds).unwrap_or(0));
        Value::from(clock::stamp(self.now() - ago))
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
    /// Name of the operation.
    pub(crate) operation: &'a str,
    pub(crate) input: &'a Value,
    pub(super) page: Option<Page>,
    /// How many rows there are, once a handler has cut its page itself.
    pub(super) total: Cell<Option<usize>>,
}

impl<'a> Cx<'a> {
    /// A call that the account makes itself.
    pub(crate) fn own(account: &'a mut Account, region: &'a str, input: &'a Value) -> Self {
        Self { account, region, access_key: "", operation: "", input, page: None, total: Cell::new(None) }
    }
}

impl Cx<'_> {
    /// The same call with another input.
    pub(crate) fn with<'b>(&'b mut self, input: &'b Value) -> Cx<'b> {
        Cx {
            account: self.account,
            region: self.region,
            access_key: self.access_key,
            operation: self.operation,
            input,
            page: None,
            total: Cell::new(None),
        }
    }

    /// A text of the input.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.input[member].as_str()
    }

    /// A text of the input that the API requires, so that it is there.
    pub(crate) fn name(&self, member: &str) -> String {
        self.text(member).unwrap_or_default().to_owned()
    }

    /// A list of texts of the input; empty where there is none.
    pub(crate) fn texts(&self, member: &str) -> Vec<String> {
        let items = self.input[member].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether a member of the input is set to true.
    pub(crate) fn is(&self, member: &str) -> bool {
        self.input[member] == true
    }

    pub(crate) fn rows(&self, table: Table) -> impl Iterator<Item = &Value> + use<'_> {
        self.account.rows(self.region, table)
    }

    pub(crate) fn get(&self, table: Table, id: &str) -> Option<&Value> {
        self.account.row(self.region, table, id)
    }

    /// A row, or the refusal that says so.
    pub(crate) fn row(&self, table: Table, id: &str, absent: impl FnOnce() -> Refusal) -> Result<&Value, Refusal> {
        self.get(table, id).ok_or_else(absent)
    }

    pub(crate) fn row_mut(&mut self, table: Table, id: &str) -> Option<&mut Value> {
        self.account.row_mut(self.region, table, id)
    }

    /// Sets a member of a row by JSON pointer.
    pub(crate) fn put(&mut self, table: Table, id: &str, pointer: &str, value: Value) {
        if let Some(row) = self.row_mut(table, id) {
            put(row, pointer, value);
        }
    }

    pub(crate) fn insert(&mut self, table: Table, id: &str, row: Value) {
        self.account.insert(self.region, table, id, row);
    }

    pub(crate) fn remove(&mut self, table: Table, id: &str) -> Option<Value> {
        self.account.remove(self.region, table, id)
    }

    pub(crate) fn later(&mut self, after: Duration, table: Table, id: &str, then: Then) {
        self.account.later(after, self.region, table, id, then);
    }

    /// Which of so many rows the page that is asked for consists of. The handler has then cut its page itself.
    pub(crate) fn window(&self, total: usize) -> Range<usize> {
        self.total.set(Some(total));
        self.page.as_ref().map_or(0..total, |page| page.range(total))
    }
}
