//! Who asks, and whom: certificates, passwords, tokens, signatures.

use std::{fs, path::PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use trainyard_aws::{Engine, StaticCredentials};
use trainyard_contract::ErrorKind;
use trainyard_harness::{
    Endpoint, Reply, Seen,
    prometheus::{Prometheus as Server, Setup},
};
use trainyard_k8s::prometheus::{Moment, Prometheus, Settings};

use super::{api, eventually};

/// An authority, what it vouches for, and files of all.
struct Papers {
    folder: TempDir,
}

impl Papers {
    fn make() -> Self {
        let folder = TempDir::new().unwrap();
        let papers = Self { folder };
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.distinguished_name.push(DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let root = authority.self_signed(&authority_key).unwrap();
        papers.write("authority.pem", &root.pem());
        let issuer = Issuer::new(authority, authority_key);
        for (name, host) in [("server", "127.0.0.1"), ("client", "client")] {
            let key = KeyPair::generate().unwrap();
            let signed = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
            papers.write(&format!("{name}.pem"), &signed.pem());
            papers.write(&format!("{name}.key"), &key.serialize_pem());
        }
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_and_a_password_gets_both_or_nothing() {
    let papers = Papers::make();
    let file = |name: &str| papers.path(name).to_string_lossy().into_owned();
    // The hash is of the password below, made once with few rounds.
    let web = format!(
        "tls_server_config:\n  cert_file: {}\n  key_file: {}\n  client_ca_file: {}\n  client_auth_type: RequireAndVerifyClientCert\n\
         basic_auth_users:\n  reader: $2b$04$dXGZGHRv1e.uWyvdI2NDF.6ixlF0kdd3E0Grs7cnZ199UwbhqO4Cm\n",
        file("server.pem"),
        file("server.key"),
        file("authority.pem")
    );
    let server = Server::start(&Setup { web: Some(web), ..Setup::default() }).unwrap();
    let whole = Settings {
        url: Some(format!("https://{}", server.address())),
        username: Some("reader".into()),
        password_file: Some(papers.write("password", "correct horse\n")),
        certificate_authority: Some(papers.path("authority.pem")),
        client_certificate: Some(papers.path("client.pem")),
        client_key: Some(papers.path("client.key")),
        ..Settings::default()
    };
    let asked = api(whole.clone()).await;
    eventually(&asked, "vector(1)").await;

    // The password is read for every question, so a new one counts at once.
    papers.write("password", "wrong");
    assert_eq!(asked.query("vector(1)", Moment::Now, 1).await.unwrap_err().kind(), ErrorKind::Credentials);
    papers.write("password", "correct horse");
    assert!(asked.query("vector(1)", Moment::Now, 1).await.is_ok());

    let unknown = api(Settings { client_certificate: None, client_key: None, ..whole.clone() }).await;
    assert_eq!(unknown.query("vector(1)", Moment::Now, 1).await.unwrap_err().kind(), ErrorKind::Network);
    let distrusting = api(Settings { certificate_authority: None, ..whole.clone() }).await;
    let error = distrusting.query("vector(1)", Moment::Now, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.message().contains("certificate"), "{error}");
    let elsewhere = Settings { url: Some(format!("https://localhost:{}", server.address().port())), ..whole };
    let error = api(elsewhere).await.query("vector(1)", Moment::Now, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "the certificate is for another name");
}

const NOTHING: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;

#[tokio::test]
async fn a_token_is_sent_and_signed_questions_carry_a_signature_of_what_is_sent() {
    let endpoint = Endpoint::start(|_| Reply::new(200, "application/json", NOTHING)).unwrap();
    let papers = TempDir::new().unwrap();
    let token = papers.path().join("token");
    fs::write(&token, "first\n").unwrap();
    let settings = Settings {
        url: Some(format!("{}/prefix/", endpoint.url())),
        bearer_token_file: Some(token.clone()),
        ..Settings::default()
    };
    let with_token = api(settings).await;
    for word in ["first", "second"] {
        fs::write(&token, word).unwrap();
        with_token.query("up", Moment::Now, 1).await.unwrap();
        let seen = endpoint.take();
        assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {word}").as_str()));
        assert_eq!((seen[0].method.as_str(), seen.len()), ("GET", 1));
        assert!(seen[0].path.starts_with("/prefix/api/v1/query?query=up&"), "{}", seen[0].path);
    }

    let credentials = StaticCredentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "test".into(),
        session_token: None,
    };
    let aws = Engine::new(trainyard_aws::Settings { credentials: Some(credentials), ..Default::default() });
    let settings = Settings {
        url: Some(format!("{}/workspaces/ws-1", endpoint.url())),
        sigv4: true,
        sigv4_region: Some("eu-west-1".into()),
        ..Settings::default()
    };
    // Who signs with another secret is sent away, so this stand-in does look.
    let judge = judge("test");
    let settings = Settings { url: Some(format!("{}/workspaces/ws-1", judge.url())), ..settings };
    let signed = Prometheus::new(settings, aws).unwrap().named().await.unwrap().unwrap();
    signed.query("a{b=\"c d+e\"}", Moment::Now, 1).await.unwrap();
    let seen = judge.take();
    let (scope, headers, _) = authorization(&seen[0]);
    assert!(
        scope.ends_with("/eu-west-1/aps/aws4_request") && headers.starts_with("host;x-amz-date"),
        "{scope} {headers}"
    );
    assert!(seen[0].path.contains("query=a%7Bb%3D%22c%20d%2Be%22%7D"), "{}", seen[0].path);
}

#[tokio::test]
async fn a_question_that_was_signed_with_another_secret_is_refused_with_what_it_takes() {
    let judge = judge("another");
    let credentials = StaticCredentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: "test".into(),
        session_token: Some("session".into()),
    };
    let aws = Engine::new(trainyard_aws::Settings { credentials: Some(credentials), ..Default::default() });
    let settings = Settings {
        url: Some(format!("{}/workspaces/ws-1", judge.url())),
        sigv4: true,
        sigv4_region: Some("us-west-2".into()),
        ..Settings::default()
    };
    let signed = Prometheus::new(settings, aws).unwrap().named().await.unwrap().unwrap();
    let error = signed.query("up", Moment::Now, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    assert!(error.hint_str().unwrap().contains("aps:QueryMetrics"), "{error:?}");
    // With its own secret it is right, the session's token included.
    let seen = judge.take();
    assert_eq!(signature(&seen[0], "test"), authorization(&seen[0]).2);
    assert_eq!(seen[0].header("x-amz-security-token"), Some("session"));
}

/// Answers who signs with this secret, and nobody else.
fn judge(secret: &'static str) -> Endpoint {
    Endpoint::start(move |seen| {
        if signature(seen, secret) == authorization(seen).2 {
            Reply::new(200, "application/json", NOTHING)
        } else {
            Reply::new(403, "application/json", r#"{"message":"The request signature does not match"}"#)
        }
    })
    .unwrap()
}

/// What a signature claims: scope without the key's name, names of the signed headers, the signature itself.
fn authorization(seen: &Seen) -> (String, String, String) {
    let value = seen.header("authorization").unwrap_or_default();
    let part = |name: &str| {
        let rest = value.split_once(&format!("{name}=")).map_or("", |(_, rest)| rest);
        rest.split(',').next().unwrap_or_default().trim().to_owned()
    };
    let scope = part("Credential").split_once('/').map_or_else(String::new, |(_, scope)| scope.to_owned());
    (scope, part("SignedHeaders"), part("Signature"))
}

/// The signature that a request with this secret has to carry, by the text of AWS's Signature Version 4.
fn signature(seen: &Seen, secret: &str) -> String {
    let (scope, headers, _) = authorization(seen);
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    let line = |name: &str| format!("{name}:{}\n", seen.header(name).unwrap_or_default().trim());
    let lines: Vec<String> = headers.split(';').map(line).collect();
    let lines = lines.concat();
    let request = format!("GET\n{path}\n{}\n{lines}\n{headers}\n{}", pairs.join("&"), hex(&Sha256::digest("")));
    let moment = seen.header("x-amz-date").unwrap_or_default();
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| keyed(&key, part));
    hex(&keyed(&key, &text))
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut code = Hmac::<Sha256>::new_from_slice(key).unwrap();
    code.update(text.as_bytes());
    code.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
