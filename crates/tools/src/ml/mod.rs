//! The ML platform: datasets, and what is made of them.

pub(crate) mod check;
mod cloud;
pub(crate) mod datasets;
pub(crate) mod models;
pub(crate) mod training;

use std::sync::Arc;

use trainyard_contract::{Access, Cursor, Listing, PageMark, Place, Result, Target};
use trainyard_ml::{
    dataset::Watch,
    datasets::Datasets,
    store::{Database, elsewhere},
};

use crate::{Cx, common::Limit};

/// Buckets of the platform, where the operator named some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    /// For datasets.
    pub data: Option<String>,
    /// For models.
    pub models: Option<String>,
}

/// The datasets of this server.
fn registry<A: Access>(cx: &Cx<A>) -> Result<Datasets> {
    let state = cx.state_dir()?;
    Ok(Datasets::new(Database::of(state), state))
}

/// Ends a reading with the call that wanted it.
struct Ending(Watch);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Reads files on a thread where that hurts nobody, saying how far it is. It ends when the call does.
async fn reading<A: Access, T: Send + 'static>(
    cx: &Cx<A>,
    work: impl FnOnce(&Watch) -> Result<T> + Send + 'static,
) -> Result<T> {
    let watch = Watch::new(Arc::clone(cx.progress()));
    let _ending = Ending(watch.clone());
    elsewhere(move || work(&watch)).await
}

/// The part of a list that is at hand that a caller wants.
fn part<A: Access, T>(cx: &Cx<A>, items: Vec<T>, limit: Limit, cursor: Option<&Cursor>) -> Result<Listing<T>> {
    let skip = cursor.map(|cursor| cursor.open(cx.binding())).transpose()?.unwrap_or_default().skip;
    let at = |skip| Cursor::seal(cx.binding(), &Place { token: None, skip });
    let end = skip.saturating_add(limit.0 as usize);
    let next = (end < items.len()).then(|| at(end));
    let shown = items.into_iter().skip(skip).take(limit.0 as usize).collect();
    Ok(Listing::part(shown, next, vec![PageMark { start: 0, cursor: at(skip) }]))
}

/// What a change of the platform is aimed at.
fn target(kind: &str, id: &str) -> Target {
    Target { system: "trainyard", kind: kind.to_owned(), ids: vec![id.to_owned()], region: None, profile: None }
}
