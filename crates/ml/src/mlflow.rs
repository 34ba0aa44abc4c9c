//! An MLflow tracking server, to which versions of models are mirrored over its REST API. The registry here stays the
//! truth: what is there can be made again from it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use trainyard_contract::{Error, ErrorKind, Result};

use crate::{
    model::{Version, files},
    store::{elsewhere, file_error},
};

/// Longest time for one request.
const PATIENCE: Duration = Duration::from_mins(1);
/// Largest answer.
const LARGEST: usize = 4 << 20;
/// Most values that MLflow takes at once, of each kind.
const BATCH: usize = 100;
/// Experiment that runs are put into.
const EXPERIMENT: &str = "trainyard";
/// Tag of a run that names the version that it mirrors.
const TAG: &str = "trainyard.model_version";

/// Where MLflow is, and who we are there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Address of the server, without `/api`. None: nothing is mirrored.
    pub url: Option<String>,
    /// Bearer token.
    pub token: Option<String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("url", &self.url).field("token", &self.token.is_some()).finish()
    }
}

impl Settings {
    /// Fails where the address is none, or a token would go over the network in the open. Opens no connection.
    pub fn check(&self) -> Result<()> {
        let wrong = |why: &str| Err(Error::validation(format!("the address of MLflow {why}")));
        let Some(url) = &self.url else { return Ok(()) };
        let Ok(uri) = url.parse::<Uri>() else { return wrong("is not an address") };
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return wrong("must begin with https:// or http://");
        };
        if authority.as_str().contains('@') {
            return wrong("must not hold a password: use MLFLOW_TRACKING_TOKEN");
        }
        let host = authority.host().trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if scheme == "http" && self.token.is_some() && !here {
            return wrong("must begin with https://, since a token goes there");
        }
        Ok(())
    }
}

/// What a version is in MLflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// Run with its parameters, metrics and files.
    pub run_id: String,
    /// Version of the registered model there.
    pub version: String,
    /// Nothing had to be made.
    pub existed: bool,
}

/// A tracking server.
#[derive(Debug)]
pub struct Server {
    base: String,
    token: Option<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Server {
    /// The one that the settings name.
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.check()?;
        let base = settings.url.clone().ok_or_else(|| {
            Error::unsupported("this server knows no MLflow")
                .code("NoMlflow")
                .hint("ask the operator to set MLFLOW_TRACKING_URI")
        })?;
        let token = settings.token.as_ref().map(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Error::validation("the token of MLflow has letters that no header can hold"))?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        });
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|error| Error::internal(format!("no root certificates for MLflow: {error}")))?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base: base.trim_end_matches('/').to_owned(), token: token.transpose()?, client })
    }

    /// Makes a version there what it is here: a run, its files, a version of the registered model, aliases. What an earlier call
    /// made is found again and not made twice.
    pub async fn mirror(&self, version: &Version) -> Result<Mirrored> {
        let checked = version.clone();
        elsewhere(move || files::verify(&checked)).await?;
        let experiment = self.experiment().await?;
        let name = format!("{}/{}", version.model, version.version);
        let (run, artifacts, finished) = self.run(&experiment, &name, version).await?;
        if !finished {
            self.describe(&run, version).await?;
            self.upload(&artifacts, version).await?;
        }
        let (number, known) = self.version(&run, &artifacts, version).await?;
        for alias in &version.aliases {
            let body = json!({ "name": version.model, "alias": alias, "version": number });
            self.post("registered-models/alias", &body).await?;
        }
        if !finished {
            // Last: a run that is not finished is taken up again.
            let body = json!({ "run_id": run, "status": "FINISHED", "end_time": version.created_at });
            self.post("runs/update", &body).await?;
        }
        Ok(Mirrored { run_id: run, version: number, existed: finished && known })
    }

    async fn experiment(&self) -> Result<String> {
        let made = self.post("experiments/create", &json!({ "name": EXPERIMENT })).await;
        let found = match made {
            Ok(made) => made["experiment_id"].clone(),
            Err(error) if error.code_str() == "RESOURCE_ALREADY_EXISTS" => {
                let path = format!("experiments/get-by-name?experiment_name={EXPERIMENT}");
                self.get(&path).await?["experiment"]["experiment_id"].clone()
            }
            Err(error) => return Err(error),
        };
        text(&found, "experiment_id")
    }

    /// The run of a version, the address of its files, and whether it is finished.
    async fn run(&self, experiment: &str, name: &str, version: &Version) -> Result<(String, String, bool)> {
        // The names of models have no quotes in them.
        let filter = format!("tags.`{TAG}` = '{name}'");
        let wanted = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let found = self.post("runs/search", &wanted).await?;
        let mut info = found["runs"][0]["info"].clone();
        if info.is_null() {
            let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
            let source = &version.source;
            let mut tags = vec![tag(TAG, name), tag("mlflow.source.name", "trainyard")];
            let about = [
                ("trainyard.job", source.job.clone()),
                ("trainyard.dataset", source.dataset.clone()),
                ("trainyard.dataset_version", source.dataset_version.map(|version| version.to_string())),
                ("trainyard.dataset_sha256", source.dataset_sha256.clone()),
            ];
            tags.extend(about.iter().filter_map(|(key, value)| value.as_ref().map(|value| tag(key, value))));
            let wanted = json!({
                "experiment_id": experiment, "run_name": name, "start_time": version.created_at, "tags": tags,
            });
            info = self.post("runs/create", &wanted).await?["run"]["info"].clone();
        }
        let finished = info["status"] == "FINISHED";
        Ok((text(&info["run_id"], "run_id")?, text(&info["artifact_uri"], "artifact_uri")?, finished))
    }

    /// Parameters, metrics and the learning curve.
    async fn describe(&self, run: &str, version: &Version) -> Result<()> {
        let report = &version.facts["report"];
        let param = |key: &str, value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (!value.is_null()).then(|| json!({ "key": key, "value": text.chars().take(500).collect::<String>() }))
        };
        let named = ["algorithm", "task", "target"].iter().filter_map(|key| param(key, &report[*key]));
        let settings = report["hyperparameters"].as_object().into_iter().flatten();
        let params: Vec<Value> = named
            .chain(settings.filter_map(|(key, value)| param(key, value)))
            .chain(["seed", "preset"].iter().filter_map(|key| param(key, &version.facts[*key])))
            .collect();
        let at = version.created_at;
        let metric = |key: &str, value: &Value, step: &Value| {
            let key: String =
                key.chars().filter(|letter| letter.is_ascii_alphanumeric() || "_-. /".contains(*letter)).collect();
            value.is_number().then(|| json!({ "key": key, "value": value, "timestamp": at, "step": step }))
        };
        let zero = json!(0);
        let scores = report["metrics"].as_array().into_iter().flatten();
        let mut metrics: Vec<Value> = scores
            .filter_map(|score| metric(score["name"].as_str().unwrap_or_default(), &score["value"], &zero))
            .collect();
        for point in report["learning_curve"].as_array().into_iter().flatten() {
            for key in ["training_loss", "validation_loss"] {
                metrics.extend(metric(key, &point[key], &point["round"]));
            }
        }
        self.post("runs/log-batch", &json!({ "run_id": run, "params": params })).await?;
        for metrics in metrics.chunks(BATCH) {
            self.post("runs/log-batch", &json!({ "run_id": run, "metrics": metrics })).await?;
        }
        Ok(())
    }

    /// The files, below `model` of the run, where MLflow's own clients look for them.
    async fn upload(&self, artifacts: &str, version: &Version) -> Result<()> {
        let Some(place) = artifacts.strip_prefix("mlflow-artifacts:/") else {
            return Err(Error::unsupported(format!(
                "MLflow keeps its files at {artifacts}, which this server does not write to"
            ))
            .code("MlflowArtifacts")
            .hint("start MLflow with --artifacts-destination, so that it takes files itself"));
        };
        // With an authority before the path: mlflow-artifacts://host/path.
        let place = place.strip_prefix('/').and_then(|rest| rest.split_once('/')).map_or(place, |(_, path)| path);
        for file in &version.files {
            let path = version.folder.join(&file.name);
            let content = elsewhere(move || std::fs::read(&path).map_err(|error| file_error(&error, &path))).await?;
            let path = format!("/api/2.0/mlflow-artifacts/artifacts/{place}/model/{}", escaped(&file.name));
            self.send(Method::PUT, &path, "application/octet-stream", content.into()).await?;
        }
        Ok(())
    }

    /// The version of the registered model that is of this run, and whether it was there.
    async fn version(&self, run: &str, artifacts: &str, version: &Version) -> Result<(String, bool)> {
        match self.post("registered-models/create", &json!({ "name": version.model })).await {
            Err(error) if error.code_str() != "RESOURCE_ALREADY_EXISTS" => return Err(error),
            _ => {}
        }
        let filter = escaped(&format!("run_id='{run}'"));
        let found = self.get(&format!("model-versions/search?filter={filter}")).await?;
        if let Some(number) = found["model_versions"][0]["version"].as_str() {
            return Ok((number.to_owned(), true));
        }
        let tag = json!({ "key": TAG, "value": version.version.to_string() });
        let wanted =
            json!({ "name": version.model, "source": format!("{artifacts}/model"), "run_id": run, "tags": [tag] });
        let made = self.post("model-versions/create", &wanted).await?;
        Ok((text(&made["model_version"]["version"], "version")?, false))
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, &format!("/api/2.0/mlflow/{path}"), "application/json", Bytes::new()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, &format!("/api/2.0/mlflow/{path}"), "application/json", body.to_string().into()).await
    }

    async fn send(&self, method: Method, path: &str, content_type: &str, body: Bytes) -> Result<Value> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, content_type)
            .body(Full::new(body))
            .map_err(|error| Error::internal(error.to_string()))?;
        if let Some(token) = &self.token {
            request.headers_mut().insert(header::AUTHORIZATION, token.clone());
        }
        let unreachable =
            |why: String| Error::new(ErrorKind::Network, format!("MLflow at {} cannot be reached: {why}", self.base));
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| unreachable(error.to_string()))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
            Ok::<_, Error>((status, body))
        };
        let (status, body) = tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| {
            Error::new(ErrorKind::Timeout, format!("MLflow did not answer within {} s", PATIENCE.as_secs()))
        })??;
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(said);
        }
        let kind = match status.as_u16() {
            401 => ErrorKind::Credentials,
            403 => ErrorKind::AccessDenied,
            404 => ErrorKind::NotFound,
            _ => ErrorKind::Conflict,
        };
        let why: String = said["message"].as_str().unwrap_or_default().chars().take(300).collect();
        let code = said["error_code"].as_str().unwrap_or("Mlflow").to_owned();
        Err(Error::new(kind, format!("MLflow answered {status} {why}")).code(code))
    }
}

fn text(value: &Value, name: &str) -> Result<String> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| Error::new(ErrorKind::Network, format!("MLflow answered without {name}")).code("Mlflow"))
}

/// As it stands in an address.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_where_nobody_listens() {
        let at =
            |url: &str, token: Option<&str>| Settings { url: Some(url.to_owned()), token: token.map(str::to_owned) };
        at("http://mlflow.example:5000", None).check().unwrap();
        at("http://127.0.0.1:5000", Some("secret")).check().unwrap();
        at("https://mlflow.example", Some("secret")).check().unwrap();
        for wrong in
            [at("http://mlflow.example", Some("secret")), at("https://me:secret@mlflow", None), at("file:/x", None)]
        {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
        assert!(!format!("{:?}", at("https://m", Some("secret"))).contains("secret"));
        assert_eq!(escaped("a b/c='d'"), "a%20b%2Fc%3D%27d%27");
    }
}
