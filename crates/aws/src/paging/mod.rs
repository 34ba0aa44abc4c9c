//! Follows an operation's pages: one mechanism for calls by name, calls by type and streams.

mod trail;
mod walk;

use serde_json::{Map, Value};
use trainyard_contract::{Error, Result};

pub use self::trail::Cursor;
pub(crate) use self::trail::Trail;
use crate::{
    catalogue::model::Operation,
    engine::{Engine, Reply},
    service,
    settings::Scope,
};

/// Most pages that one answer is put together from: an endpoint that always has one more must not keep us.
pub(crate) const MAX_PAGES: u32 = 500;

/// Several pages as one answer.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The first page, its lists grown by those of the others.
    pub output: Value,
    /// Where to go on, if there is more.
    pub next: Option<Cursor>,
    /// How many pages were asked for.
    pub pages: u32,
    /// Id of the last request.
    pub request_id: Option<String>,
    /// Region that was called.
    pub region: String,
}

/// One page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The answer, as the service gave it.
    pub output: Value,
    /// Input members that asked for this page; none for the first.
    pub here: Map<String, Value>,
    /// Input members that ask for the page after it, if there is one.
    pub next: Option<Map<String, Value>>,
    /// Id of the request.
    pub request_id: Option<String>,
    /// Region that was called.
    pub region: String,
}

/// Pages, one at a time. Nothing is asked for until [`Self::next`] is called and nothing is kept after it, so a list of any
/// length takes the memory of one page.
#[derive(Debug)]
pub struct PageStream {
    engine: Engine,
    scope: Scope,
    service: &'static str,
    operation: &'static Operation<'static>,
    pub(crate) trail: Trail,
    ended: bool,
}

impl PageStream {
    /// The next page; `None` after the last. A page that could not be had may be asked for again.
    pub async fn next(&mut self) -> Option<Result<Page>> {
        self.next_of(None).await
    }

    /// As [`Self::next`], and the page should not hold many more items than are wanted.
    pub(crate) async fn next_of(&mut self, wanted: Option<usize>) -> Option<Result<Page>> {
        if self.ended {
            return None;
        }
        let input = self.trail.request(wanted);
        let reply = match self.engine.call(self.service, self.operation.name, input, &self.scope).await {
            Ok(reply) => reply,
            Err(error) => return Some(Err(error)),
        };
        Some(self.page(reply))
    }

    fn page(&mut self, reply: Reply) -> Result<Page> {
        let Reply { output, request_id, region } = reply;
        let here = self.trail.here();
        // A page whose token cannot be read is the last that can be had.
        self.ended = true;
        let more = self.trail.advance(&output)?;
        self.ended = !more;
        Ok(Page { output, here, next: more.then(|| self.trail.here()), request_id, region })
    }
}

impl Engine {
    /// The pages of an operation, from the start or from a cursor, whose `skip` is left to the caller. An operation without
    /// pages has one. A service that hands out the same token twice ends the stream.
    ///
    /// Calls nobody yet: mistakes of names are refused here, those of the input by the first page.
    pub fn page_stream(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        scope: &Scope,
        from: Option<&Cursor>,
    ) -> Result<PageStream> {
        let service = service::load(service)?.service;
        let operation = service::operation(service, operation)?;
        let trail = Trail::new(service, operation, input, from)
            .map_err(|error| error.operation(service.name, operation.name))?;
        let (engine, scope) = (self.clone(), scope.clone());
        Ok(PageStream { engine, scope, service: service.name, operation, trail, ended: false })
    }

    /// Follows an operation's pages, from the start or from a cursor, up to `limit` items of its main list.
    ///
    /// An operation without pages is called once. A service that hands out the same token twice ends the walk, and so
    /// do 500 pages.
    pub async fn pages(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        scope: &Scope,
        limit: Option<usize>,
        from: Option<&Cursor>,
    ) -> Result<Pages> {
        let mut stream = self.page_stream(service, operation, input, scope, from)?;
        let ended = || Error::internal("the pages ended before the answer was whole");
        let Some(facts) = stream.trail.facts else {
            let Page { output, request_id, region, .. } = stream.next().await.ok_or_else(ended)??;
            return Ok(Pages { output, next: None, pages: 1, request_id, region });
        };
        let mut whole = walk::Whole::new(facts, limit, from.map_or(0, |cursor| cursor.skip));
        loop {
            let page = stream.next_of(whole.wanted()).await.ok_or_else(ended)??;
            if let Some(pages) = whole.take(page) {
                return Ok(pages);
            }
        }
    }
}
