//! What the binary decides about rules: where actions go and what is allowed.

use std::collections::HashMap;

use rustls::pki_types::CertificateDer;
use thingstead_core::sigv4::{Credentials, Secret};
use thingstead_core::{Arn, Limits};

/// Settings of the rules engine.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Sizes and counts as AWS has them, or lifted.
    pub limits: Limits,
    /// Rules evaluated per second in one account and Region; more is dropped (RULES-436). Unlimited when absent (RULES-443).
    pub evaluations_per_second: Option<u32>,
    /// Which URLs an `http` action may name.
    pub http_action_urls: HttpActionUrls,
    /// How `http` destinations become ENABLED.
    pub http_destinations: HttpDestinations,
    /// What is asked of the roles that rules name.
    pub roles: Roles,
    /// Where AWS actions and functions go, and with which credentials.
    pub aws: AwsSettings,
    /// Trusted next to the public CAs for outgoing TLS (RULES-465).
    pub trust_ca: Vec<CertificateDer<'static>>,
    /// Where this server's API is reached, such as `http://localhost:4566`; the `enableUrl` of confirmations starts with
    /// it. `https://iot.REGION.amazonaws.com` when absent (RULES-451).
    pub api_url: Option<String>,
}

impl Settings {
    /// `evaluations_per_second` of AWS in most Regions, for the setting `throttles = aws`.
    pub const AWS_EVALUATIONS_PER_SECOND: u32 = 20_000;
}

/// The setting `http_action_urls`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpActionUrls {
    /// Plain http and any port, what local development needs.
    #[default]
    Any,
    /// https on 443 and 8443 only (RULES-437, RULES-522).
    Aws,
}

/// How an `http` destination is confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpDestinations {
    /// The receiver must answer the confirmation, as on AWS (RULES-453).
    #[default]
    Confirmed,
    /// Enabled at once, for receivers that know nothing of confirmations (API-209).
    Automatic,
}

/// What is asked of a `roleArn`. Roles are never assumed, whatever is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Roles {
    /// That it is the ARN of a role: rules copied from elsewhere run.
    #[default]
    WellFormed,
    /// That it is a role of the rule's account as well (RULES-409); for servers where accounts mean something.
    OwnAccount,
}

/// Where calls of AWS services go. Without an endpoint nothing leaves the machine: the call is recorded as a delivery.
#[derive(Clone, Default)]
pub struct AwsSettings {
    /// `AWS_ENDPOINT_URL`: for every service without an entry of its own.
    pub endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_<SERVICE>` by the upper-case service id, such as `SQS` or `CLOUDWATCH_LOGS`.
    pub endpoints: HashMap<String, String>,
    /// Plain HTTP functions that stand for Lambda functions: URLs by function ARN or name. The event is posted as the body, the
    /// answer's body is the function's.
    pub functions: HashMap<String, String>,
    /// Signs the calls; `test`/`test`, what local emulators accept, when absent.
    pub credentials: Option<Credentials>,
}

impl AwsSettings {
    /// Reads the usual variables from an environment that the caller hands in as name and value.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut settings = Self::default();
        let (mut key, mut secret, mut token) = (None, None, None);
        for (name, value) in variables {
            if value.is_empty() {
                continue;
            }
            match name.as_str() {
                "AWS_ENDPOINT_URL" => settings.endpoint = Some(value),
                "AWS_ACCESS_KEY_ID" => key = Some(value),
                "AWS_SECRET_ACCESS_KEY" => secret = Some(value),
                "AWS_SESSION_TOKEN" => token = Some(value),
                _ => {
                    if let Some(service) = name.strip_prefix("AWS_ENDPOINT_URL_") {
                        settings.endpoints.insert(service.to_owned(), value);
                    }
                }
            }
        }
        if let (Some(access_key), Some(secret)) = (key, secret) {
            settings.credentials =
                Some(Credentials { access_key, secret: Secret::new(secret), session_token: token });
        }
        settings
    }

    /// The endpoint of a service, by its upper-case id; without a trailing slash.
    pub fn endpoint_of(&self, service: &str) -> Option<&str> {
        let endpoint = self.endpoints.get(service).or(self.endpoint.as_ref())?;
        Some(endpoint.trim_end_matches('/'))
    }

    /// The URL of the plain function that stands for a Lambda function, which is named by its ARN, with or without a version or
    /// alias, or by its name.
    pub fn function_url(&self, function: &str) -> Option<&str> {
        let arn = Arn::parse(function);
        let resource = arn.as_ref().and_then(|arn| arn.resource.strip_prefix("function:"));
        let qualified = resource.unwrap_or(function);
        let name = qualified.split(':').next().unwrap_or(qualified);
        let unqualified = function.strip_suffix(qualified).map(|prefix| format!("{prefix}{name}"));
        let names = [Some(function), unqualified.as_deref(), Some(qualified), Some(name)];
        names.into_iter().flatten().find_map(|name| self.functions.get(name)).map(String::as_str)
    }

    /// The key that signs.
    pub fn credentials(&self) -> Credentials {
        self.credentials.clone().unwrap_or_else(|| Credentials {
            access_key: "test".to_owned(),
            secret: Secret::new("test"),
            session_token: None,
        })
    }
}

/// Secrets stay out of logs.
impl std::fmt::Debug for AwsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsSettings")
            .field("endpoint", &self.endpoint)
            .field("endpoints", &self.endpoints)
            .field("functions", &self.functions)
            .field("access_key_id", &self.credentials.as_ref().map(|key| &key.access_key))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_its_own_endpoint_goes_before_the_common_one_and_secrets_are_not_printed() {
        let settings = AwsSettings::from_variables(
            [
                ("AWS_ENDPOINT_URL", "http://localhost:4567/"),
                ("AWS_ENDPOINT_URL_SQS", "http://localhost:9324"),
                ("AWS_ACCESS_KEY_ID", "AKID"),
                ("AWS_SECRET_ACCESS_KEY", "hush"),
                ("AWS_ENDPOINT_URL_S3", ""),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(settings.endpoint_of("SQS"), Some("http://localhost:9324"));
        assert_eq!(settings.endpoint_of("S3"), Some("http://localhost:4567"));
        assert_eq!(settings.credentials().access_key, "AKID");
        assert!(!format!("{settings:?} {:?}", settings.credentials()).contains("hush"));
        assert_eq!(AwsSettings::default().endpoint_of("S3"), None);
    }

    #[test]
    fn a_plain_function_is_found_by_arn_and_by_name() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:gate";
        for key in [arn, "gate"] {
            let functions = HashMap::from([(key.to_owned(), "http://localhost:9000/".to_owned())]);
            let settings = AwsSettings { functions, ..AwsSettings::default() };
            assert_eq!(settings.function_url(arn), Some("http://localhost:9000/"));
            assert_eq!(settings.function_url(&format!("{arn}:7")), Some("http://localhost:9000/"));
            assert_eq!(settings.function_url("other"), None);
        }
        let live = HashMap::from([("gate:live".to_owned(), "http://localhost:9001/".to_owned())]);
        let settings = AwsSettings { functions: live, ..AwsSettings::default() };
        assert_eq!(settings.function_url(&format!("{arn}:live")), Some("http://localhost:9001/"));
        assert_eq!(settings.function_url(arn), None);
    }
}
