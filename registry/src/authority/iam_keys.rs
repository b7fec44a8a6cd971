//! What IAM policies may know about a caller with AWS credentials: the global condition keys of its principal, and those of the
//! device whose role alias gave the credentials (AUTH-241). IoT policies judge no such caller, so these keys have no value there.

use thingstead_core::{Arn, Principal};
use thingstead_policy_engine::Context;

use super::AuthorityRequest;

/// Adds the keys of an IAM principal; does nothing for anybody else.
pub(super) fn add(context: &mut Context, request: &AuthorityRequest) {
    let Principal::Iam { unique_id, arn } = &request.principal else { return };
    let AuthorityRequest { session, scope, .. } = request;
    let caller = Caller::of(arn);
    context.insert("aws:userid", unique_id);
    context.insert("aws:PrincipalType", caller.kind);
    // A session is known by the role it assumed, with its path.
    context.insert("aws:PrincipalArn", session.as_ref().map_or(arn, |session| session.role_arn.as_str()));
    context.insert("aws:PrincipalAccount", caller.account.as_deref().unwrap_or(scope.account()));
    context.insert("aws:PrincipalIsAWSService", "false");
    context.insert("aws:ViaAWSService", "false");
    context.insert("aws:RequestedRegion", scope.region());
    context.insert("aws:ResourceAccount", scope.account());
    if let Some(user) = caller.user {
        context.insert("aws:username", user);
    }
    let Some(session) = session else { return };
    // A certificate is no second factor.
    context.insert("aws:MultiFactorAuthPresent", "false");
    if let Some(issued_at) = session.issued_at {
        context.insert("aws:TokenIssueTime", &issued_at.to_string());
    }
    for (key, value) in session.device_keys() {
        context.insert(key, value);
    }
}

/// What the ARN of a caller says.
struct Caller<'a> {
    /// `aws:PrincipalType`.
    kind: &'static str,
    account: Option<String>,
    /// Only users have names; without the path before it.
    user: Option<&'a str>,
}

impl<'a> Caller<'a> {
    fn of(arn: &'a str) -> Self {
        let account = Arn::parse(arn).map(|arn| arn.account).filter(|account| !account.is_empty());
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let (kind, user) = match resource.split_once('/') {
            Some(("user", path)) => ("User", path.rsplit('/').next()),
            Some(("assumed-role", _)) => ("AssumedRole", None),
            Some(("federated-user", _)) => ("FederatedUser", None),
            _ => ("Account", None),
        };
        Self { kind, account, user }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_what_kind_of_caller_it_is() {
        for (arn, kind, user) in [
            ("arn:aws:iam::123456789012:user/AKIAX", "User", Some("AKIAX")),
            ("arn:aws:iam::123456789012:user/staff/ann", "User", Some("ann")),
            ("arn:aws:iam::123456789012:root", "Account", None),
            ("arn:aws:sts::123456789012:assumed-role/camera/abcd", "AssumedRole", None),
            ("arn:aws:sts::123456789012:federated-user/bob", "FederatedUser", None),
        ] {
            let caller = Caller::of(arn);
            assert_eq!((caller.kind, caller.user), (kind, user), "{arn}");
            assert_eq!(caller.account.as_deref(), Some("123456789012"), "{arn}");
        }
    }
}
