//! Finds articles by words: rare ones count more than common ones, a title's and a sign's more than the text's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use super::Article;

static TEXT: &str = include_str!("articles.md");

static INDEX: LazyLock<Index> = LazyLock::new(Index::build);

/// Words that say nothing.
const EMPTY: [&str; 30] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "cannot", "do", "does", "eks", "for", "how", "i", "in",
    "is", "it", "my", "not", "of", "on", "or", "the", "to", "what", "why", "with", "cluster",
];

/// The best articles for a question; where there is none, the titles of all.
pub(super) fn find(query: &str, limit: usize) -> (Vec<Article>, Vec<&'static str>) {
    let words: BTreeSet<_> = words(query).collect();
    let mut scored: Vec<(f64, &Entry)> =
        INDEX.entries.iter().map(|entry| (INDEX.score(entry, &words), entry)).collect();
    scored.retain(|(score, _)| *score > 0.0);
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    // What fits far worse than the best only costs tokens.
    scored.retain(|(score, _)| *score >= best / 3.0);
    let articles: Vec<_> = scored.into_iter().take(limit).map(|(_, entry)| entry.article.clone()).collect();
    let others =
        if articles.is_empty() { INDEX.entries.iter().map(|entry| entry.article.title).collect() } else { Vec::new() };
    (articles, others)
}

struct Entry {
    article: Article,
    /// How much each word of it counts.
    weights: BTreeMap<String, f64>,
}

struct Index {
    entries: Vec<Entry>,
    /// In how many articles a word stands.
    spread: BTreeMap<String, usize>,
}

impl Index {
    fn build() -> Self {
        let entries: Vec<_> = TEXT.split("## ").skip(1).map(entry).collect();
        let mut spread = BTreeMap::new();
        for word in entries.iter().flat_map(|entry| entry.weights.keys()) {
            *spread.entry(word.clone()).or_default() += 1;
        }
        Self { entries, spread }
    }

    fn score(&self, entry: &Entry, words: &BTreeSet<String>) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "some dozens of articles")]
        let rare =
            |word: &String| (1.0 + self.entries.len() as f64 / self.spread.get(word).copied().unwrap_or(1) as f64).ln();
        words.iter().filter_map(|word| Some(entry.weights.get(word)? * rare(word))).sum()
    }
}

fn entry(block: &'static str) -> Entry {
    let (title, rest) = block.split_once('\n').unwrap_or((block, ""));
    let (mut signs, mut see, mut text) = ("", None, rest);
    while let Some((line, more)) = text.split_once('\n') {
        if let Some(found) = line.strip_prefix("Signs: ") {
            signs = found;
        } else if let Some(found) = line.strip_prefix("See: ") {
            see = Some(found);
        } else {
            break;
        }
        text = more;
    }
    let mut weights: BTreeMap<String, f64> = BTreeMap::new();
    for (part, weight) in [(title, 4.0), (signs, 3.0), (text, 1.0)] {
        for word in words(part) {
            let known = weights.entry(word).or_default();
            *known = known.max(weight);
        }
    }
    Entry { article: Article { title, text: text.trim(), see }, weights }
}

/// Words without case and plural.
fn words(text: &str) -> impl Iterator<Item = String> {
    let plain = |letter: char| !letter.is_alphanumeric();
    text.split(plain)
        .map(|word| {
            let word = word.to_lowercase();
            let single = word.strip_suffix('s').filter(|single| single.len() > 3 && !single.ends_with('s'));
            single.map_or(word.clone(), str::to_owned)
        })
        .filter(|word| word.len() > 1 && !EMPTY.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(query: &str) -> &'static str {
        find(query, 3).0.first().map_or("nothing", |article| article.title)
    }

    #[test]
    fn what_people_see_leads_to_what_helps() {
        for (query, title) in [
            ("my nodes are NotReady", "Node is NotReady"),
            ("nodegroup failed: instances failed to join the kubernetes cluster", "Nodes do not join the cluster"),
            ("failed to assign an IP address to container", "No free addresses for pods"),
            ("dial tcp: lookup api.example.com: no such host", "Names are not resolved (DNS)"),
            ("ImagePullBackOff from ECR 403 Forbidden", "Image cannot be pulled"),
            (
                "AccessDenied: not authorized to perform sts:AssumeRoleWithWebIdentity",
                "Pod gets AccessDenied from AWS (IRSA, Pod Identity)",
            ),
            ("0/12 nodes are available: 12 Insufficient nvidia.com/gpu", "GPU is not seen by pods"),
            ("NCCL WARN timeout in all_reduce, is EFA used?", "EFA and NCCL are slow or hang"),
            ("karpenter does not launch nodes", "Karpenter makes no nodes"),
            ("upgrade to 1.33 deprecated API", "Upgrade of the cluster"),
            ("kubectl says Unauthorized, You must be logged in to the server", "Cannot talk to the cluster"),
            ("pod OOMKilled exit code 137", "Pods are killed or restart"),
            ("service stays pending without EXTERNAL-IP", "Load balancer is not made or has no targets"),
            ("Multi-Attach error for volume", "Volumes are not mounted"),
            ("failed calling webhook context deadline exceeded", "Webhook blocks requests"),
            ("capacity block p5 InsufficientInstanceCapacity", "Capacity cannot be had"),
            ("Kueue workload not admitted", "Training job does not start or is preempted"),
        ] {
            assert_eq!(best(query), title, "{query}");
        }
    }

    #[test]
    fn every_article_is_whole_and_none_is_long() {
        assert!(INDEX.entries.len() >= 20);
        for entry in &INDEX.entries {
            let Article { title, text, see } = entry.article;
            assert!((200..2500).contains(&text.len()), "{title}: {} bytes", text.len());
            assert!(!text.starts_with("Signs") && !text.contains("See: "), "{title}");
            assert!(see.is_none_or(|page| page.starts_with("https://docs.aws.amazon.com/eks/")), "{title}");
        }
    }

    #[test]
    fn where_nothing_fits_the_titles_are_told() {
        let (articles, others) = find("zebra", 3);
        assert!(articles.is_empty());
        assert!(others.contains(&"Node is NotReady"));
    }
}
