//! Questions to a Prometheus: by its address, or through the API server of the cluster that it is in.
//!
//! Only its query API is known, and only GET is sent: through an API server that takes `get` on `services/proxy` and
//! nothing else. TLS is verified, answers are bounded in time, bytes and samples.

mod answer;
mod find;
mod settings;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header::AUTHORIZATION};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;
use trainyard_aws::{Engine, Scope};
use trainyard_contract::{Error, ErrorKind, Result};

pub use answer::{Answer, Sample, Series};
pub use find::{SELECTORS, Service, services};
use settings::Credentials;
pub use settings::Settings;

/// Bytes of an answer.
const LARGEST: usize = 8 << 20;
/// Bytes of an expression.
const LONGEST: usize = 16_384;
/// What stands in a query as it is; everything else is written as percent and number, as signatures want it.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The Prometheus that the operator named, if they did. Making one opens no connection and reads no file.
#[derive(Clone)]
pub struct Prometheus(Arc<Inner>);

struct Inner {
    settings: Settings,
    base: Option<Uri>,
    credentials: Credentials,
    aws: Engine,
    client: OnceCell<kube::Client>,
}

impl std::fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Prometheus").field(&self.0.base).finish()
    }
}

impl Prometheus {
    /// As the settings say; `aws` signs where they want that.
    pub fn new(settings: Settings, aws: Engine) -> Result<Self> {
        let (base, credentials) = settings.checked()?;
        Ok(Self(Arc::new(Inner { settings, base, credentials, aws, client: OnceCell::new() })))
    }

    /// Whether one may be looked for in a cluster: none was named, and nobody switched it off.
    pub fn may_be_found(&self) -> bool {
        self.0.base.is_none() && self.0.settings.discover.unwrap_or(true)
    }

    /// The one that was named, ready to be asked.
    pub async fn named(&self) -> Result<Option<Api>> {
        let Some(base) = &self.0.base else { return Ok(None) };
        let client = self.0.client.get_or_try_init(|| self.client(base)).await?.clone();
        Ok(Some(Api {
            client,
            prefix: String::new(),
            who: HeaderMap::new(),
            whose: self.clone(),
            at: base.to_string(),
        }))
    }

    /// The one behind a service of the cluster that this process runs in, by its name there.
    pub async fn at_service(&self, service: &Service) -> Result<Api> {
        let base: Uri = service.url().parse().map_err(|_| Error::internal("a service has a name that is no host"))?;
        let client = self.0.client.get_or_try_init(|| self.client(&base)).await?.clone();
        Ok(Api { client, prefix: String::new(), who: HeaderMap::new(), whose: self.clone(), at: base.to_string() })
    }

    /// One that was found in a cluster, asked through that cluster's API server.
    pub(crate) fn through(&self, client: kube::Client, who: HeaderMap, service: &Service) -> Api {
        Api { client, prefix: service.proxy_path(), who, whose: self.clone(), at: service.to_string() }
    }

    /// Headers that say who asks.
    async fn signing_in(&self, url: &str) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let Inner { settings, credentials, aws, .. } = &*self.0;
        let value = match credentials {
            Credentials::None => return Ok(Vec::new()),
            Credentials::Bearer(file) => format!("Bearer {}", read(file)?),
            Credentials::Basic { user, password } => {
                format!("Basic {}", trainyard_aws::to_base64(format!("{user}:{}", read(password)?).as_bytes()))
            }
            Credentials::SigV4 => {
                let scope = Scope {
                    profile: settings.sigv4_profile.clone(),
                    region: settings.sigv4_region.clone(),
                    ..Scope::default()
                };
                let headers = aws.sign_prometheus(url, &scope).await?;
                return headers.into_iter().map(|(name, value)| header(&name, value)).collect();
            }
        };
        Ok(vec![header(AUTHORIZATION.as_str(), value)?])
    }

    #[expect(clippy::unused_async, reason = "the client wants a runtime around it")]
    async fn client(&self, base: &Uri) -> Result<kube::Client> {
        let settings = &self.0.settings;
        let mut config = kube::Config::new(base.clone());
        config.default_retry = false;
        config.connect_timeout = Some(settings.timeout());
        config.read_timeout = Some(settings.timeout());
        let path = |path: &Path| path.to_string_lossy().into_owned();
        if let (Some(certificate), Some(key)) = (&settings.client_certificate, &settings.client_key) {
            config.auth_info.client_certificate = Some(path(certificate));
            config.auth_info.client_key = Some(path(key));
        }
        if let Some(authority) = &settings.certificate_authority {
            config.root_cert = Some(certificates(authority)?);
        }
        let unusable = |error: kube::Error| Error::validation(format!("[prometheus] cannot be used: {error}"));
        kube::Client::try_from(config).map_err(unusable)
    }
}

/// When, for a question about one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// Now, by the server's clock.
    Now,
    /// Seconds since 1970.
    At(i64),
}

/// A stretch of time, in seconds since 1970, and the distance of its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// First point.
    pub start: i64,
    /// Last point at most.
    pub end: i64,
    /// From point to point, at least 1.
    pub step: i64,
}

/// A Prometheus that can be asked.
#[derive(Clone)]
pub struct Api {
    client: kube::Client,
    prefix: String,
    /// Headers that say who asks in a cluster, where its client does not say so itself.
    who: HeaderMap,
    whose: Prometheus,
    at: String,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Api").field(&self.at).finish()
    }
}

impl Api {
    /// Where it is, for a person.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// What an expression is at a moment: at most `most` series, one sample each.
    pub async fn query(&self, expression: &str, moment: Moment, most: usize) -> Result<Answer> {
        let mut pairs = vec![("query", bounded(expression)?.to_owned()), self.patience()];
        if let Moment::At(seconds) = moment {
            pairs.push(("time", seconds.to_string()));
        }
        let (status, body) = self.get("query", &pairs).await?;
        answer::series(status, &body, most)
    }

    /// What an expression was over time: at most `most` series.
    pub async fn query_range(&self, expression: &str, stretch: Stretch, most: usize) -> Result<Answer> {
        let Stretch { start, end, step } = stretch;
        let points = if step >= 1 { usize::try_from(end.saturating_sub(start) / step).ok() } else { None };
        if points.is_none_or(|points| points >= answer::MOST_SAMPLES) {
            return Err(Error::validation(
                "a range needs an end after its start, and a step that makes a bounded number of points",
            ));
        }
        let pairs = [
            ("query", bounded(expression)?.to_owned()),
            ("start", start.to_string()),
            ("end", end.to_string()),
            ("step", step.to_string()),
            self.patience(),
        ];
        let (status, body) = self.get("query_range", &pairs).await?;
        answer::series(status, &body, most)
    }

    /// Label sets of the series that match any of the selectors and had samples within the stretch.
    pub async fn series(
        &self,
        selectors: &[&str],
        start: i64,
        end: i64,
        most: usize,
    ) -> Result<Vec<BTreeMap<String, String>>> {
        let mut pairs = vec![("start", start.to_string()), ("end", end.to_string()), ("limit", most.to_string())];
        for selector in selectors {
            pairs.push(("match[]", bounded(selector)?.to_owned()));
        }
        let (status, body) = self.get("series", &pairs).await?;
        let mut sets = answer::label_sets(status, &body)?;
        sets.truncate(most);
        Ok(sets)
    }

    /// Names of labels.
    pub async fn labels(&self, most: usize) -> Result<Vec<String>> {
        self.words("labels", most).await
    }

    /// Values of a label; of `__name__` that is every metric there is.
    pub async fn label_values(&self, label: &str, most: usize) -> Result<Vec<String>> {
        if label.is_empty() || !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Error::validation(format!("{label:?} is not the name of a label")));
        }
        self.words(&format!("label/{label}/values"), most).await
    }

    async fn words(&self, path: &str, most: usize) -> Result<Vec<String>> {
        let (status, body) = self.get(path, &[("limit", most.to_string())]).await?;
        let mut words = answer::words(status, &body)?;
        words.truncate(most);
        Ok(words)
    }

    /// How long Prometheus itself may work on it.
    fn patience(&self) -> (&'static str, String) {
        ("timeout", format!("{}s", self.whose.0.settings.timeout().as_secs()))
    }

    async fn get(&self, path: &str, pairs: &[(&str, String)]) -> Result<(StatusCode, Vec<u8>)> {
        let mut target = format!("{}/api/v1/{path}", self.prefix);
        for (at, (name, value)) in pairs.iter().enumerate() {
            target.push(if at == 0 { '?' } else { '&' });
            target.extend(utf8_percent_encode(name, PLAIN));
            target.push('=');
            target.extend(utf8_percent_encode(value, PLAIN));
        }
        let request = self.request(&target).await?;
        let patience = self.whose.0.settings.timeout();
        match tokio::time::timeout(patience, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("{} did not answer within {} s", self.at, patience.as_secs()),
            )
            .hint("ask for a shorter range, a larger step, or fewer series; timeout under [prometheus] allows more")),
        }
    }

    async fn request(&self, target: &str) -> Result<Request<Body>> {
        let mut request = Request::get(target)
            .header("accept", "application/json")
            .body(Body::empty())
            .map_err(|error| Error::internal(error.to_string()))?;
        // What was found in a cluster is asked with the cluster's own credentials.
        if self.prefix.is_empty() {
            let url = format!("{}{target}", self.at.trim_end_matches('/'));
            for (name, value) in self.whose.signing_in(&url).await? {
                request.headers_mut().insert(name, value);
            }
        }
        request.headers_mut().extend(self.who.clone());
        Ok(request)
    }

    async fn exchange(&self, request: Request<Body>) -> Result<(StatusCode, Vec<u8>)> {
        let unreachable = |error: &dyn std::error::Error| {
            Error::new(ErrorKind::Network, format!("{} cannot be reached: {}", self.at, causes(error)))
        };
        let response = self.client.send(request).await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        match Limited::new(response.into_body(), LARGEST).collect().await {
            Ok(body) => {
                let body = body.to_bytes().to_vec();
                match answer::refused_by_cluster(status, &body).filter(|_| !self.prefix.is_empty()) {
                    Some(said) => Err(Error::new(ErrorKind::AccessDenied, said)
                        .http_status(status.as_u16())
                        .hint("from outside of the cluster it takes `get` on `services/proxy`: `trainyard policy rbac --outside` prints the role")),
                    None => Ok((status, body)),
                }
            }
            Err(error) if error.is::<LengthLimitError>() => {
                Err(answer::too_much(&format!("more than {} MiB", LARGEST >> 20)))
            }
            Err(error) => Err(unreachable(&*error)),
        }
    }
}

fn header(name: &str, value: String) -> Result<(HeaderName, HeaderValue)> {
    let unfit = || Error::validation("a secret of [prometheus] has letters that no header can hold");
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| Error::internal(error.to_string()))?;
    let mut value = HeaderValue::try_from(value).map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn bounded(expression: &str) -> Result<&str> {
    if expression.trim().is_empty() || expression.len() > LONGEST {
        return Err(Error::validation(format!("an expression has 1 to {LONGEST} bytes")));
    }
    Ok(expression)
}

/// A secret, without the line break that editors put behind it.
fn read(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::new(ErrorKind::Credentials, format!("{} cannot be read: {error}", file.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The certificates of a PEM file.
fn certificates(file: &Path) -> Result<Vec<Vec<u8>>> {
    use rustls_pki_types::{CertificateDer, pem::PemObject};
    let unusable = |why: String| Error::validation(format!("{} cannot be used: {why}", file.display()));
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    if found.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(found.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// An error with its causes: the outer one alone says little more than that there is one.
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        next = cause.source();
    }
    said
}
