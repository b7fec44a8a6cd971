//! Assumes roles at the configured STS, for the credentials provider.

use thingstead_core::Timestamp;
use thingstead_core::sigv4::Secret;
use thingstead_core::wiring::{AssumeRole, AssumedRole, Roles, SessionCredentials};

use super::RuleEngine;
use crate::actions::aws::{AwsCall, Service};

impl Roles for RuleEngine {
    fn assume(&self, wanted: AssumeRole) -> AssumedRole {
        let aws = self.inner.aws.clone();
        Box::pin(async move {
            let seconds = wanted.duration_seconds.to_string();
            let parameters = [
                ("RoleArn", wanted.role_arn.as_str()),
                ("RoleSessionName", wanted.session_name.as_str()),
                ("DurationSeconds", seconds.as_str()),
            ];
            let call = AwsCall::query(&STS, "AssumeRole", "2011-06-15", &parameters);
            match aws.call(&call, wanted.scope.region()).await.result {
                Ok(Some(answer)) => read(&String::from_utf8_lossy(&answer)).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(format!("the role `{}` cannot be assumed: {error}", wanted.role_arn)),
            }
        })
    }
}

/// The credentials of an answer.
fn read(answer: &str) -> Result<SessionCredentials, String> {
    let credentials = element(answer, "Credentials").unwrap_or_default();
    let member = |name: &str| {
        let found = element(credentials, name).map(str::trim).filter(|text| !text.is_empty());
        found.map(str::to_owned).ok_or_else(|| format!("the answer of STS has no `{name}`"))
    };
    let expiration = member("Expiration")?;
    let expires_at = expiration
        .parse::<jiff::Timestamp>()
        .map_err(|_| format!("the answer of STS has the expiration `{expiration}`, which is no time"))?;
    Ok(SessionCredentials {
        access_key: member("AccessKeyId")?,
        secret: Secret::new(member("SecretAccessKey")?),
        session_token: member("SessionToken")?,
        expires_at: Timestamp::from_millis(expires_at.as_millisecond()),
    })
}

/// What stands in an element without attributes. None of the members needs escapes.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(&format!("<{name}>"))?;
    behind.split_once(&format!("</{name}>")).map(|(inside, _)| inside)
}

static STS: Service = Service { id: "STS", signing: "sts", host: "sts" };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_sts_is_read() {
        // AUTH-234
        let answer = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
            <SessionToken>t/+=</SessionToken><SecretAccessKey>s</SecretAccessKey>\
            <Expiration>2026-01-01T01:00:00Z</Expiration><AccessKeyId>ASIA1</AccessKeyId></Credentials>\
            <AssumedRoleUser/></AssumeRoleResult></AssumeRoleResponse>";
        let read_well = read(answer).expect("credentials");
        assert_eq!((read_well.access_key.as_str(), read_well.session_token.as_str()), ("ASIA1", "t/+="));
        assert_eq!(read_well.expires_at, Timestamp::from_millis(1_767_229_200_000));
        for (part, why) in
            [("AccessKeyId", "`AccessKeyId`"), ("Expiration", "`Expiration`"), ("Credentials", "has no")]
        {
            let broken = answer.replace(part, "Other");
            assert!(read(&broken).expect_err(part).contains(why));
        }
        assert!(
            read(&answer.replace("2026-01-01T01:00:00Z", "soon")).expect_err("no time").contains("`soon`")
        );
    }
}
