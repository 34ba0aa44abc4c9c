//! AWS operations as types: what a tool declares beside itself, and the handle that sends it.

use std::{marker::PhantomData, ops::RangeInclusive};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use trainyard_contract::{Access, Covers, Cursor, Effect, Error, PageMark, Result};

use crate::service::operation as find;
use crate::{
    Engine, Reply, Scope,
    catalogue::{
        self,
        model::{Bounds, Operation as KnownOperation},
    },
    effect,
    paging::{self, MAX_PAGES, Trail},
};

/// One AWS operation. Its fields are the members that we send; `Reply` has those that we read.
///
/// Declared beside the tool that makes it and held against the catalogue by a test.
pub trait Operation: Serialize + Send + Sync {
    /// Service, as the catalogue names it.
    const SERVICE: &'static str;
    /// Name of the operation.
    const ACTION: &'static str;
    /// Access that it takes.
    type Needs: Access;
    /// What comes back.
    type Reply: DeserializeOwned + Send;
}

/// An operation whose answer comes in pages.
pub trait Paged: Operation {
    /// What the pages hold.
    type Item: Send;

    /// How many items a page may be asked for, or `None` where this call must not ask.
    fn page_size(&self) -> Option<RangeInclusive<u32>>;

    /// The items of one page.
    fn items(reply: Self::Reply) -> Vec<Self::Item>;
}

/// Items of one or more pages, and where they go on.
#[derive(Debug)]
pub struct Items<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Where they go on.
    pub next: Option<Cursor>,
    /// Where each page began.
    pub pages: Vec<PageMark>,
    /// Region that answered.
    pub region: String,
}

/// Several pages of a call made by name.
#[derive(Debug)]
pub struct AnyItems {
    /// The first page, its lists grown by those of the others.
    pub output: Value,
    /// Where it goes on.
    pub next: Option<Cursor>,
    /// Id of the last request.
    pub request_id: Option<String>,
    /// Region that answered.
    pub region: String,
}

/// How much of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Most items.
    pub limit: usize,
    /// Where to go on.
    pub cursor: Option<&'a Cursor>,
    /// Binding of the call (`trainyard_contract::Call::binding`) that cursors are sealed with.
    pub binding: &'a str,
}

/// AWS as one call may use it: one identity, one region, and no more access than `A`.
#[derive(Debug)]
pub struct Aws<A> {
    engine: Engine,
    scope: Scope,
    access: PhantomData<A>,
}

impl<A: Access> Aws<A> {
    /// The handle for one identity and region.
    pub fn new(engine: Engine, scope: Scope) -> Self {
        Self { engine, scope, access: PhantomData }
    }

    /// The same identity in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let scope = Scope { region: Some(region.to_owned()), ..self.scope.clone() };
        Self { engine: self.engine.clone(), scope, access: PhantomData }
    }

    /// Identity and region.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Sends one operation.
    pub async fn send<O: Operation>(&self, operation: &O) -> Result<O::Reply>
    where
        A: Covers<O::Needs>,
    {
        self.send_whole(operation).await.map(|(reply, _)| reply)
    }

    /// Sends one operation and says which region answered.
    pub async fn send_whole<O: Operation>(&self, operation: &O) -> Result<(O::Reply, String)>
    where
        A: Covers<O::Needs>,
    {
        const { assert!(agrees(O::ACTION, O::Needs::EFFECT), "`Needs` does not agree with the verb of `ACTION`") };
        let reply = self.engine.call(O::SERVICE, O::ACTION, input(operation)?, &self.scope).await?;
        Ok((read::<O>(reply.output)?, reply.region))
    }

    /// Follows pages until enough items are there.
    pub async fn list<O: Paged>(&self, operation: &O, wanted: Wanted<'_>) -> Result<Items<O::Item>>
    where
        A: Covers<O::Needs>,
    {
        const { assert!(agrees(O::ACTION, O::Needs::EFFECT), "`Needs` does not agree with the verb of `ACTION`") };
        let known = find(catalogue::service(O::SERVICE)?, O::ACTION)?;
        if known.pages.is_none() {
            return Err(Error::internal(format!("{} has no pages", O::ACTION)));
        }
        let from = opened(known, wanted)?.unwrap_or_default();
        let mut stream = self.engine.page_stream(O::SERVICE, O::ACTION, input(operation)?, &self.scope, Some(&from))?;
        stream.trail.sized(operation.page_size().map(bounds));
        let mut result = Items { items: Vec::new(), next: None, pages: Vec::new(), region: String::new() };
        let mut skip = from.skip;
        for _ in 0..MAX_PAGES {
            let room = wanted.limit - result.items.len();
            let Some(page) = stream.next_of(Some(room + skip)).await.transpose()? else { break };
            let seal = |tokens, skip| Cursor::seal(wanted.binding, &Trail::seal(known, tokens, skip));
            let here = seal(&page.here, skip);
            let next = page.next.as_ref().map(|tokens| seal(tokens, 0));
            let items = O::items(read::<O>(page.output)?);
            let left = items.len().saturating_sub(skip);
            result.pages.push(PageMark { start: result.items.len(), cursor: here.clone() });
            result.region = page.region;
            result.items.extend(items.into_iter().skip(skip).take(room));
            result.next = if left > room { Some(here.further(room)) } else { next };
            if result.items.len() >= wanted.limit {
                break;
            }
            skip = 0;
        }
        Ok(result)
    }

    /// Makes any call by name. Refused where its effect is above `A`.
    pub async fn call(&self, service: &str, operation: &str, input: Value) -> Result<Reply> {
        Self::may_call(service, operation)?;
        self.engine.call(service, operation, input, &self.scope).await
    }

    /// As [`Self::call`], following pages up to a limit of items.
    pub async fn call_pages(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        wanted: Wanted<'_>,
    ) -> Result<AnyItems> {
        Self::may_call(service, operation)?;
        let known = find(catalogue::service(service)?, operation)?;
        let from = opened(known, wanted)?;
        let limit = Some(wanted.limit);
        let pages = self.engine.pages(service, operation, input, &self.scope, limit, from.as_ref()).await?;
        let next =
            pages.next.as_ref().map(|next| Cursor::seal(wanted.binding, &Trail::seal(known, &next.input, next.skip)));
        Ok(AnyItems { output: pages.output, next, request_id: pages.request_id, region: pages.region })
    }

    fn may_call(service: &str, operation: &str) -> Result<()> {
        let needed = effect(find(catalogue::service(service)?, operation)?);
        if covers(A::EFFECT, needed) {
            return Ok(());
        }
        Err(Error::internal(format!("{operation} {needed} and may not be sent by a call that {}", A::EFFECT)))
    }

    /// The region that is called.
    pub async fn region(&self) -> Result<String> {
        self.engine.region(&self.scope).await
    }

    /// The engine, for questions that send nothing.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// Where a list is to go on.
fn opened(operation: &KnownOperation<'_>, wanted: Wanted<'_>) -> Result<Option<paging::Cursor>> {
    let place = wanted.cursor.map(|cursor| cursor.open(wanted.binding)).transpose()?;
    place.map(|place| Trail::open(operation, &place)).transpose()
}

fn bounds(size: RangeInclusive<u32>) -> Bounds {
    Bounds { min: Some((*size.start()).into()), max: Some((*size.end()).into()) }
}

fn covers(access: Effect, needed: Effect) -> bool {
    match access {
        Effect::Reads => needed == Effect::Reads,
        Effect::Reveals => matches!(needed, Effect::Reads | Effect::Reveals),
        Effect::Changes => matches!(needed, Effect::Reads | Effect::Changes),
        Effect::Destroys => needed != Effect::Reveals,
    }
}

pub(crate) fn input<O: Operation>(operation: &O) -> Result<Value> {
    let mut value = serde_json::to_value(operation).map_err(|error| Error::internal(error.to_string()))?;
    if let Value::Object(members) = &mut value {
        // Empty members are left out: an empty list of filters is not the same as none.
        members.retain(|_, member| !member.is_null() && member.as_array().is_none_or(|items| !items.is_empty()));
    }
    Ok(value)
}

fn read<O: Operation>(output: Value) -> Result<O::Reply> {
    serde_json::from_value(output).map_err(|error| {
        Error::internal(format!("{} answered with something else: {error}", O::ACTION)).operation(O::SERVICE, O::ACTION)
    })
}

/// Whether the verb of an operation's name fits what it is said to need. Compiled away.
const fn agrees(action: &str, effect: Effect) -> bool {
    let reads = starts(action, "Describe")
        || starts(action, "Get")
        || starts(action, "List")
        || starts(action, "Head")
        || starts(action, "Search")
        || starts(action, "Simulate")
        || starts(action, "BatchGet")
        || starts(action, "Lookup")
        || starts(action, "Query");
    match effect {
        Effect::Reads | Effect::Reveals => reads,
        Effect::Changes | Effect::Destroys => !reads,
    }
}

const fn starts(text: &str, start: &str) -> bool {
    let (text, start) = (text.as_bytes(), start.as_bytes());
    if text.len() < start.len() {
        return false;
    }
    let mut at = 0;
    while at < start.len() {
        if text[at] != start[at] {
            return false;
        }
        at += 1;
    }
    true
}
