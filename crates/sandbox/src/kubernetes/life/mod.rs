//! What moves by itself: controllers, a scheduler, and the life of pods, in the order of the time at which things are due.

pub(crate) mod claim;
mod controllers;
mod deployments;
mod hami;
mod pods;
mod scheduler;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use time::OffsetDateTime;

use super::{cluster::Cluster, shared::Shared, store::Place};

/// How fast things go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From the choice of a node until the containers run.
    pub start: Duration,
    /// How long a container of a job runs before it ends well.
    pub run: Duration,
    /// From the wish to end a pod until it has ended, if its grace is not shorter.
    pub stop: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { start: Duration::from_secs(2), run: Duration::from_secs(10), stop: Duration::from_secs(1) }
    }
}

/// What becomes of containers with certain images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// There is no such image.
    NoImage,
    /// It ends with this code after this time; what should run always begins anew.
    Exits {
        /// Exit code.
        code: i32,
        /// How long it runs.
        after: Duration,
    },
    /// It runs, but never says that it is ready.
    NeverReady,
}

/// What is due for a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Start,
    End,
    Remove,
}

/// What moves by itself.
#[derive(Debug)]
pub(crate) struct Life {
    pace: Pace,
    behaviours: Vec<(String, Behaviour)>,
    due: BTreeMap<OffsetDateTime, BTreeSet<(Place, Step)>>,
    seen: u64,
    /// Versions of pods in which the scheduler itself said that there is no node.
    refused: BTreeMap<Place, u64>,
}

impl Life {
    pub(crate) fn new(pace: Pace, seen: u64) -> Self {
        Self { pace, behaviours: Vec::new(), due: BTreeMap::new(), seen, refused: BTreeMap::new() }
    }

    pub(crate) fn behave(&mut self, image: String, behaviour: Behaviour) {
        self.behaviours.insert(0, (image, behaviour));
    }

    fn behaviour(&self, image: &str) -> Option<&Behaviour> {
        self.behaviours.iter().find(|(part, _)| image.contains(part)).map(|(_, behaviour)| behaviour)
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<OffsetDateTime> {
        self.due.keys().next().copied()
    }

    fn plan(&mut self, at: OffsetDateTime, place: Place, step: Step) {
        self.due.entry(at).or_default().insert((place, step));
    }

    /// Does what follows from changes and what is due, until nothing does.
    pub(crate) fn settle(&mut self, cluster: &mut Cluster) {
        loop {
            let changed: BTreeSet<(Arc<str>, Place)> = cluster
                .store
                .all_changes(self.seen)
                .into_iter()
                .map(|(resource, place, _)| (resource, place))
                .collect();
            self.seen = cluster.store.version();
            if !changed.is_empty() {
                self.follow(cluster, changed);
                continue;
            }
            match self.due.first_key_value() {
                Some((at, _)) if *at <= cluster.clock.now() => {}
                _ => return,
            }
            let Some((_, steps)) = self.due.pop_first() else { return };
            for (place, step) in steps {
                pods::step(self, cluster, &place, step);
            }
        }
    }

    fn follow(&mut self, cluster: &mut Cluster, changed: BTreeSet<(Arc<str>, Place)>) {
        let mut owners: BTreeSet<(String, Place)> = BTreeSet::new();
        let mut room = false;
        let mut waiting = Vec::new();
        for (resource, place) in changed {
            match &*resource {
                "pods" => {
                    let own_word = self.refused.remove(&place);
                    match cluster.value("pods", &place.0, &place.1) {
                        Some(pod) => {
                            owners.extend(controllers::owner(&pod, &place));
                            let version = cluster.store.get("pods", &place.0, &place.1).map(|pod| pod.version);
                            let is_news = own_word.is_none() || own_word != version;
                            if pods::look(self, cluster, &pod, &place) && is_news {
                                waiting.push(place.clone());
                            }
                        }
                        None => room = true,
                    }
                    owners.insert(("poddisruptionbudgets.policy".into(), place));
                }
                "nodes" => {
                    room = true;
                    owners.insert(("daemonsets.apps".into(), place));
                }
                "replicasets.apps" => {
                    if let Some(set) = cluster.value(&resource, &place.0, &place.1) {
                        owners.extend(controllers::owner(&set, &place));
                    }
                    owners.insert((resource.to_string(), place));
                }
                "deployments.apps"
                | "statefulsets.apps"
                | "daemonsets.apps"
                | "jobs.batch"
                | "poddisruptionbudgets.policy" => {
                    owners.insert((resource.to_string(), place));
                }
                _ => {}
            }
        }
        if room {
            waiting.extend(scheduler::waiting(cluster));
            // A pod that is gone may have been anybody's.
            owners.extend(controllers::all(cluster));
        }
        self.refused.extend(scheduler::schedule(cluster, &waiting));
        for (resource, place) in owners {
            match resource.as_str() {
                "deployments.apps" => deployments::reconcile(cluster, &place),
                resource => controllers::reconcile(cluster, resource, &place),
            }
        }
    }
}

impl Cluster {
    /// Lets time pass, and everything happen at its moment.
    pub(crate) fn pass(&mut self, by: Duration) {
        let end = self.clock.now() + by;
        self.settle();
        while let Some(next) = self.life.as_ref().and_then(Life::next).filter(|next| *next <= end) {
            let ahead = Duration::try_from(next - self.clock.now()).unwrap_or_default();
            self.clock.advance(ahead);
            self.settle();
        }
        let left = Duration::try_from(end - self.clock.now()).unwrap_or_default();
        self.clock.advance(left);
        self.settle();
        self.noise += 1;
    }
}

/// Waits for what is due, and does it.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut news = shared.news();
    loop {
        news.mark_unchanged();
        let wait = shared.with(|cluster| {
            let next = cluster.life.as_ref().and_then(Life::next).filter(|_| cluster.clock.runs())?;
            Some(Duration::try_from(next - cluster.clock.now()).unwrap_or_default())
        });
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            changed = news.changed() => if changed.is_err() { return },
        }
    }
}
