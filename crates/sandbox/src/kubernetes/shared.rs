//! What all connections share.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::Request;
use hyper::body::Incoming;
use tokio::sync::watch;

use super::{answer, cluster::Cluster, http::Record, life};
use crate::loopback::{Answers, Reply};

#[derive(Debug)]
pub(crate) struct Shared {
    cluster: Mutex<Cluster>,
    record: Mutex<Record>,
    /// The newest version, and how often logs or time were changed.
    news: watch::Sender<(u64, u64)>,
}

impl Shared {
    pub(crate) fn new(cluster: Cluster) -> Self {
        let news = watch::Sender::new((cluster.store.version(), 0));
        Self { cluster: Mutex::new(cluster), record: Mutex::default(), news }
    }

    /// Does something with the cluster, then tells whoever waits for news. Never held across an `await`.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Cluster) -> T) -> T {
        let mut cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        let before = cluster.moment();
        let result = work(&mut cluster);
        cluster.settle();
        let after = cluster.moment();
        drop(cluster);
        if before != after {
            self.news.send_replace(after);
        }
        result
    }

    pub(crate) fn news(&self) -> watch::Receiver<(u64, u64)> {
        self.news.subscribe()
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for Arc<Shared> {
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Reply> {
        answer::answer(self, request).await
    }

    async fn beside(&self) {
        life::run(self).await;
    }
}
