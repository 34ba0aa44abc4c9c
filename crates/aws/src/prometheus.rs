//! Signed reads of Amazon Managed Service for Prometheus. Its queries are Prometheus' own HTTP API, of which AWS's
//! descriptions know nothing, so no operation of the catalogue makes them.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use trainyard_contract::{Error, Result};

use crate::{Engine, settings::Scope};

/// What the service is called in a signature.
const SERVICE: &str = "aps";

impl Engine {
    /// Headers that make a GET of this address a signed read of a workspace's metrics.
    ///
    /// Nothing but the query API can be signed so (`aps:QueryMetrics`, `aps:GetSeries`, `aps:GetLabels`), so the operator's
    /// ceiling has nothing to say; which accounts and profiles are allowed counts as in every call. The region is the one in
    /// the address, else that of the scope.
    pub async fn sign_prometheus(&self, url: &str, scope: &Scope) -> Result<Vec<(String, String)>> {
        let (host, path) = parts(url).ok_or_else(|| Error::validation("not an https address"))?;
        if !reads(path) {
            return Err(Error::policy_denied("only reads of Prometheus' query API are signed").code("NotARead"));
        }
        let identity = self.identity(scope).await?;
        self.check_account(&identity, scope).await?;
        let region = match region_of(host) {
            Some(region) => region.to_owned(),
            None => self.region(scope).await?,
        };
        headers(url, &region, &identity.credentials().await?, SystemTime::now())
    }
}

/// Host and path of an address.
fn parts(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/')?;
    Some((host, path.split('?').next().unwrap_or(path)))
}

/// Whether a path is one of the reads of the query API.
fn reads(path: &str) -> bool {
    let Some((_, read)) = path.rsplit_once("api/v1/") else { return false };
    let label = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    matches!(read, "query" | "query_range" | "series" | "labels")
        || read.strip_prefix("label/").and_then(|rest| rest.strip_suffix("/values")).is_some_and(label)
}

/// `aps-workspaces.<region>.amazonaws.com`
fn region_of(host: &str) -> Option<&str> {
    let rest = host.strip_prefix("aps-workspaces.")?;
    rest.split_once('.').map(|(region, _)| region)
}

fn headers(url: &str, region: &str, credentials: &Credentials, time: SystemTime) -> Result<Vec<(String, String)>> {
    let internal = |error: &dyn std::fmt::Display| Error::internal(error.to_string());
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| internal(&error))?
        .into();
    let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(&[]))
        .map_err(|error| internal(&error))?;
    let (instructions, _) = sign(request, &parameters).map_err(|error| internal(&error))?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WORKSPACE: &str = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1";

    #[test]
    fn only_reads_can_be_signed() {
        for read in ["query", "query_range", "series", "labels", "label/node/values"] {
            assert!(reads(&format!("workspaces/ws-1/api/v1/{read}")), "{read}");
        }
        for other in ["remote_write", "query/../remote_write", "rules", "label/a/b/values", "label//values", ""] {
            assert!(!reads(&format!("workspaces/ws-1/api/v1/{other}")), "{other}");
        }
        assert!(!reads("workspaces/ws-1/alertmanager/api/v2/silences"));
    }

    #[test]
    fn the_region_stands_in_the_address() {
        let address = format!("{WORKSPACE}/api/v1/query?query=up%20");
        let (host, path) = parts(&address).unwrap();
        assert_eq!((host, path), ("aps-workspaces.eu-west-1.amazonaws.com", "workspaces/ws-1/api/v1/query"));
        assert_eq!(region_of(host), Some("eu-west-1"));
        assert_eq!(region_of("prometheus.example.com"), None);
        assert_eq!(parts("ftp://a/b"), None);
    }

    #[test]
    fn a_signature_covers_host_date_and_question() {
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", Some("token".into()), None, "test");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let signed = |question: &str| {
            headers(&format!("{WORKSPACE}/api/v1/query?query={question}"), "eu-west-1", &credentials, at).unwrap()
        };
        let (one, other) = (signed("up"), signed("down"));
        let value = |of: &[(String, String)], name: &str| {
            of.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap()
        };
        let authorization = value(&one, "authorization");
        assert!(authorization.contains("/eu-west-1/aps/aws4_request"), "{authorization}");
        assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{authorization}");
        assert_ne!(authorization, value(&other, "authorization"));
        assert_eq!(value(&one, "x-amz-security-token"), "token");
    }
}
