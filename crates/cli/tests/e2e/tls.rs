//! HTTPS, with a certificate of an authority made here, as clients with a TLS of their own see it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use trainyard_harness::{Trainyard, root, run, venv};

use crate::{BINARY, with_moto};

const LIMIT: Duration = Duration::from_mins(2);

/// Files of an authority's certificate, and of a certificate for 127.0.0.1 with its key.
struct Papers {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

fn papers(folder: &Path) -> Papers {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "test authority");
    let key = KeyPair::generate().unwrap();
    let top = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let own_key = KeyPair::generate().unwrap();
    let mut own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    own.use_authority_key_identifier_extension = true;
    let own = own.signed_by(&own_key, &issuer).unwrap();
    let place = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    Papers {
        authority: place("authority.pem", &top.pem()),
        certificate: place("certificate.pem", &own.pem()),
        key: place("key.pem", &own_key.serialize_pem()),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn who_trusts_the_certificate_and_has_the_token_comes_in_and_nobody_else() {
    let at = with_moto("ap-northeast-3");
    let papers = papers(at.home());
    let tls = ["--tls-cert", text(&papers.certificate), "--tls-key", text(&papers.key)];
    let server = at.serve_http(&tls).unwrap();
    let (address, token) = (server.address(), server.token().unwrap());
    let mut command = Command::new(venv().join("bin/python3"));
    command.arg(root().join("crates/cli/tests/e2e/tls_client.py"));
    command.args([&address.ip().to_string(), &address.port().to_string(), text(&papers.authority), token]);
    let ended = run(command.env_clear(), "", LIMIT).unwrap();
    assert!(ended.status.success() && ended.stdout.contains("all of it"), "{}{}", ended.stdout, ended.stderr);

    // The SDK's client, through a whole session.
    let mut command = Command::new(venv().join("bin/python3"));
    command.arg(root().join("crates/cli/tests/e2e/client.py"));
    command
        .args(["plain", &format!("https://{address}/mcp"), token])
        .env_clear()
        .env("SSL_CERT_FILE", &papers.authority);
    let ended = run(&mut command, "", LIMIT).unwrap();
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn files_that_are_no_certificate_are_refused_at_the_start() {
    let at = Trainyard::at(BINARY, "http://127.0.0.1:9").unwrap();
    let papers = papers(at.home());
    let empty = at.home().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let missing = at.home().join("missing.pem");
    for (certificate, key) in [
        (&empty, &papers.key),
        (&missing, &papers.key),
        (&papers.certificate, &empty),
        (&papers.certificate, &papers.certificate),
        // A key, but of another certificate.
        (&papers.authority, &papers.key),
    ] {
        let tls = ["serve", "--http", "127.0.0.1:0", "--tls-cert", text(certificate), "--tls-key", text(key)];
        let refused = at.run(&tls).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{} {}: {refused:?}", certificate.display(), key.display());
        assert!(refused.stderr.contains("PEM"), "{}", refused.stderr);
    }
}
