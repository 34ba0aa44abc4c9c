//! The `kube` crate: its typed and dynamic API, discovery, and the watcher, reflector and waiting of its runtime.

use std::{collections::BTreeMap, pin::pin, time::Duration};

use futures::{StreamExt, TryStreamExt, future::LocalBoxFuture};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    Api, Client, Config, Discovery, ResourceExt,
    api::{
        DeleteParams, DynamicObject, EvictParams, ListParams, LogParams, Patch, PatchParams, PostParams, WatchEvent,
        WatchParams,
    },
    config::{KubeConfigOptions, Kubeconfig},
    runtime::{
        WatchStreamExt,
        conditions::{is_deleted, is_pod_running},
        reflector,
        wait::await_condition,
        watcher,
    },
};
use serde_json::json;
use trainyard_sandbox::kubernetes::Server;

use crate::alive;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

async fn client(server: &Server) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&server.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

fn settings(name: &str, epochs: &str) -> ConfigMap {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "epochs": epochs } }))
    .unwrap()
}

fn within<'a, T>(what: impl Future<Output = T> + 'a) -> LocalBoxFuture<'a, T> {
    Box::pin(async move { tokio::time::timeout(PATIENCE, what).await.unwrap() })
}

#[tokio::test]
async fn objects_are_made_applied_patched_and_deleted() {
    let (server, _home) = alive(true);
    let api: Api<ConfigMap> = Api::namespaced(client(&server).await, "default");
    let made = api.create(&PostParams::default(), &settings("a", "3")).await.unwrap();
    assert!(made.uid().is_some() && made.resource_version().is_some());
    let twice = api.create(&PostParams::default(), &settings("a", "3")).await.unwrap_err();
    assert!(
        matches!(&twice, kube::Error::Api(status) if status.reason == "AlreadyExists" && status.code == 409),
        "{twice}"
    );

    let apply = |manager: &str| PatchParams::apply(manager);
    let applied = api.patch("b", &apply("one"), &Patch::Apply(settings("b", "3"))).await.unwrap();
    assert_eq!(applied.managed_fields()[0].manager.as_deref(), Some("one"));
    let contested = api.patch("b", &apply("two"), &Patch::Apply(settings("b", "5"))).await.unwrap_err();
    assert!(contested.to_string().contains(".data.epochs"), "{contested}");
    let taken = api.patch("b", &apply("two").force(), &Patch::Apply(settings("b", "5"))).await.unwrap();
    assert_eq!(taken.data.unwrap()["epochs"], "5");

    let patch = PatchParams::default();
    let changed = api.patch("b", &patch, &Patch::Merge(json!({ "data": { "lr": "0.1" } }))).await.unwrap();
    assert_eq!(changed.data.unwrap().len(), 2);
    let changed = api.patch("b", &patch, &Patch::Strategic(json!({ "data": { "lr": null } }))).await.unwrap();
    assert_eq!(changed.data.unwrap(), BTreeMap::from([("epochs".to_owned(), "5".to_owned())]));
    let tried = api.patch("b", &patch.clone().dry_run(), &Patch::Merge(json!({ "data": { "x": "y" } }))).await.unwrap();
    assert!(tried.data.unwrap().contains_key("x"));
    assert!(!api.get("b").await.unwrap().data.unwrap().contains_key("x"));

    let found = api.get_metadata("b").await.unwrap();
    assert_eq!((found.name_any().as_str(), found.types.unwrap().kind.as_str()), ("b", "PartialObjectMetadata"));
    let mut entry = api.entry("c").await.unwrap().or_insert(|| settings("c", "1"));
    entry.commit(&PostParams::default()).await.unwrap();
    entry.get_mut().data.as_mut().unwrap().insert("epochs".into(), "2".into());
    entry.commit(&PostParams::default()).await.unwrap();
    assert_eq!(api.get("c").await.unwrap().data.unwrap()["epochs"], "2");
    api.delete("b", &DeleteParams::default()).await.unwrap();
    assert!(api.get_opt("b").await.unwrap().is_none());
    let ours = ListParams::default().fields("metadata.name!=kube-root-ca.crt");
    api.delete_collection(&DeleteParams::default(), &ours).await.unwrap();
    assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_list_in_pages_and_a_watch_from_it_on_miss_nothing() {
    let (server, _home) = alive(false);
    let api: Api<ConfigMap> = Api::namespaced(client(&server).await, "default");
    for number in 0..5 {
        api.create(&PostParams::default(), &settings(&format!("s{number}"), "1")).await.unwrap();
    }
    let first = api.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!((first.items.len(), first.metadata.remaining_item_count), (2, Some(4)));
    let token = first.metadata.continue_.unwrap();
    let second = api.list(&ListParams::default().limit(10).continue_token(&token)).await.unwrap();
    assert_eq!(second.items.len(), 4);
    let version = second.metadata.resource_version.unwrap();
    api.create(&PostParams::default(), &settings("late", "1")).await.unwrap();
    api.delete("late", &DeleteParams::default()).await.unwrap();
    let mut events = pin!(api.watch(&WatchParams::default().timeout(30), &version).await.unwrap());
    let mut next = async || within(events.try_next()).await.unwrap().unwrap();
    assert!(matches!(next().await, WatchEvent::Added(made) if made.name_any() == "late"));
    assert!(matches!(next().await, WatchEvent::Deleted(gone) if gone.name_any() == "late"));
}

#[tokio::test]
async fn the_watcher_goes_on_when_its_version_is_forgotten() {
    let (server, _home) = alive(false);
    let api: Api<ConfigMap> = Api::namespaced(client(&server).await, "default");
    api.create(&PostParams::default(), &settings("a", "1")).await.unwrap();
    let (reader, writer) = reflector::store();
    // Initial lists both as pages and as a stream with bookmarks.
    for config in [watcher::Config::default().page_size(1), watcher::Config::default().streaming_lists()] {
        let mut stream = pin!(watcher(api.clone(), config).default_backoff().applied_objects());
        let mut seen = Vec::new();
        while seen.len() < 2 {
            seen.push(within(stream.try_next()).await.unwrap().unwrap().name_any());
        }
        seen.sort();
        assert_eq!(seen, ["a", "kube-root-ca.crt"]);
    }
    let mut stream = pin!(watcher(api.clone(), watcher::Config::default()).default_backoff().reflect(writer));
    within(async { while !matches!(stream.next().await, Some(Ok(watcher::Event::InitDone))) {} }).await;
    assert_eq!(reader.state().len(), 2);
    api.patch("a", &PatchParams::default(), &Patch::Merge(json!({ "data": { "epochs": "2" } }))).await.unwrap();
    let read = || {
        reader
            .state()
            .iter()
            .any(|one| one.data.as_ref().is_some_and(|data| data.get("epochs").is_some_and(|value| value == "2")))
    };
    within(async {
        while !read() {
            stream.next().await;
        }
    })
    .await;
    server.forget_history();
    api.create(&PostParams::default(), &settings("after", "1")).await.unwrap();
    within(async {
        while !reader.state().iter().any(|one| one.name_any() == "after") {
            stream.next().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_deployment_lives_and_is_waited_for() {
    let (server, _home) = alive(true);
    let client = client(&server).await;
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let web: Deployment = serde_json::from_value(json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "c", "image": "i:1" }] } } } }))
    .unwrap();
    deployments.create(&PostParams::default(), &web).await.unwrap();
    let available = |found: Option<&Deployment>| {
        found.and_then(|found| found.status.as_ref()?.available_replicas).is_some_and(|available| available == 2)
    };
    let scale = json!({ "spec": { "replicas": 2 } });
    let scaled = deployments.patch_scale("web", &PatchParams::default(), &Patch::Merge(&scale)).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(2));
    within(await_condition(deployments.clone(), "web", available)).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let before = pods.list(&ListParams::default().labels("app=web")).await.unwrap();
    let (name, uid) = (before.items[0].name_any(), before.items[0].uid().unwrap());
    deployments.restart("web").await.unwrap();
    within(await_condition(pods.clone(), &name, is_deleted(&uid))).await.unwrap();
    within(await_condition(deployments.clone(), "web", available)).await.unwrap();
    let found = pods.list(&ListParams::default().labels("app=web")).await.unwrap();
    let living = found.items.iter().find(|pod| pod.metadata.deletion_timestamp.is_none()).unwrap().name_any();
    within(await_condition(pods.clone(), &living, is_pod_running())).await.unwrap();
    pods.logs(&living, &LogParams { tail_lines: Some(1), ..LogParams::default() }).await.unwrap();
    pods.evict(&living, &EvictParams::default()).await.unwrap();
    let gone = pods.get_opt(&living).await.unwrap();
    assert!(gone.is_none_or(|pod| pod.metadata.deletion_timestamp.is_some()));
}

#[tokio::test]
async fn every_kind_is_discovered_and_listed() {
    let (server, _home) = alive(true);
    let client = client(&server).await;
    for discovery in [
        Discovery::new(client.clone()).run().await.unwrap(),
        Discovery::new(client.clone()).run_aggregated().await.unwrap(),
    ] {
        let mut listed = 0;
        for group in discovery.groups() {
            for (resource, abilities) in group.recommended_resources() {
                if abilities.operations.iter().any(|verb| verb == "list") {
                    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
                    api.list(&ListParams::default().limit(1))
                        .await
                        .unwrap_or_else(|error| panic!("{resource:?}: {error}"));
                    listed += 1;
                }
            }
        }
        assert!(listed > 30, "{listed} kinds");
    }
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
}
