//! HTTPS with an authority of the server's own, made at start and known to nobody else. Its certificates have no authority key
//! identifier, as those of many private clusters.

use std::{io, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig, crypto,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// What encrypts, and the authority's certificate (PEM).
pub(crate) fn make() -> io::Result<(TlsAcceptor, String)> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "kubernetes-sandbox");
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let root = authority.self_signed(&key).map_err(io::Error::other)?;
    let issuer = Issuer::new(authority, key);
    let names = ["127.0.0.1", "localhost"].map(str::to_owned);
    let own_key = KeyPair::generate().map_err(io::Error::other)?;
    let own = CertificateParams::new(names).map_err(io::Error::other)?;
    let own = own.signed_by(&own_key, &issuer).map_err(io::Error::other)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], private)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), root.pem()))
}
