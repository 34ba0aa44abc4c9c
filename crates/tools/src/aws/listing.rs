//! Lists, as every tool gives them: a part of one region's, or the beginning of several regions'.

use schemars::JsonSchema;
use serde::Serialize;
use trainyard_aws::{Aws, Items, Paged};
use trainyard_contract::{Covers, Error, Listing, Reads, Result};

use super::regions::across;
use crate::{Cx, common::Part};

/// Rows that several regions give together: more than anybody reads, and few enough to hold.
const MOST_ROWS: usize = 1000;

/// A row, with its region where several were asked.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::aws) struct Placed<R> {
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(flatten)]
    pub(in crate::aws) row: R,
}

/// A row of the only region that was asked.
pub(in crate::aws) fn placed<R>(row: R) -> Placed<R> {
    Placed { region: None, row }
}

/// What a question finds, a row an item.
pub(in crate::aws) async fn list<O, R>(cx: &Cx<Reads>, part: &Part, question: &O) -> Result<Listing<Placed<R>>>
where
    O: Paged,
    Reads: Covers<O::Needs>,
    R: From<O::Item> + Send,
{
    list_joined(cx, part, question, |_, items| async { Ok(items.into_iter().map(R::from).collect()) }).await
}

/// What a question finds, in rows that are made of the items and of what else `join` asks for, or of some of the items.
pub(in crate::aws) async fn list_joined<O, R, F, J>(
    cx: &Cx<Reads>,
    part: &Part,
    question: &O,
    join: F,
) -> Result<Listing<Placed<R>>>
where
    O: Paged,
    Reads: Covers<O::Needs>,
    F: Fn(Aws<Reads>, Vec<O::Item>) -> J,
    J: Future<Output = Result<Vec<R>>>,
{
    // In boxes, so that a tool's future does not hold all of theirs.
    let listing = match &part.regions {
        Some(regions) => Box::pin(in_regions(cx, part, regions, question, join)).await?,
        None => Box::pin(in_one(cx, part, question, join)).await?,
    };
    Ok(listing.fields(part.fields.as_deref().unwrap_or_default()))
}

async fn in_one<O, R, F, J>(cx: &Cx<Reads>, part: &Part, question: &O, join: F) -> Result<Listing<Placed<R>>>
where
    O: Paged,
    Reads: Covers<O::Needs>,
    F: Fn(Aws<Reads>, Vec<O::Item>) -> J,
    J: Future<Output = Result<Vec<R>>>,
{
    let aws = cx.aws(part.region.as_ref(), part.profile.as_ref());
    let Items { items, next, mut pages, region } =
        aws.list(question, cx.wanted(part.limit.0, part.cursor.as_ref())).await?;
    let found = items.len();
    let rows = join(aws, items).await?;
    if rows.len() < found {
        // Pages are marked by rows that are no longer all there.
        pages.clear();
    }
    let rows = rows.into_iter().map(placed).collect();
    Ok(Listing::part(rows, next, pages).about("region", region))
}

async fn in_regions<O, R, F, J>(
    cx: &Cx<Reads>,
    part: &Part,
    regions: &[String],
    question: &O,
    join: F,
) -> Result<Listing<Placed<R>>>
where
    O: Paged,
    Reads: Covers<O::Needs>,
    F: Fn(Aws<Reads>, Vec<O::Item>) -> J,
    J: Future<Output = Result<Vec<R>>>,
{
    if part.cursor.is_some() || part.region.is_some() {
        return Err(Error::validation("`regions` goes with neither `region` nor `cursor`")
            .hint("to go on in one region, call with `region` and its own cursor"));
    }
    let aws = cx.aws(None, part.profile.as_ref());
    let mut across = across(cx, &aws, regions, |aws| {
        let join = &join;
        async move {
            let found = aws.list(question, cx.wanted(part.limit.0, None)).await?;
            Ok((found.next.is_some(), join(aws, found.items).await?))
        }
    })
    .await?;
    let (mut rows, mut more, mut found) = (Vec::new(), Vec::new(), 0);
    for (region, (has_more, here)) in &mut across.answers {
        found += here.len();
        let room = MOST_ROWS.saturating_sub(rows.len());
        more.extend((*has_more || here.len() > room).then(|| region.clone()));
        let here = std::mem::take(here).into_iter().take(room);
        rows.extend(here.map(|row| Placed { region: Some(region.clone()), row }));
    }
    let listing = across.tell(Listing::whole(rows)).about("found", found);
    Ok(if more.is_empty() { listing } else { listing.about("regions_with_more", more) })
}
