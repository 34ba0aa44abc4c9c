//! Addresses that a service hands out itself: a call of Amazon Timestream goes to the cell that `DescribeEndpoints` names.
//!
//! Where the operator sets an address, that one counts, as in AWS's own tools.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use trainyard_contract::{Error, Result};

/// The operation that names addresses, in every service that has one.
pub(crate) const QUESTION: &str = "DescribeEndpoints";

/// What preview says instead of asking.
pub(crate) const DOUBT: &str =
    "the host is asked for when the call is made: DescribeEndpoints names the one of this account";

/// The longest that an address is kept, whatever the service says.
const LONGEST: Duration = Duration::from_hours(24);

/// Addresses that were handed out to one identity, by service and region.
#[derive(Debug, Default)]
pub(crate) struct Discovered(Mutex<HashMap<(&'static str, String), Known>>);

#[derive(Debug)]
struct Known {
    url: String,
    until: Instant,
}

impl Discovered {
    /// The address, while it lasts.
    pub(crate) fn known(&self, service: &'static str, region: &str) -> Option<String> {
        // Nothing that could panic happens under the lock, so a poisoned one still holds a sound map.
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&(service, region.to_owned()))?;
        (known.until > Instant::now()).then(|| known.url.clone())
    }

    /// Keeps the first address of an answer for as long as it says.
    pub(crate) fn keep(&self, service: &'static str, region: &str, answer: &Value) -> Result<String> {
        let first = &answer["Endpoints"][0];
        let Some(url) = first["Address"].as_str().and_then(url_of) else {
            return Err(Error::internal(format!("{service} named no address for its calls")).code("MalformedMessage"));
        };
        let minutes = first["CachePeriodInMinutes"].as_u64().unwrap_or(1);
        let lasts = Duration::from_secs(minutes.saturating_mul(60)).min(LONGEST);
        let known = Known { url: url.clone(), until: Instant::now() + lasts };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((service, region.to_owned()), known);
        Ok(url)
    }

    /// Asks anew at the next call.
    pub(crate) fn forget(&self, service: &'static str, region: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(service, region.to_owned()));
    }
}

/// Whether a service says that an address is no longer the one.
pub(crate) fn moved(error: &Error) -> bool {
    error.code_str() == "InvalidEndpointException" || error.http_status_code() == Some(421)
}

/// The whole address: services name hosts. Nothing else than a host may come in by this way.
fn url_of(address: &str) -> Option<String> {
    let (scheme, host) = address.split_once("://").unwrap_or(("https", address));
    let host = host.trim_end_matches('/');
    let sound =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'));
    (sound && matches!(scheme, "https" | "http")).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(address: &str, minutes: u64) -> Value {
        json!({"Endpoints": [{"Address": address, "CachePeriodInMinutes": minutes}]})
    }

    #[test]
    fn an_address_is_kept_for_as_long_as_the_service_says() {
        let known = Discovered::default();
        let host = "ingest-cell2.timestream.eu-west-1.amazonaws.com";
        assert_eq!(known.keep("timestream-write", "eu-west-1", &answer(host, 5)).unwrap(), format!("https://{host}"));
        assert_eq!(known.known("timestream-write", "eu-west-1"), Some(format!("https://{host}")));
        assert_eq!(known.known("timestream-query", "eu-west-1"), None);
        assert_eq!(known.known("timestream-write", "us-east-1"), None);
        known.forget("timestream-write", "eu-west-1");
        assert_eq!(known.known("timestream-write", "eu-west-1"), None);
        known.keep("timestream-write", "eu-west-1", &answer(host, 0)).unwrap();
        assert_eq!(known.known("timestream-write", "eu-west-1"), None);
        known.keep("timestream-write", "eu-west-1", &answer(host, u64::MAX)).unwrap();
    }

    #[test]
    fn only_hosts_are_addresses() {
        for wrong in ["", "https://", "user@evil.example", "ftp://host", "host/path", "host?x", "host\r\nX: y"] {
            assert!(Discovered::default().keep("timestream-write", "r", &answer(wrong, 5)).is_err(), "{wrong:?}");
        }
        assert!(Discovered::default().keep("timestream-write", "r", &json!({})).is_err());
    }
}
