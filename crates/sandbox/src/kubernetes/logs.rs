//! What containers wrote.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{
    answer::Call,
    clock,
    cluster::{ByContainer, Cluster, ContainerPlace},
    http::{
        Query,
        body::{self, Reply},
        path::ResourcePath,
    },
    refusal::{Refusal, Result},
    shared::Shared,
};

/// How long whoever follows a log waits before looking again.
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

#[derive(Debug, Clone)]
struct Line {
    at: OffsetDateTime,
    text: Arc<str>,
}

/// Lines by container; those of the container that ran before apart.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    current: ByContainer<Vec<Line>>,
    previous: ByContainer<Vec<Line>>,
    /// Number of the last line that a container wrote by itself.
    spoken: ByContainer<i64>,
}

impl Logs {
    /// The last line that a container wrote by itself, before the first -1; nothing where somebody wrote its log.
    pub(crate) fn spoken(&self, place: &ContainerPlace) -> Option<i64> {
        let last = self.spoken.get(place).copied();
        last.or_else(|| (!self.current.contains_key(place)).then_some(-1))
    }

    /// Adds lines that a container wrote by itself, up to this one.
    pub(crate) fn write_spoken(&mut self, place: &ContainerPlace, text: &str, now: OffsetDateTime, last: i64) {
        self.write(place.clone(), text, now, false);
        self.spoken.insert(place.clone(), last);
    }

    /// Adds lines at a moment; a line that begins with a time of its own (RFC 3339 and a blank) is from then.
    pub(crate) fn write(&mut self, place: ContainerPlace, text: &str, now: OffsetDateTime, previous: bool) {
        let lines = text.lines().map(|line| match line.split_once(' ') {
            Some((stamp, rest)) if stamp.contains('T') => match clock::parse(stamp) {
                Some(at) => Line { at, text: rest.into() },
                None => Line { at: now, text: line.into() },
            },
            _ => Line { at: now, text: line.into() },
        });
        let logs = if previous { &mut self.previous } else { &mut self.current };
        logs.entry(place).or_default().extend(lines);
    }

    /// The container begins anew.
    pub(crate) fn turn(&mut self, place: &ContainerPlace) {
        let lines = self.current.remove(place).unwrap_or_default();
        self.spoken.remove(place);
        self.previous.insert(place.clone(), lines);
    }

    /// The lines of a container.
    #[cfg(test)]
    pub(crate) fn text(&self, place: &ContainerPlace) -> Vec<String> {
        self.lines(place, false).iter().map(|line| line.text.to_string()).collect()
    }

    /// Whether this text stands in any line.
    pub(crate) fn hold(&self, text: &str) -> bool {
        let all = self.current.values().chain(self.previous.values());
        all.flatten().any(|line| line.text.contains(text))
    }

    fn lines(&self, place: &ContainerPlace, previous: bool) -> &[Line] {
        let logs = if previous { &self.previous } else { &self.current };
        logs.get(place).map_or(&[], Vec::as_slice)
    }
}

#[derive(Debug, Clone)]
struct Wish {
    previous: bool,
    follow: bool,
    timestamps: bool,
    tail: Option<usize>,
    since: Option<OffsetDateTime>,
    limit: Option<usize>,
}

impl Wish {
    fn read(query: &Query, now: OffsetDateTime) -> Result<Self> {
        let seconds: Option<i64> = query.number("sinceSeconds")?;
        let since = match (seconds, query.get("sinceTime")) {
            (Some(_), Some(_)) => {
                return Err(Refusal::bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified"));
            }
            (Some(seconds), None) if seconds < 1 => {
                return Err(Refusal::bad_request("sinceSeconds: Invalid value: must be greater than 0"));
            }
            (Some(seconds), None) => Some(now - Duration::seconds(seconds)),
            (None, Some(text)) => {
                let refused =
                    || Refusal::bad_request(format!("sinceTime: \"{text}\" is not a time as RFC 3339 has it"));
                Some(clock::parse(text).ok_or_else(refused)?)
            }
            (None, None) => None,
        };
        Ok(Self {
            previous: query.flag("previous"),
            follow: query.flag("follow"),
            timestamps: query.flag("timestamps"),
            tail: query.number("tailLines")?,
            since,
            limit: query.number("limitBytes")?,
        })
    }

    fn write(&self, line: &Line) -> String {
        if self.timestamps {
            let at = clock::micro_stamp(line.at);
            let nanos = format!("{}000Z", at.trim_end_matches('Z'));
            format!("{nanos} {}\n", line.text)
        } else {
            format!("{}\n", line.text)
        }
    }

    /// The first piece of the answer, and how many lines are behind it.
    fn first(&self, lines: &[Line]) -> (String, usize) {
        let recent = lines.iter().filter(|line| self.since.is_none_or(|since| line.at >= since));
        let recent: Vec<&Line> = recent.collect();
        let from = self.tail.map_or(0, |tail| recent.len().saturating_sub(tail));
        let mut text: String = recent[from..].iter().map(|line| self.write(line)).collect();
        if let Some(limit) = self.limit {
            let mut end = limit.min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
        (text, lines.len())
    }
}

/// The log of one container.
pub(crate) fn answer(shared: &Arc<Shared>, call: &Call, path: &ResourcePath) -> Result<Reply> {
    let (namespace, name) = (path.namespace.clone().unwrap_or_default(), path.name.clone().unwrap_or_default());
    let (wish, place, text, seen) = shared.with(|cluster| {
        let wish = Wish::read(&call.query, cluster.clock.now())?;
        let place = container(cluster, &namespace, &name, call.query.get("container"), wish.previous)?;
        cluster.speak(&place);
        let (text, seen) = wish.first(cluster.logs.lines(&place, wish.previous));
        Ok((wish, place, text, seen))
    })?;
    if !wish.follow || wish.previous {
        return Ok(body::text(200, text));
    }
    let news = shared.news();
    let shared = Arc::clone(shared);
    let state = (Some(text), seen, news);
    let pieces = stream::unfold(state, move |(first, mut seen, mut news)| {
        let (shared, place, wish) = (Arc::clone(&shared), place.clone(), wish.clone());
        async move {
            if let Some(text) = first.filter(|text| !text.is_empty()) {
                return Some((Bytes::from(text), (None, seen, news)));
            }
            loop {
                news.mark_unchanged();
                let (more, ended) = shared.with(|cluster| {
                    cluster.speak(&place);
                    let lines = cluster.logs.lines(&place, false);
                    let more: String = lines.iter().skip(seen).map(|line| wish.write(line)).collect();
                    seen = lines.len();
                    (more, !running(cluster, &place))
                });
                if !more.is_empty() {
                    return Some((Bytes::from(more), (None, seen, news)));
                }
                if ended {
                    return None;
                }
                // Containers that write by themselves do so without news.
                if let Ok(Err(_)) = tokio::time::timeout(LOOK, news.changed()).await {
                    return None;
                }
            }
        }
    });
    Ok(body::pieces(200, "text/plain; charset=utf-8", pieces))
}

fn running(cluster: &Cluster, place: &ContainerPlace) -> bool {
    let Some(pod) = cluster.value("pods", &place.0, &place.1) else { return false };
    let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let own = statuses.into_iter().find(|status| status["name"] == place.2);
    match own {
        Some(status) => !status["state"]["terminated"].is_object() || pod["spec"]["restartPolicy"] == "Always",
        None => !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")),
    }
}

/// The container whose log is meant, if it can have one.
fn container(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    wanted: Option<&str>,
    previous: bool,
) -> Result<ContainerPlace> {
    let Some(pod) = cluster.value("pods", namespace, name) else {
        let kind = cluster.kind("pods").ok_or_else(Refusal::no_such_resource)?;
        return Err(Refusal::not_found(&kind, name));
    };
    let names = |list: &str| -> Vec<String> {
        let all = pod["spec"][list].as_array().into_iter().flatten();
        all.filter_map(|container| container["name"].as_str()).map(str::to_owned).collect()
    };
    let (main, init, more) = (names("containers"), names("initContainers"), names("ephemeralContainers"));
    let container = match wanted {
        Some(wanted) if main.iter().chain(&init).chain(&more).any(|name| name == wanted) => wanted.to_owned(),
        Some(wanted) => return Err(Refusal::bad_request(format!("container {wanted} is not valid for pod {name}"))),
        None if main.len() == 1 => main[0].clone(),
        None => {
            let choose = |names: &[String]| names.join(" ");
            let mut why =
                format!("a container name must be specified for pod {name}, choose one of: [{}]", choose(&main));
            if !init.is_empty() {
                why.push_str(&format!(" or one of the init containers: [{}]", choose(&init)));
            }
            return Err(Refusal::bad_request(why));
        }
    };
    let place = (namespace.to_owned(), name.to_owned(), container.clone());
    if previous {
        let restarted = status_of(&pod, &container)["restartCount"].as_i64().unwrap_or(0) > 0;
        if !restarted && cluster.logs.lines(&place, true).is_empty() {
            let why = format!("previous terminated container \"{container}\" in pod \"{name}\" not found");
            return Err(Refusal::bad_request(why));
        }
        return Ok(place);
    }
    let waiting = &status_of(&pod, &container)["state"]["waiting"]["reason"];
    if let Some(reason) = waiting.as_str()
        && cluster.logs.lines(&place, false).is_empty()
    {
        let why = match reason {
            "ErrImagePull" | "ImagePullBackOff" => {
                format!(
                    "container \"{container}\" in pod \"{name}\" is waiting to start: trying and failing to pull image"
                )
            }
            reason => format!("container \"{container}\" in pod \"{name}\" is waiting to start: {reason}"),
        };
        return Err(Refusal::bad_request(why));
    }
    Ok(place)
}

fn status_of<'a>(pod: &'a Value, container: &str) -> &'a Value {
    let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    let mut all = lists.iter().flat_map(|list| pod["status"][*list].as_array().into_iter().flatten());
    all.find(|status| status["name"] == container).unwrap_or(&Value::Null)
}
