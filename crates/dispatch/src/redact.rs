//! Secrets never leave: not in answers, not in errors, not in the audit log.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;
use trainyard_contract::OTHERS;

use crate::text;

/// What stands in a secret's place.
pub(crate) const MARK: &str = "[redacted]";

/// Ends of names whose value is a secret whatever it looks like, in lower case without separators. Tokens that only
/// say where a list goes on, or make a call idempotent, are not among them.
const SECRET_ENDS: [&str; 25] = [
    "password",
    "passwd",
    "passphrase",
    "passworddata",
    "secretaccesskey",
    "secretkey",
    "sharedsecret",
    "clientsecret",
    "apisecret",
    "secretstring",
    "secretbinary",
    "sessiontoken",
    "securitytoken",
    "authtoken",
    "authorizationtoken",
    "accesstoken",
    "refreshtoken",
    "bearertoken",
    "oauthtoken",
    "jointoken",
    "devicetoken",
    "apikey",
    "privatekey",
    "keymaterial",
    "basicauthcredentials",
];

/// Secrets that give themselves away. Where a group is named `keep`, it stays in front of the mark.
static PATTERNS: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        // Private keys, whole.
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
        // What makes a presigned URL usable.
        r"(?P<url>(?i:X-Amz-(?:Signature|Security-Token|Credential))=)[^&\s\x22']+",
        // JSON web tokens.
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
        // Tokens of well-known providers: GitHub, Slack, Hugging Face, OpenAI and those of its form, NVIDIA, Google, GitLab.
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{20,}|nvapi-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{30,}|glpat-[A-Za-z0-9_-]{20,})",
        // Shared access signatures, registry logins and the keys of a kubeconfig.
        r"(?P<sig>[?&]sig=)[^&\s\x22']{10,}",
        r"(?P<auth>\x22auth\x22\s*:\s*\x22)[A-Za-z0-9+/=]{16,}",
        r"(?P<data>\bclient-key-data:\s*)[A-Za-z0-9+/=]{16,}",
        // Words that announce one.
        r"(?P<bearer>(?i:\bBearer\s+))[A-Za-z0-9._~+/=-]{12,}",
        r"(?P<basic>(?i:\bBasic\s+))[A-Za-z0-9+/=]{16,}",
        r"(?P<pair>(?i:\b[A-Z0-9_.-]*(?:password|passwd|secret_access_key|secretaccesskey|session_token|client_secret|api_key|apikey|access_token|auth_token|private_key|secret_key)\b[\x22']?\s*[:=]\s*[\x22']?))[^\s\x22',;&}]{4,}",
        // User information in an address.
        r"(?P<user>\b[a-z][a-z0-9+.-]*://[^\s/:@]{1,64}:)[^\s/@]{1,256}@",
    ];
    Regex::new(&parts.join("|")).expect("a constant pattern, compiled by a test")
});

/// Removes secrets from every string of `value` and cleans it. Returns how many were removed.
///
/// `by_name` is off for a call that was allowed to show sensitive data: what it was asked for has a secret's name.
pub(crate) fn value(value: &mut Value, by_name: bool) -> usize {
    match value {
        Value::String(text) => self::text(text),
        Value::Array(items) => items.iter_mut().map(|item| self::value(item, by_name)).sum(),
        Value::Object(members) => {
            let paired = by_name && is_secret_pair(members);
            crate::present::clean_names(members);
            let mut count = 0;
            for (name, member) in members {
                let secret =
                    (by_name && is_secret_name(name)) || (paired && matches!(name.as_str(), "Value" | "value"));
                if secret && hides(member) {
                    *member = MARK.into();
                    count += 1;
                } else {
                    count += self::value(member, by_name);
                }
            }
            count
        }
        _ => 0,
    }
}

/// A secret is text, whoever wrote it; a policy such as `{"password": {"min_length": 8}}`, or a flag, is not.
fn hides(member: &Value) -> bool {
    match member {
        Value::String(text) => !text.is_empty() && text != MARK,
        Value::Object(members) => members.contains_key(OTHERS),
        _ => false,
    }
}

fn is_secret_name(name: &str) -> bool {
    let folded: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    SECRET_ENDS.iter().any(|end| folded.ends_with(end))
}

/// `{"Name": "DB_PASSWORD", "Value": "…"}`: an environment variable, a tag or a parameter with a secret's name.
fn is_secret_pair(members: &serde_json::Map<String, Value>) -> bool {
    ["Name", "name", "Key", "key", "ParameterKey"]
        .iter()
        .filter_map(|label| members.get(*label).and_then(Value::as_str))
        .any(is_secret_name)
}

/// A text as it may be shown or logged: without secrets and without characters that hide something.
pub fn harmless_text(text: &str) -> String {
    let mut text = text.to_owned();
    self::text(&mut text);
    text
}

/// Removes secrets from one text and cleans it. Returns how many were removed.
pub(crate) fn text(text: &mut String) -> usize {
    text::clean(text);
    // The shortest secret that a pattern knows is longer than this.
    if text.len() < 8 || !PATTERNS.is_match(text) {
        return 0;
    }
    let mut count = 0;
    let replaced = PATTERNS.replace_all(text, |found: &Captures<'_>| {
        count += 1;
        let kept =
            ["url", "bearer", "basic", "pair", "user", "sig", "auth", "data"].iter().find_map(|name| found.name(name));
        let after = if found.name("user").is_some() { "@" } else { "" };
        format!("{}{MARK}{after}", kept.map_or("", |kept| kept.as_str()))
    });
    *text = replaced.into_owned();
    count
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(text: &str) -> String {
        let mut text = text.to_owned();
        self::text(&mut text);
        text
    }

    #[test]
    fn secrets_in_text_are_replaced_and_their_surroundings_stay() {
        assert_eq!(redacted("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"), MARK);
        assert_eq!(
            redacted("https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=0123456789abcdef&x=1"),
            "https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature=[redacted]&x=1"
        );
        assert_eq!(redacted("token hf_abcdefghijklmnopqrstuvwx used"), "token [redacted] used");
        assert_eq!(redacted("Authorization: Bearer abcdefghijklmnop"), "Authorization: Bearer [redacted]");
        assert_eq!(redacted("DB_PASSWORD=hunter2hunter2 next"), "DB_PASSWORD=[redacted] next");
        assert_eq!(redacted("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG"), "aws_secret_access_key = [redacted]");
        assert_eq!(redacted("postgres://me:secretword@host/db"), "postgres://me:[redacted]@host/db");
        assert_eq!(redacted("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl"), MARK);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        for text in [
            "i-0123456789abcdef0 is running",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
            "next_token: eyJ2IjoxfQ==",
            "the password policy asks for 12 letters",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/queue",
        ] {
            assert_eq!(redacted(text), text);
        }
    }

    /// Each line of the corpus: what has to go, between « and », and what has to stay around it. A line without them is
    /// a near miss and stays whole.
    #[test]
    fn the_corpus_of_secrets_and_of_near_misses() {
        let corpus = include_str!("secrets.txt");
        let mut secrets = 0;
        for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            let given = line.replace(['«', '»'], "").replace("\\n", "\n");
            let mut expected = String::new();
            for (at, part) in line.split(['«', '»']).enumerate() {
                secrets += at % 2;
                expected.push_str(if at % 2 == 1 { MARK } else { part });
            }
            assert_eq!(redacted(&given), expected.replace("\\n", "\n"), "{line}");
            let mut answer = json!([{ "text": given }]);
            assert_eq!(value(&mut answer, true), line.matches('«').count(), "{line}");
        }
        assert!(secrets >= 30, "{secrets}");
    }

    #[test]
    fn members_with_a_secrets_name_are_replaced_unless_they_were_asked_for() {
        let original = json!({
            "Credentials": { "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "abc", "SessionToken": "t" },
            "list": [{ "KeyMaterial": "x" }, { "password": { "min": 8 } }, { "Password": "" }],
        });
        let mut answer = original.clone();
        assert_eq!(value(&mut answer, true), 3);
        let mut words = json!({ "password": trainyard_contract::Others("correct horse battery".to_owned()) });
        assert_eq!((value(&mut words, true), &words["password"]), (1, &json!(MARK)), "whoever wrote it");
        assert_eq!(answer["Credentials"]["AccessKeyId"], "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(answer["Credentials"]["SecretAccessKey"], MARK);
        assert_eq!(answer["list"][1]["password"]["min"], 8);
        let mut asked = original.clone();
        assert_eq!(value(&mut asked, false), 0);
        assert_eq!(asked, original);
    }

    #[test]
    fn names_are_recognised_by_their_end_and_in_pairs() {
        let mut answer = json!({
            "environment": [{ "Name": "DB_PASSWORD", "Value": "x" }, { "name": "MODE", "value": "fast" }],
            "Variables": { "WANDB_API_KEY": "abc", "EPOCHS": "3" },
            "PendingModifiedValues": { "MasterUserPassword": "p" },
            "NextToken": "abc", "ClientToken": "def", "SecretArn": "arn:aws:secretsmanager:x", "KeyName": "me",
        });
        assert_eq!(value(&mut answer, true), 3);
        assert_eq!(answer["environment"][0]["Value"], MARK);
        assert_eq!(answer["environment"][1]["value"], "fast");
        assert_eq!(answer["Variables"]["EPOCHS"], "3");
        assert_eq!((&answer["NextToken"], &answer["ClientToken"]), (&json!("abc"), &json!("def")));
    }
}
