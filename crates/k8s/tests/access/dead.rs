//! Clusters that do not answer: they end in time, and hold up nobody.

use std::{net::TcpListener, thread, time::Duration};

use serde_json::json;
use trainyard_contract::ErrorKind;
use trainyard_k8s::{Engine, Settings};

use crate::{aws, cluster, known, kubeconfig, sandbox};

/// Far above every bound that is set here.
const PATIENCE: Duration = Duration::from_mins(1);

/// An address that takes connections and never says a word, which is the worst.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    url
}

#[tokio::test]
async fn a_dead_cluster_holds_up_no_other() {
    let (server, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let usual =
        kubeconfig(folder.path(), &[("dead", json!({ "server": silent() })), ("live", known(&server, &server.url()))]);
    // No bound that could end the wait for the dead one meanwhile.
    let hour = Duration::from_hours(1);
    let engine = Engine::new(Settings { connect_timeout: hour, request_timeout: hour, ..usual }, aws(None));
    let dead = cluster(&engine, "dead");
    let waiting = tokio::spawn(async move { dead.version().await.map(|_| ()) });
    let live = tokio::time::timeout(PATIENCE, cluster(&engine, "live").version()).await.unwrap();
    assert!(live.is_ok(), "{live:?}");
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn what_does_not_answer_ends_by_the_bound_that_it_breaks() {
    let (server, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let usual =
        kubeconfig(folder.path(), &[("dead", json!({ "server": silent() })), ("live", known(&server, &server.url()))]);
    let (short, hour) = (Duration::from_millis(300), Duration::from_hours(1));
    // No connection.
    let engine = Engine::new(Settings { connect_timeout: short, request_timeout: hour, ..usual.clone() }, aws(None));
    let error = tokio::time::timeout(PATIENCE, cluster(&engine, "dead").version()).await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout), "{error:?}");
    // A connection, and no answer.
    server.fail(trainyard_sandbox::kubernetes::Fault::when("/version", trainyard_sandbox::kubernetes::Harm::Never));
    let engine = Engine::new(Settings { connect_timeout: hour, request_timeout: short, ..usual }, aws(None));
    let error = tokio::time::timeout(PATIENCE, cluster(&engine, "live").version()).await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.code_str()), (ErrorKind::Timeout, "NoAnswer"), "{error:?}");
}
