//! Watches: what happens, as it happens.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::{sync::watch::Receiver, time::Instant};

use super::{
    super::{
        http::Query,
        refusal::{Refusal, Result},
        shared::Shared,
        store::{Change, Stored},
        view::View,
    },
    list::Selection,
};

/// Bookmarks come this often where they are wanted.
const BOOKMARK: Duration = Duration::from_secs(10);
/// A watch ends by itself after this time.
const LONGEST: Duration = Duration::from_mins(30);

struct Watch {
    shared: Arc<Shared>,
    news: Receiver<(u64, u64)>,
    view: View,
    selection: Selection,
    seen: u64,
    bookmarks: bool,
    next_bookmark: Instant,
    end: Instant,
    ready: VecDeque<Bytes>,
    first: bool,
    ended: bool,
}

/// Begins a watch. A version that is forgotten ends it with an error event, as the clients expect.
pub(crate) fn watch(
    shared: &Arc<Shared>,
    view: View,
    selection: Selection,
    query: &Query,
) -> Result<impl Stream<Item = Bytes> + Send + Sync + 'static> {
    let initial = query.flag("sendInitialEvents");
    let version: Option<u64> = query.number("resourceVersion")?;
    let limit = query.number::<u64>("timeoutSeconds")?.map_or(LONGEST, Duration::from_secs);
    let now = Instant::now();
    // Subscribed before anything is read, so that nothing falls between.
    let mut watch = Watch {
        news: shared.news(),
        shared: Arc::clone(shared),
        view,
        selection,
        seen: version.unwrap_or(0),
        bookmarks: query.flag("allowWatchBookmarks"),
        next_bookmark: now + BOOKMARK,
        end: now + limit.min(LONGEST),
        ready: VecDeque::new(),
        first: true,
        ended: false,
    };
    if initial || version.is_none_or(|version| version == 0) {
        watch.begin(initial && query.get("sendInitialEvents") != Some("false"));
    }
    Ok(stream::unfold(watch, |mut watch| async move {
        let piece = watch.next().await?;
        Some((piece, watch))
    }))
}

impl Watch {
    /// What is there already comes first.
    fn begin(&mut self, say_when_done: bool) {
        let resource = Arc::clone(&self.view.kind.resource);
        let (objects, version) = self.shared.with(|cluster| {
            let all = cluster.store.list(&resource, self.selection.namespace.as_deref(), None);
            let taken: Vec<_> = all.filter(|object| self.selection.takes(object)).cloned().collect();
            (taken, cluster.store.version())
        });
        for object in objects {
            self.send("ADDED", &object);
        }
        self.seen = version;
        if say_when_done {
            self.bookmark(true);
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            if self.ended {
                return None;
            }
            self.news.mark_unchanged();
            self.read();
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                changed = self.news.changed() => if changed.is_err() { return None },
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.next_bookmark = Instant::now() + BOOKMARK;
                    self.bookmark(false);
                }
                () = tokio::time::sleep_until(self.end) => return None,
            }
        }
    }

    fn read(&mut self) {
        let resource = Arc::clone(&self.view.kind.resource);
        let seen = self.seen;
        let (changes, version, now) = self
            .shared
            .with(|cluster| (cluster.store.changes(&resource, seen), cluster.store.version(), cluster.clock.now()));
        self.view.now = now;
        let Some(changes) = changes else {
            let refusal = Refusal::expired(&format!("too old resource version: {seen} ({version})"));
            self.ready.push_back(line(&json!({ "type": "ERROR", "object": refusal.json() })));
            self.ended = true;
            return;
        };
        for change in changes {
            self.tell(&change);
        }
        self.seen = self.seen.max(version);
    }

    fn tell(&mut self, change: &Change) {
        let before = change.before.as_ref().is_some_and(|before| self.selection.takes(before));
        let after = !change.deleted && self.selection.takes(&change.after);
        match (before, after) {
            (false, true) => self.send("ADDED", &change.after),
            (true, true) => self.send("MODIFIED", &change.after),
            // What no longer fits is told as it was, under the version that made it so.
            (true, false) => self.send("DELETED", &change.after),
            (false, false) => {}
        }
    }

    fn send(&mut self, kind: &str, object: &Stored) {
        let shown = self.view.watched(object, std::mem::take(&mut self.first));
        let front = format!("{{\"type\":\"{kind}\",\"object\":");
        self.ready.push_back([front.as_bytes(), &shown, b"}\n"].concat().into());
    }

    fn bookmark(&mut self, initial: bool) {
        let kind = &self.view.kind;
        let mut metadata = json!({ "resourceVersion": self.seen.to_string(), "creationTimestamp": null });
        if initial {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let object = json!({ "kind": kind.kind, "apiVersion": kind.api_version(), "metadata": metadata });
        self.ready.push_back(line(&json!({ "type": "BOOKMARK", "object": object })));
    }
}

fn line(value: &Value) -> Bytes {
    format!("{value}\n").into()
}
