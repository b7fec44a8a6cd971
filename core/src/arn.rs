//! Amazon Resource Names.

use std::fmt;

use crate::Scope;

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws` for everything this server makes.
    pub partition: String,
    /// Such as `iot`.
    pub service: String,
    /// May be empty for global services.
    pub region: String,
    /// May be empty for some services.
    pub account: String,
    /// All that follows the fifth colon, colons included.
    pub resource: String,
}

impl Arn {
    /// The ARN of an `iot` resource in a scope; `resource` such as `thing/lamp-1`.
    pub fn iot(scope: &Scope, resource: impl Into<String>) -> Self {
        Self {
            partition: "aws".to_owned(),
            service: "iot".to_owned(),
            region: scope.region().to_owned(),
            account: scope.account().to_owned(),
            resource: resource.into(),
        }
    }

    /// Takes an ARN apart; `None` when there are not six parts or the first is not `arn`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next() != Some("arn") {
            return None;
        }
        let mut next = || parts.next().map(str::to_owned);
        Some(Self {
            partition: next()?,
            service: next()?,
            region: next()?,
            account: next()?,
            resource: next()?,
        })
    }

    /// The part of the resource after its type: `lamp-1` of `thing/lamp-1`, when the type is `kind`.
    pub fn resource_of(&self, kind: &str) -> Option<&str> {
        self.resource.strip_prefix(kind)?.strip_prefix('/')
    }

    /// The scope that owns the resource.
    pub fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_prints_as_it_was_parsed_colons_in_the_resource_included() {
        for text in
            ["arn:aws:iot:us-east-1:123456789012:topic/a/b:c", "arn:aws:s3:::bucket", "arn:aws:iam::1:role/x"]
        {
            assert_eq!(Arn::parse(text).expect(text).to_string(), text);
        }
        for text in ["", "arn:aws:iot", "urn:aws:iot:r:a:x"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
        let arn = Arn::iot(&Scope::new("123456789012", "eu-west-1"), "thing/lamp-1");
        assert_eq!(arn.resource_of("thing"), Some("lamp-1"));
        assert_eq!(arn.resource_of("thin"), None);
    }
}
