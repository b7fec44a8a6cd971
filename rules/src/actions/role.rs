//! The ARNs of the roles that rules name (RULES-330, RULES-409).

use thingstead_core::topic::Quoted;

use crate::settings::Roles;

/// Why a role cannot be named by a rule of this account.
pub(crate) fn check(arn: &str, account: &str, checks: Roles) -> Result<(), String> {
    let owner = account_of(arn).ok_or_else(|| {
        format!(
            "is {}, which is no ARN of a role; one is written `arn:aws:iam::ACCOUNT:role/NAME`",
            Quoted(arn)
        )
    })?;
    if checks == Roles::OwnAccount && owner != account {
        return Err(format!(
            "is {}, a role of the account {owner}; roles of another account than {account} cannot be passed",
            Quoted(arn)
        ));
    }
    Ok(())
}

/// The account of a well-formed role ARN.
fn account_of(arn: &str) -> Option<&str> {
    let mut fields = arn.splitn(6, ':');
    let mut next = || fields.next();
    let (scheme, partition, service, region) = (next()?, next()?, next()?, next()?);
    let (account, resource) = (next()?, next()?);
    let named = resource.strip_prefix("role/").is_some_and(|name| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@_-/".contains(letter);
        !name.is_empty() && !name.ends_with('/') && name.chars().all(plain)
    });
    let well_formed = scheme == "arn"
        && (partition == "aws" || partition.starts_with("aws-"))
        && (service, region) == ("iam", "")
        && account.len() == 12
        && account.bytes().all(|digit| digit.is_ascii_digit());
    (well_formed && named).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_arns_and_may_be_bound_to_the_account() {
        // RULES-409
        let check = |arn| check(arn, "123456789012", Roles::WellFormed).is_ok();
        for arn in [
            "arn:aws:iam::123456789012:role/r",
            "arn:aws:iam::000000000000:role/service-role/my.role_1",
            "arn:aws-cn:iam::123456789012:role/r",
        ] {
            assert!(check(arn), "{arn}");
        }
        for arn in [
            "",
            "r",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:user/r",
            "arn:aws:iam::1234:role/r",
            "arn:aws:iam:us-east-1:123456789012:role/r",
            "arn:aws:sts::123456789012:role/r",
            "arn:gcp:iam::123456789012:role/r",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(!check(arn), "{arn}");
        }
        let own = |arn| super::check(arn, "123456789012", Roles::OwnAccount);
        assert!(own("arn:aws:iam::123456789012:role/r").is_ok());
        assert!(own("arn:aws:iam::000000000000:role/r").is_err_and(|why| why.contains("cannot be passed")));
    }
}
