//! What the protocol's own test suite asks of a server, over the transport and the dispatch of the product:
//! `cargo run -p trainyard-serve --example conformance -- 127.0.0.1:8010`, endpoint `/mcp`.
//!
//! Whatever dispatch can express goes down its road; the rest (images, sampling, several questions at once) is
//! answered here, from tables.

#![expect(clippy::unwrap_used, reason = "the fixtures are literals: a wrong one ends the test")]

mod fixtures;
mod handler;
mod tools;

use std::{process::ExitCode, sync::Arc};

use tokio_util::sync::CancellationToken;
use trainyard_contract::Ceiling;
use trainyard_dispatch::{Audit, Confirm, Dispatch, Options, Registry, Selection};
use trainyard_serve::{About, Access, Handler, Http, HttpOptions, Listen};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8010".to_owned());
    let Ok(address) = address.parse() else {
        eprintln!("{address} is no address");
        return ExitCode::from(2);
    };
    let folder = tempfile::tempdir().unwrap();
    let ceiling = Ceiling { write: true, sensitive: true };
    let registry = Registry::new(tools::TOOLSETS, &Selection::default(), ceiling).unwrap();
    let options = Options { ceiling, confirm: Confirm::Destructive, ..Options::default() };
    let audit = Audit::at(&folder.path().join("audit.jsonl"));
    let dispatch = Arc::new(Dispatch::new(tools::Nothing, registry, options, audit));
    let about = About::tools("0", "Fixtures of the test suite".into());
    let closing = CancellationToken::new();
    let product = Handler::new(Arc::clone(&dispatch), about, "http", closing.clone());
    let http = Http::bind(HttpOptions {
        listen: Listen::Tcp(address),
        tls: None,
        access: Access::Open,
        hosts: Vec::new(),
        origins: Vec::new(),
        sessions: true,
    });
    let http = match http.await {
        Ok(http) => http,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    eprintln!("listening at {}", http.url());
    let fixture = handler::Fixture::new(product);
    let served =
        http.serve_with(move || fixture.clone(), move || dispatch.under_way(), closing, std::future::pending());
    served.await.unwrap();
    ExitCode::SUCCESS
}
