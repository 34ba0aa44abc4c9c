//! Servers that others wrote, started for one test binary and stopped with it.

use trainyard_aws::{Engine, Scope, Settings, StaticCredentials};
use trainyard_contract::Ceiling;
use trainyard_harness::{MiniStack, Moto, venv};

/// A running server.
pub(crate) enum Server {
    Moto(Moto),
    MiniStack(MiniStack),
}

impl Server {
    /// Base address of the server.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Moto(server) => server.url(),
            Self::MiniStack(server) => server.url(),
        }
    }

    /// An engine that calls it and may do anything.
    pub(crate) fn engine(&self) -> Engine {
        Engine::new(settings(&self.url()))
    }
}

/// Settings for a server on loopback. Attempts are few, so that a failing test fails soon.
pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        ceiling: Ceiling { write: true, sensitive: true },
        endpoint_url: Some(url.to_owned()),
        region: Some("eu-west-1".to_owned()),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        }),
        ..Settings::default()
    }
}

/// The default scope.
pub(crate) fn here() -> Scope {
    Scope::default()
}

/// moto.
pub(crate) fn moto() -> Server {
    Server::Moto(Moto::start(&venv()).unwrap())
}

/// `MiniStack`, which checks signatures.
pub(crate) fn ministack() -> Server {
    Server::MiniStack(MiniStack::start(&venv(), true).unwrap())
}

/// `MiniStack`, which checks checksums but here takes any signature.
pub(crate) fn ministack_unsigned() -> Server {
    Server::MiniStack(MiniStack::start(&venv(), false).unwrap())
}
