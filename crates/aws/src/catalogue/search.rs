//! Finding operations by what people call things: over all names, without decoding a service.

use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use serde::{Deserialize, Serialize};

use super::{Entry, index, model::AccessLevel, names, services, vocabulary as talk};

/// One operation that fits a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Name of the service.
    pub service: &'static str,
    /// Name of the operation.
    pub operation: &'static str,
    /// What it may do.
    pub access: AccessLevel,
    /// How well it fits; comparable within one query only.
    pub score: f32,
}

/// The names of all operations, service by service in the order of the index: what the generator writes for search.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct AllNames<'a>(#[serde(borrow)] pub Vec<Vec<(&'a str, AccessLevel)>>);

/// The operations that fit a query best, the best first.
pub fn search(query: &str, limit: usize) -> Vec<Hit> {
    let index = Index::get();
    let terms = index.terms(query);
    if terms.is_empty() {
        return Vec::new();
    }
    let wants_action = terms.iter().any(|term| term.verb);
    let affinities: Vec<Vec<f32>> = index.services.iter().map(|words| affinity(&terms, words)).collect();
    let scored = index.operations.iter().filter_map(|operation| {
        let score = index.score(operation, &terms, &affinities[usize::from(operation.service)])?;
        let entry = &services()[usize::from(operation.service)];
        // Who names no action wants to look.
        let looks = if !wants_action && operation.access == AccessLevel::Read { 0.3 } else { 0.0 };
        let known = if talk::EVERYDAY.contains(&entry.name) { 0.8 } else { 0.0 };
        let score = score + looks + known;
        Some(Hit { service: entry.name, operation: operation.name, access: operation.access, score })
    });
    let mut hits: Vec<Hit> = scored.collect();
    hits.sort_by(|a, b| {
        let names = |hit: &Hit| (hit.operation.len(), hit.operation, hit.service);
        b.score.total_cmp(&a.score).then_with(|| names(a).cmp(&names(b)))
    });
    hits.truncate(limit);
    hits
}

/// A word of the query and what it may mean.
struct Term {
    /// How well each word of the vocabulary means it, by the word's number; zero where it does not. A table rather than
    /// a map: a search looks into it a hundred thousand times.
    words: Box<[f32]>,
    /// The same word as it may name a service.
    services: Vec<(String, f32)>,
    /// It says what to do, not with what.
    verb: bool,
}

impl Term {
    fn has(&self, word: u16) -> bool {
        self.words[usize::from(word)] > 0.0
    }
}

/// All names, taken apart into words.
struct Index {
    /// Number of a word in its singular.
    numbers: HashMap<String, u16>,
    /// How much each word tells: the rarer, the more.
    rarity: Vec<f32>,
    operations: Vec<Named>,
    /// Words that name each service.
    services: Vec<Vec<String>>,
}

struct Named {
    service: u16,
    name: &'static str,
    access: AccessLevel,
    words: Box<[u16]>,
}

impl Index {
    fn get() -> &'static Self {
        static INDEX: OnceLock<Index> = OnceLock::new();
        INDEX.get_or_init(Self::build)
    }

    fn build() -> Self {
        let plain = zstd::bulk::decompress(index::NAMES, index::NAMES_SIZE).expect("the blob was compressed by us");
        // Leaked for the same reasons as a service's facts.
        let all: AllNames<'static> = postcard::from_bytes(plain.leak()).expect("the blob was encoded from this type");
        let mut numbers = HashMap::new();
        let mut seen: Vec<f32> = Vec::new();
        let mut operations = Vec::new();
        for (service, names) in (0..).zip(all.0) {
            for (name, access) in names {
                let mut words: Vec<u16> = Vec::new();
                for word in split(name) {
                    let next = u16::try_from(numbers.len()).expect("AWS uses some thousand words");
                    let number = *numbers.entry(word).or_insert(next);
                    if number == next {
                        seen.push(0.0);
                    }
                    if !words.contains(&number) {
                        seen[usize::from(number)] += 1.0;
                        words.push(number);
                    }
                }
                operations.push(Named { service, name, access, words: words.into() });
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "some ten thousand operations")]
        let total = operations.len() as f32;
        let rarity = seen.into_iter().map(|count| (total / count).ln().min(7.0)).collect();
        Self { numbers, rarity, operations, services: services().iter().map(service_words).collect() }
    }

    /// The query's words with everything that each may mean.
    fn terms(&self, query: &str) -> Vec<Term> {
        let query = talk::PHRASES.iter().fold(spaced(query), |query, (phrase, meaning)| query.replace(phrase, meaning));
        let words: Vec<String> = split(&query).into_iter().filter(|word| !talk::NOISE.contains(&&**word)).collect();
        let mut terms: Vec<Term> = words.iter().map(|word| self.term(word)).collect();
        // `node group` may be one word to AWS.
        for (at, pair) in words.windows(2).enumerate() {
            let joined = pair.concat();
            if let Some(&number) = self.numbers.get(&joined) {
                terms[at].words[usize::from(number)] = 1.0;
                terms[at + 1].words[usize::from(number)] = 1.0;
            }
            terms[at].services.push((joined, 1.0));
        }
        terms
    }

    fn term(&self, word: &str) -> Term {
        let words = vec![0.0; self.numbers.len()].into();
        let mut term = Term { words, services: vec![(word.to_owned(), 1.0)], verb: false };
        let mut mean = |meaning: &str, weight: f32| {
            if let Some(&number) = self.numbers.get(meaning) {
                let known: &mut f32 = &mut term.words[usize::from(number)];
                *known = known.max(weight);
            }
        };
        mean(word, 1.0);
        for class in talk::VERBS.iter().filter(|class| class.contains(&word)) {
            term.verb = true;
            class.iter().for_each(|verb| mean(verb, 0.85));
        }
        for (_, meanings) in talk::NOUNS.iter().filter(|(noun, _)| *noun == word) {
            for meaning in *meanings {
                match meaning.strip_prefix('@') {
                    Some(service) => term.services.push((service.to_owned(), 0.8)),
                    None => mean(meaning, 0.9),
                }
            }
        }
        if word.len() >= 4 {
            for known in self.numbers.keys().filter(|known| known.len() >= 4) {
                if known.starts_with(word) || word.starts_with(known.as_str()) {
                    mean(known, 0.5);
                }
            }
        }
        term
    }

    /// What the operation has of the query, less what it has besides; `None` if it has nothing.
    fn score(&self, operation: &Named, terms: &[Term], affinity: &[f32]) -> Option<f32> {
        let rarity = |word: u16| self.rarity[usize::from(word)];
        let mut score = 0.0;
        for (term, affinity) in terms.iter().zip(affinity) {
            let fits = |(at, word): (usize, &u16)| {
                let weight = term.words[usize::from(*word)];
                match (term.verb, at) {
                    (false, _) => weight * rarity(*word),
                    // What to do is the first word of a name, and the rarity of a verb tells little.
                    (true, 0) => weight * rarity(*word).min(3.0),
                    (true, _) => weight * rarity(*word).min(1.2),
                }
            };
            let by_name = operation.words.iter().enumerate().map(fits).fold(0.0, f32::max);
            // A word that names both says little more than one that names either.
            score += by_name.max(*affinity) + 0.3 * by_name.min(*affinity);
        }
        if score <= 0.0 {
            return None;
        }
        let besides = |word: &&u16| !terms.iter().any(|term| term.has(**word));
        let surplus: f32 = operation.words.iter().filter(besides).map(|word| rarity(*word)).sum();
        let mut verbs = terms.iter().filter(|term| term.verb).peekable();
        let first = operation.words.first();
        let other_deed = verbs.peek().is_some() && !verbs.any(|term| first.is_some_and(|it| term.has(*it)));
        Some(score - 0.22 * surplus - if other_deed { 2.5 } else { 0.0 })
    }
}

/// How strongly each term names a service with these words.
fn affinity(terms: &[Term], words: &[String]) -> Vec<f32> {
    let named = |term: &Term| {
        let fits = term.services.iter().filter(|(word, _)| words.contains(word)).map(|(_, weight)| *weight);
        4.5 * fits.fold(0.0, f32::max)
    };
    terms.iter().map(named).collect()
}

/// Its name, its id, its title and its nicknames, word by word, and the shorter ones whole.
fn service_words(entry: &Entry) -> Vec<String> {
    let nicknames = names::nicknames(entry.name);
    let mut words = BTreeSet::new();
    for name in [entry.name, entry.id].into_iter().chain(nicknames) {
        words.insert(name.to_lowercase().replace([' ', '-'], ""));
    }
    for word in split(entry.title).into_iter().chain(split(entry.name)) {
        if !talk::NOISE.contains(&&*word) {
            words.insert(word);
        }
    }
    words.into_iter().collect()
}

/// The query small, its humps kept as spaces, so that `DescribeInstances` is two words like any others.
fn spaced(query: &str) -> String {
    let mut spaced = String::new();
    let mut small = false;
    for letter in query.chars() {
        if small && letter.is_uppercase() {
            spaced.push(' ');
        }
        small = letter.is_lowercase();
        spaced.extend(letter.to_lowercase());
    }
    spaced
}

/// The words of a name or of a query: at spaces, at punctuation, at humps; small and in the singular.
pub(super) fn split(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let hump = letter.is_uppercase()
            && before.is_some_and(|it| !it.is_uppercase() || after.is_some_and(|it| it.is_lowercase()));
        if hump || !letter.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words.into_iter().map(singular).collect()
}

fn singular(mut word: String) -> String {
    let ends = |ending: &str| word.ends_with(ending) && word.len() > ending.len() + 1;
    if ends("ies") {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if ["sses", "xes", "ches", "shes"].into_iter().any(ends) {
        word.truncate(word.len() - 2);
    } else if ends("s") && word.len() > 3 && !["ss", "us", "is"].into_iter().any(ends) {
        word.truncate(word.len() - 1);
    }
    word
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// What people ask, and what they mean.
    const QUESTIONS: &[(&str, &str, &str)] = &[
        ("list vms", "ec2", "DescribeInstances"),
        ("show my instances", "ec2", "DescribeInstances"),
        ("DescribeInstances", "ec2", "DescribeInstances"),
        ("describe-instances", "ec2", "DescribeInstances"),
        ("terminate instance", "ec2", "TerminateInstances"),
        ("kill a server", "ec2", "TerminateInstances"),
        ("launch ec2 instance", "ec2", "RunInstances"),
        ("list buckets", "s3", "ListBuckets"),
        ("delete bucket", "s3", "DeleteBucket"),
        ("remove an object", "s3", "DeleteObject"),
        ("upload file to s3", "s3", "PutObject"),
        ("gpu capacity", "ec2", "DescribeCapacityBlockOfferings"),
        ("buy capacity block", "ec2", "PurchaseCapacityBlock"),
        ("how much did I spend", "ce", "GetCostAndUsage"),
        ("cost and usage", "ce", "GetCostAndUsage"),
        ("price list products", "pricing", "GetProducts"),
        ("kubernetes node groups", "eks", "ListNodegroups"),
        ("describe eks cluster", "eks", "DescribeCluster"),
        ("hyperpod nodes", "sagemaker", "ListClusterNodes"),
        ("start training job", "sagemaker", "CreateTrainingJob"),
        ("who am i", "sts", "GetCallerIdentity"),
        ("service quota increase", "service-quotas", "RequestServiceQuotaIncrease"),
        ("delete disk", "ec2", "DeleteVolume"),
        ("search logs", "logs", "FilterLogEvents"),
        ("spot price", "ec2", "DescribeSpotPriceHistory"),
        ("invoke lambda function", "lambda", "Invoke"),
        ("docker registry login", "ecr", "GetAuthorizationToken"),
        ("read secret value", "secretsmanager", "GetSecretValue"),
        ("cloudformation stack events", "cloudformation", "DescribeStackEvents"),
        ("security groups", "ec2", "DescribeSecurityGroups"),
        ("find resources by tag", "resourcegroupstaggingapi", "GetResources"),
        ("metric statistics", "cloudwatch", "GetMetricStatistics"),
    ];

    #[test]
    fn what_people_mean_is_among_the_first_five() {
        let mut missed = String::new();
        for (query, service, operation) in QUESTIONS {
            let hits = search(query, 5);
            if !hits.iter().any(|hit| hit.service == *service && hit.operation == *operation) {
                let found: Vec<String> =
                    hits.iter().map(|hit| format!("{}.{} {:.1}", hit.service, hit.operation, hit.score)).collect();
                writeln!(missed, "{query:?} wants {service}.{operation}, finds {found:?}").unwrap();
            }
        }
        assert!(missed.is_empty(), "{missed}");
    }

    #[test]
    fn nonsense_finds_nothing_and_noise_is_no_query() {
        assert!(search("", 5).is_empty());
        assert!(search("the of my", 5).is_empty());
        assert!(search("qqxyzzy", 5).is_empty());
    }

    #[test]
    fn names_for_search_are_the_names_of_the_services() {
        let index = Index::get();
        let total: usize = services().iter().map(|entry| usize::from(entry.operations)).sum();
        assert_eq!(index.operations.len(), total);
        for named in index.operations.iter().step_by(97) {
            let service = services()[usize::from(named.service)].service();
            assert_eq!(service.operation(named.name).map(|operation| operation.access), Some(named.access));
        }
    }

    #[test]
    fn names_are_split_at_humps() {
        assert_eq!(split("DescribeDBInstances"), ["describe", "db", "instance"]);
        assert_eq!(split("ListObjectsV2"), ["list", "object", "v2"]);
        assert_eq!(split("describe-vpc_addresses"), ["describe", "vpc", "address"]);
        assert_eq!(split(&spaced("policies of VPCs")), ["policy", "of", "vpc"]);
    }
}
