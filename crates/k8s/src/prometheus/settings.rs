//! Where a Prometheus is and how one signs in there.

use std::{path::PathBuf, time::Duration};

use http::Uri;
use serde::Deserialize;
use trainyard_contract::{Error, Result};

/// Time for one question: what clients give a whole call is 60 seconds.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What an operator says of Prometheus. Secrets stand in files, which are read anew for every question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address, up to and without `/api/v1`. Without one, a Prometheus is looked for in the cluster.
    pub url: Option<String>,
    /// Whether to look for one among the services of the cluster that this process runs in; yes unless switched off.
    pub discover: Option<bool>,
    /// File with a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// User of basic authentication.
    pub username: Option<String>,
    /// File with that user's password.
    pub password_file: Option<PathBuf>,
    /// PEM file with the authorities that are trusted instead of the system's.
    pub certificate_authority: Option<PathBuf>,
    /// PEM file with our own certificate, where the server wants one.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with its key.
    pub client_key: Option<PathBuf>,
    /// Sign questions with AWS credentials, as Amazon Managed Service for Prometheus wants it.
    #[serde(default)]
    pub sigv4: bool,
    /// Region of the signature, where the address does not say it.
    pub sigv4_region: Option<String>,
    /// AWS profile of the signature.
    pub sigv4_profile: Option<String>,
    /// Seconds for one question, 1 to 300.
    pub timeout: Option<u64>,
}

/// How one signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    None,
    Bearer(PathBuf),
    Basic { user: String, password: PathBuf },
    SigV4,
}

impl Settings {
    /// Time for one question.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout.map_or(TIMEOUT, Duration::from_secs)
    }

    /// The base address and how one signs in there. Reads no file.
    pub(super) fn checked(&self) -> Result<(Option<Uri>, Credentials)> {
        if self.timeout.is_some_and(|seconds| !(1..=300).contains(&seconds)) {
            return Err(wrong("timeout must be 1 to 300 seconds"));
        }
        if self.client_certificate.is_some() != self.client_key.is_some() {
            return Err(wrong("client_certificate and client_key belong together"));
        }
        let credentials = self.credentials()?;
        let Some(url) = &self.url else {
            let alone = credentials != Credentials::None || self.client_key.is_some();
            return if alone {
                Err(wrong("credentials without url: they must not go to whatever is found in the cluster"))
            } else {
                Ok((None, credentials))
            };
        };
        let base = base(url)?;
        let open = base.scheme_str() == Some("http") && !is_loopback(&base);
        if open && (credentials != Credentials::None || self.client_key.is_some()) {
            return Err(wrong("credentials go over https only, or to this machine"));
        }
        Ok((Some(base), credentials))
    }

    fn credentials(&self) -> Result<Credentials> {
        let mut ways = Vec::new();
        if let Some(file) = &self.bearer_token_file {
            ways.push(Credentials::Bearer(file.clone()));
        }
        match (&self.username, &self.password_file) {
            (Some(user), Some(password)) if !user.contains(':') => {
                ways.push(Credentials::Basic { user: user.clone(), password: password.clone() });
            }
            (None, None) => {}
            _ => return Err(wrong("username (without a colon) and password_file belong together")),
        }
        if self.sigv4 {
            ways.push(Credentials::SigV4);
        } else if self.sigv4_region.is_some() || self.sigv4_profile.is_some() {
            return Err(wrong("sigv4_region and sigv4_profile take sigv4 = true"));
        }
        match ways.len() {
            0 => Ok(Credentials::None),
            1 => Ok(ways.swap_remove(0)),
            _ => Err(wrong("choose one of bearer_token_file, username and sigv4")),
        }
    }
}

fn base(url: &str) -> Result<Uri> {
    let base: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong("url is not an address"))?;
    let (Some("http" | "https"), Some(authority)) = (base.scheme_str(), base.authority()) else {
        return Err(wrong("url must begin with https:// or http://"));
    };
    if authority.as_str().contains('@') {
        return Err(wrong("url must not hold a password: use username and password_file"));
    }
    if base.query().is_some() {
        return Err(wrong("url must end with its path"));
    }
    if base.path().trim_end_matches('/').ends_with("/api/v1") {
        return Err(wrong("url must stop before /api/v1"));
    }
    Ok(base)
}

fn is_loopback(base: &Uri) -> bool {
    let host = base.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn wrong(why: &str) -> Error {
    Error::validation(format!("[prometheus] {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Settings {
        Settings { url: Some(url.to_owned()), ..Settings::default() }
    }

    fn refusal(settings: &Settings) -> String {
        settings.checked().unwrap_err().message().to_owned()
    }

    #[test]
    fn one_way_to_sign_in_and_only_where_nobody_listens() {
        let token = |url: &str| Settings { bearer_token_file: Some("/token".into()), ..at(url) };
        assert!(token("https://p.example/prometheus/").checked().is_ok());
        assert!(token("http://127.0.0.1:9090").checked().is_ok());
        assert!(token("http://[::1]:9090").checked().is_ok());
        assert!(refusal(&token("http://p.example")).contains("https only"));
        assert!(refusal(&Settings { sigv4: true, ..token("https://p.example") }).contains("choose one"));
        assert!(refusal(&Settings { url: None, ..token("") }).contains("without url"));
        assert!(
            refusal(&Settings { username: Some("a".into()), ..at("https://p.example") }).contains("belong together")
        );
        assert!(
            refusal(&Settings { client_key: Some("k".into()), ..at("https://p.example") }).contains("belong together")
        );
        assert!(
            refusal(&Settings { sigv4_region: Some("r".into()), ..at("https://p.example") }).contains("sigv4 = true")
        );
    }

    #[test]
    fn an_address_is_refused_with_the_reason() {
        for (url, why) in [
            ("prometheus:9090", "begin with"),
            ("ftp://p", "begin with"),
            ("https://me:secret@p", "password"),
            ("https://p/?a=b", "end with its path"),
            ("https://p/x/api/v1/", "stop before"),
            ("https:// ", "not an address"),
        ] {
            assert!(refusal(&at(url)).contains(why), "{url}: {}", refusal(&at(url)));
        }
        assert_eq!(at("https://p/x/").checked().unwrap().0.unwrap().path(), "/x");
        assert!(refusal(&Settings { timeout: Some(0), ..at("https://p") }).contains("1 to 300"));
    }
}
