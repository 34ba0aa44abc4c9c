//! Pages of any operation, as the catalogue describes them.

use std::ops::Range;

use serde_json::Value;
use trainyard_aws::catalogue::model::{Kind, Operation, Protocol, Service};

use super::wire::Refusal;

/// Rows of a page where the caller does not say, and the model sets no bound.
const ROWS: usize = 1_000;
/// Rows of a page that no caller can set, as CloudFormation has it.
const ROWS_OF_NOBODY: usize = 100;
/// How tokens begin.
const TOKEN: &str = "sandbox-";

/// The page that a call asks for.
#[derive(Debug, Clone)]
pub(super) struct Page {
    start: usize,
    size: usize,
    token_out: &'static str,
    results: &'static str,
    /// Where the answer says that there are more, if it does so beside the token.
    more: Option<&'static str>,
}

impl Page {
    /// The rows of it, of so many.
    pub(super) fn range(&self, total: usize) -> Range<usize> {
        let start = self.start.min(total);
        start..start.saturating_add(self.size).min(total)
    }
}

/// Which page is asked for; none where the operation has no pages of one list.
pub(super) fn asked(
    service: &Service<'_>,
    operation: &'static Operation<'static>,
    input: &Value,
) -> Result<Option<Page>, Refusal> {
    let Some(pages) = &operation.pages else { return Ok(None) };
    // Tokens of S3 say a key, and its lists are cut where keys have a beginning in common.
    if service.name == "s3" && operation.name != "ListBuckets" {
        return Ok(None);
    }
    // Of several lists the first is the one that is cut.
    let ([token_in], [token_out], [results, ..]) =
        (&pages.input_tokens[..], &pages.output_tokens[..], &pages.results[..])
    else {
        return Ok(None);
    };
    let start = match input[*token_in].as_str() {
        None => 0,
        Some(token) => {
            token.strip_prefix(TOKEN).and_then(|text| text.parse().ok()).ok_or_else(|| bad_token(service))?
        }
    };
    let size = match pages.limit {
        Some(limit) => {
            let wanted = input[limit].as_u64().and_then(|rows| usize::try_from(rows).ok());
            wanted.unwrap_or_else(|| usual(service, operation, limit)).max(1)
        }
        None => ROWS_OF_NOBODY,
    };
    Ok(Some(Page { start, size, token_out, results, more: pages.more }))
}

/// Cuts the page out of a whole answer, or only says how it goes on where the handler has cut it (`total` says so).
pub(super) fn cut(
    service: &Service<'_>,
    page: Option<&Page>,
    total: Option<usize>,
    output: &mut Value,
) -> Result<(), Refusal> {
    let Some(page) = page else { return Ok(()) };
    let Some(rows) = output.get_mut(page.results).and_then(Value::as_array_mut) else { return Ok(()) };
    let all = total.unwrap_or(rows.len());
    if page.start > all {
        return Err(bad_token(service));
    }
    let range = page.range(all);
    if total.is_none() {
        rows.truncate(range.end);
        rows.drain(..range.start);
    }
    if range.end < all {
        output[page.token_out] = Value::from(format!("{TOKEN}{}", range.end));
        if let Some(more) = page.more {
            output[more] = true.into();
        }
    }
    Ok(())
}

/// The largest page that the model allows, which is the usual size at many services.
fn usual(service: &Service<'_>, operation: &Operation<'_>, limit: &str) -> usize {
    let structure = operation.input.and_then(|id| service.structure(id));
    let member = structure.and_then(|structure| structure.members.iter().find(|member| member.name == limit));
    let most = member.and_then(|member| match &service.shape(member.shape).kind {
        Kind::Integer(bounds) | Kind::Long(bounds) => bounds.max,
        _ => None,
    });
    most.and_then(|most| usize::try_from(most).ok()).map_or(ROWS, |most| most.min(ROWS))
}

fn bad_token(service: &Service<'_>) -> Refusal {
    let code = match (service.protocol, service.name) {
        (_, "eks" | "logs") => "InvalidParameterException",
        (_, "lambda") => "InvalidParameterValueException",
        (_, "pricing") => "InvalidNextTokenException",
        (Protocol::Ec2, _) => "InvalidNextToken",
        (Protocol::Query, _) => "ValidationError",
        _ => "ValidationException",
    };
    Refusal::new(400, code, "the token of the next page is not one that this account gave")
}
