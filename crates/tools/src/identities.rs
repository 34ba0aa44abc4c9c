//! Whom calls are made as, where several people share one server: the operator's table from those who sign in to roles of
//! AWS and users of Kubernetes. Who is not in it reaches nothing, so that nobody acts with the rights of the process.

use std::sync::Arc;

use serde::Deserialize;
use trainyard_aws::Role;
use trainyard_contract::{Error, Result};
use trainyard_k8s::User;

/// What stands for the name of whoever signed in.
const SUBJECT: &str = "{subject}";
/// Longest name: that of a session of AWS.
const LONGEST: usize = 64;

/// One row of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Whom it is for, as the audit log names them, such as `oauth:ann`; one that ends with `*` is for all that begin so.
    pub principal: String,
    /// Role that their calls of AWS are made with; without one they make none. `{subject}` in it is their name.
    pub aws_role: Option<String>,
    /// What the role's trust policy asks of third parties.
    pub aws_external_id: Option<String>,
    /// Tag of the session that holds their name, for policies that ask for it.
    pub aws_session_tag: Option<String>,
    /// User that their calls of Kubernetes are made as; without one they make none. `{subject}` in it is their name.
    pub kubernetes_user: Option<String>,
    /// Groups of that user.
    #[serde(default)]
    pub kubernetes_groups: Vec<String>,
}

/// The table. An empty one leaves everything to the identity of the process.
#[derive(Debug, Clone, Default)]
pub struct Identities(Arc<[Identity]>);

/// Whom a call is made as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Whom {
    /// Role of AWS; `None` is what the process is.
    pub(crate) role: Option<Role>,
    /// User of Kubernetes; `None` is what the process is.
    pub(crate) user: Option<User>,
}

impl Identities {
    /// The table of these rows.
    pub fn new(rows: Vec<Identity>) -> Result<Self> {
        for row in &rows {
            let wrong = |why: &str| Err(Error::validation(format!("identity for {:?}: {why}", row.principal)));
            if row.principal.is_empty() {
                return wrong("`principal` says whom it is for");
            }
            if row.kubernetes_user.is_none() && !row.kubernetes_groups.is_empty() {
                return wrong("Kubernetes ignores groups without a user: give `kubernetes_user`");
            }
            if row.aws_role.is_none() && (row.aws_external_id.is_some() || row.aws_session_tag.is_some()) {
                return wrong("there is nothing to add to without `aws_role`");
            }
            let own = row.kubernetes_user.as_deref().is_some_and(|user| user.contains(SUBJECT))
                || row.aws_role.as_deref().is_some_and(|role| role.contains(SUBJECT));
            if own && !row.principal.contains(':') {
                return wrong("only whoever signs in has a name: the principal begins with `oauth:`");
            }
        }
        Ok(Self(rows.into()))
    }

    /// Whom a call of this principal is made as; refused where the table does not say. A principal without a name is
    /// whoever started this process.
    pub(crate) fn of(&self, principal: &str) -> Result<Whom> {
        if self.0.is_empty() || principal.is_empty() {
            return Ok(Whom::default());
        }
        let fits = |row: &&Identity| match row.principal.strip_suffix('*') {
            Some(start) => principal.starts_with(start),
            None => row.principal == principal,
        };
        let row = self.0.iter().find(fits).ok_or_else(|| {
            Error::policy_denied(format!("{principal:?} has no identity on this server, so nothing was sent"))
                .code("NoIdentity")
                .hint("the operator adds a row for them under [[identities]] in the settings file")
        })?;
        row.whom(principal)
    }

    /// The same, for a call that has been admitted: who is not in the table is nobody, and can do nothing.
    pub(crate) fn admitted(&self, principal: &str) -> Whom {
        self.of(principal).unwrap_or_else(|_| Whom { role: Some(Role::default()), user: Some(User::default()) })
    }
}

impl Identity {
    fn whom(&self, principal: &str) -> Result<Whom> {
        let subject = principal.split_once(':').map_or(principal, |(_, subject)| subject);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.@+=,".contains(letter);
        // A name becomes part of an ARN, of a session's name and of a header, and must not mean more than itself there.
        if subject.len() < 2 || subject.len() > LONGEST || !subject.chars().all(plain) {
            return Err(Error::policy_denied(format!(
                "{subject:?} cannot be used as a name of AWS and Kubernetes, so nothing was sent"
            ))
            .code("NoIdentity")
            .hint("2 to 64 letters, digits and any of -_.@+=, are taken"));
        }
        let role = self.aws_role.as_deref().map_or_else(Role::default, |arn| Role {
            arn: arn.replace(SUBJECT, subject),
            external_id: self.aws_external_id.clone(),
            session_name: Some(subject.to_owned()),
            tags: self.aws_session_tag.iter().map(|key| (key.clone(), subject.to_owned())).collect(),
        });
        let user = self.kubernetes_user.as_deref().map_or_else(User::default, |name| User {
            name: name.replace(SUBJECT, subject),
            groups: self.kubernetes_groups.clone(),
        });
        Ok(Whom { role: Some(role), user: Some(user) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Identities> {
        #[derive(Deserialize)]
        struct File {
            identities: Vec<Identity>,
        }
        Identities::new(serde_json::from_str::<File>(&format!("{{\"identities\": [{text}]}}")).unwrap().identities)
    }

    #[test]
    fn everybody_acts_as_the_first_row_says_and_nobody_as_the_process() {
        let table = table(
            r#"{"principal": "oauth:ann", "aws_role": "arn:aws:iam::1:role/lead", "aws_session_tag": "user"},
               {"principal": "oauth:*", "kubernetes_user": "sso:{subject}", "kubernetes_groups": ["ml"]}"#,
        )
        .unwrap();
        let ann = table.of("oauth:ann").unwrap();
        let role = ann.role.unwrap();
        assert_eq!((role.arn.as_str(), role.session_name.as_deref()), ("arn:aws:iam::1:role/lead", Some("ann")));
        assert_eq!(role.tags, [("user".to_owned(), "ann".to_owned())]);
        assert_eq!(ann.user.unwrap().name, "", "no user, and not that of the process either");
        let bob = table.of("oauth:bob@example.com").unwrap();
        assert_eq!(bob.user.unwrap().name, "sso:bob@example.com");
        assert_eq!(bob.role.unwrap().arn, "");
        for (stranger, code) in [("token", "NoIdentity"), ("local", "NoIdentity"), ("oauth:a/b", "NoIdentity")] {
            assert_eq!(table.of(stranger).unwrap_err().code_str(), code, "{stranger}");
            assert_eq!(table.admitted(stranger).role, Some(Role::default()));
        }
        assert_eq!(
            table.of("oauth:system:admin").unwrap_err().code_str(),
            "NoIdentity",
            "no name of the cluster's own"
        );
        assert_eq!(table.of("").unwrap(), Whom::default(), "whoever started the process");
        assert_eq!(Identities::default().of("oauth:ann").unwrap(), Whom::default());
    }

    #[test]
    fn a_row_that_would_not_do_what_it_says_is_refused() {
        for wrong in [
            r#"{"principal": ""}"#,
            r#"{"principal": "token", "kubernetes_groups": ["ml"]}"#,
            r#"{"principal": "oauth:a", "aws_session_tag": "user"}"#,
            r#"{"principal": "token", "kubernetes_user": "sso:{subject}"}"#,
        ] {
            assert!(table(wrong).is_err(), "{wrong}");
        }
    }
}
