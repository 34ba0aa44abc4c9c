//! The cluster that this process runs in, entered as its service account.

use trainyard_contract::{Error, ErrorKind, Result};

use super::{Entry, client};
use crate::settings::Settings;

pub(super) async fn enter(settings: &Settings) -> Result<Entry> {
    let here = settings.in_cluster.as_ref().ok_or_else(|| Error::unsupported("this server runs in no cluster"))?;
    let folder = &here.service_account;
    let read = |name: &str| std::fs::read(folder.join(name));
    let wrong = |what: &str, error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Credentials, format!("could not read the service account's {what}: {error}"))
            .hint("the pod needs automountServiceAccountToken")
    };
    read("token").map_err(|error| wrong("token", &error))?;
    let pem = read("ca.crt").map_err(|error| wrong("ca.crt", &error))?;
    let namespace = read("namespace").ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let url: http::Uri = here.url.parse().map_err(|error| wrong("address", &error))?;
    let mut config = kube::Config::new(url.clone());
    config.root_cert = super::eks::certificates(&pem);
    // Both are renewed by the kubelet while we run; the client reads them again every minute.
    config.root_cert_file = Some(folder.join("ca.crt"));
    config.auth_info.token_file = Some(folder.join("token").display().to_string());
    let client = client(settings, config).await?;
    let namespace = namespace.map_or_else(|| "default".to_owned(), |text| text.trim().to_owned());
    Ok(Entry { client, token: None, acting_as: http::HeaderMap::new(), namespace, url: url.to_string() })
}
