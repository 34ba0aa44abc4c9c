//! Who asks, and whom: certificates, passwords, tokens, signatures.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;
use trainyard_aws::{Engine, StaticCredentials};
use trainyard_contract::ErrorKind;
use trainyard_harness::{
    Endpoint, Reply,
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
    let signed = Prometheus::new(settings, aws).unwrap().named().await.unwrap().unwrap();
    signed.query("a{b=\"c d+e\"}", Moment::Now, 1).await.unwrap();
    let seen = endpoint.take();
    let authorization = seen[0].header("authorization").unwrap();
    assert!(authorization.contains("/eu-west-1/aps/aws4_request, SignedHeaders=host;x-amz-date"), "{authorization}");
    assert!(seen[0].header("x-amz-date").is_some());
    assert!(seen[0].path.contains("query=a%7Bb%3D%22c%20d%2Be%22%7D"), "{}", seen[0].path);
}
