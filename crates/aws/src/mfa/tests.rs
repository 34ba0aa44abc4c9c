use aws_runtime::env_config::file::EnvConfigFileKind;

use super::*;

const CONFIG: &str = "
[profile user]
aws_access_key_id = AKIAUSER
aws_secret_access_key = s
[profile plain]
role_arn = arn:aws:iam::123456789012:role/plain
source_profile = user
[profile admin]
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = user
mfa_serial = arn:aws:iam::123456789012:mfa/u
external_id = é
duration_seconds = 43200
[profile far]
role_arn = arn:aws:iam::210987654321:role/far
source_profile = admin
role_session_name = me
[profile self]
role_arn = arn:aws:iam::123456789012:role/self
source_profile = self
aws_access_key_id = AKIASELF
aws_secret_access_key = s
mfa_serial = GAHT12345678
[profile environment]
role_arn = arn:aws:iam::123456789012:role/e
credential_source = Environment
mfa_serial = GAHT12345678
[profile instance]
role_arn = arn:aws:iam::123456789012:role/i
credential_source = Ec2InstanceMetadata
mfa_serial = GAHT12345678
[profile worker]
role_arn = arn:aws:iam::123456789012:role/w
credential_source = Ec2InstanceMetadata
[profile over-worker]
role_arn = arn:aws:iam::123456789012:role/o
source_profile = worker
mfa_serial = GAHT12345678
[profile round]
role_arn = arn:aws:iam::123456789012:role/r
source_profile = about
mfa_serial = GAHT12345678
[profile about]
role_arn = arn:aws:iam::123456789012:role/a
source_profile = round
[profile odd]
role_arn = arn:aws:iam::123456789012:role/odd
source_profile = user
mfa_serial = GAHT12345678
duration_seconds = long
";

async fn way(name: &str) -> Result<Option<Way>> {
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, CONFIG).build();
    let profiles = profile::load(&Fs::real(), &Env::from_slice(&[]), &files, None).await.unwrap();
    Way::of(&profiles, name)
}

#[tokio::test]
async fn a_way_is_ours_where_a_code_is_wanted_on_it() {
    for other in ["user", "plain", "worker", "round", "none"] {
        assert!(way(other).await.unwrap().is_none(), "{other}");
    }
    let admin = way("admin").await.unwrap().unwrap();
    assert_eq!(admin.base, Base::Profile("user".to_owned()));
    let step = &admin.steps[0];
    assert_eq!((step.serial.as_deref(), step.duration), (Some("arn:aws:iam::123456789012:mfa/u"), Some(43200)));
    let far = way("far").await.unwrap().unwrap();
    let roles: Vec<&str> = far.steps.iter().map(|step| step.profile.as_str()).collect();
    assert_eq!((far.base, roles), (Base::Profile("user".to_owned()), vec!["admin", "far"]));
    let own = way("self").await.unwrap().unwrap();
    assert!(matches!(own.base, Base::Keys(keys) if keys.access_key_id() == "AKIASELF"));
    assert_eq!(way("environment").await.unwrap().unwrap().base, Base::Environment);
    let over = way("over-worker").await.unwrap().unwrap();
    assert_eq!((over.base, over.steps.len()), (Base::Profile("worker".to_owned()), 1));
    assert_eq!(way("instance").await.err().unwrap().code_str(), "MfaWithoutIdentity");
    assert!(way("odd").await.err().unwrap().message().contains("duration_seconds"));
}

/// The names that `botocore.credentials.AssumeRoleCredentialFetcher` gives.
#[tokio::test]
async fn kept_sessions_have_the_names_that_the_command_line_gives_them() {
    let far = way("far").await.unwrap().unwrap();
    assert_eq!(cache::name(&far.steps[0]), "e3bffc89e34e09764d5433632b3f9f81dc27c617.json");
    assert_eq!(cache::name(&far.steps[1]), "5b63cbaf753988f2b9a3fc327ecc39b9fef762f2.json");
}
