//! One call of one operation, before it is signed.

use bytes::Bytes;
use serde_json::Value;

use crate::actions::url;
use crate::deliveries::SentRequest;
use crate::settings::AwsSettings;

/// How a service is named in settings, signatures and host names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// The upper-case service id of `AWS_ENDPOINT_URL_<SERVICE>`.
    pub(crate) id: &'static str,
    /// The signing name.
    pub(crate) signing: &'static str,
    /// The first label of its AWS host.
    pub(crate) host: &'static str,
}

/// A request to a service's operation.
#[derive(Clone, Debug)]
pub(crate) struct AwsCall {
    pub(crate) service: &'static Service,
    /// Such as `PutObject`, for people.
    pub(crate) operation: &'static str,
    pub(crate) method: &'static str,
    /// Percent-encoded, with a leading slash, with the query if there is one.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Error codes that count as success, such as a log stream that exists.
    pub(crate) tolerated: &'static [&'static str],
    /// The endpoint that the rule itself names; used when none is configured and it is no AWS host.
    pub(crate) named_endpoint: Option<String>,
    /// Whether the named endpoint may be called.
    reaches_named: bool,
    /// A JSON pointer to what the service refused in an answer of status 200; nothing, zero or an empty list is success.
    pub(crate) refusals: Option<&'static str>,
    /// Whether it is signed.
    pub(crate) signed: bool,
    /// The Lambda function that it invokes, which may be a plain HTTP function here.
    pub(crate) function: Option<String>,
}

/// Where a call goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: String,
    /// `false`: the AWS host, which is never called.
    pub(crate) reachable: bool,
}

impl AwsCall {
    /// The JSON protocols: everything in the body, the operation in `x-amz-target`.
    pub(crate) fn json(
        service: &'static Service,
        target: &'static str,
        version: JsonVersion,
        body: &Value,
    ) -> Self {
        let operation = target.rsplit('.').next().unwrap_or(target);
        Self {
            service,
            operation,
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                ("content-type".to_owned(), version.content_type().to_owned()),
                ("x-amz-target".to_owned(), target.to_owned()),
            ],
            body: body.to_string().into(),
            tolerated: &[],
            named_endpoint: None,
            reaches_named: true,
            refusals: None,
            signed: true,
            function: None,
        }
    }

    /// The query protocol: a form with `Action` and `Version`.
    pub(crate) fn query(
        service: &'static Service,
        operation: &'static str,
        version: &'static str,
        parameters: &[(&str, &str)],
    ) -> Self {
        let mut form = format!("Action={operation}&Version={version}");
        for (name, value) in parameters {
            form.push_str(&format!("&{}={}", url::encode(name), url::encode(value)));
        }
        Self {
            service,
            operation,
            method: "POST",
            path: "/".to_owned(),
            headers: vec![(
                "content-type".to_owned(),
                "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
            )],
            body: form.into(),
            tolerated: &[],
            named_endpoint: None,
            reaches_named: true,
            refusals: None,
            signed: true,
            function: None,
        }
    }

    /// The REST protocols: method, path and body of the operation's own.
    pub(crate) fn rest(
        service: &'static Service,
        operation: &'static str,
        method: &'static str,
        path: String,
        body: Bytes,
    ) -> Self {
        Self {
            service,
            operation,
            method,
            path,
            headers: Vec::new(),
            body,
            tolerated: &[],
            named_endpoint: None,
            reaches_named: true,
            refusals: None,
            signed: true,
            function: None,
        }
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With errors that count as success.
    pub(crate) fn tolerating(mut self, codes: &'static [&'static str]) -> Self {
        self.tolerated = codes;
        self
    }

    /// With the endpoint that the rule names.
    pub(crate) fn at(mut self, endpoint: impl Into<String>) -> Self {
        self.named_endpoint = Some(endpoint.into());
        self
    }

    /// With the endpoint that the rule names, which a local server does not call.
    pub(crate) fn out_of_reach(mut self, endpoint: impl Into<String>) -> Self {
        self.named_endpoint = Some(endpoint.into());
        self.reaches_named = false;
        self
    }

    /// With the place of refusals in an answer of status 200.
    pub(crate) fn refused_in(mut self, pointer: &'static str) -> Self {
        self.refusals = Some(pointer);
        self
    }

    /// Without a signature.
    pub(crate) fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    /// As an invocation of a Lambda function.
    pub(crate) fn invoking(mut self, function: &str) -> Self {
        self.function = Some(function.to_owned());
        self
    }

    /// The plain HTTP function, else the configured endpoint, else the one the rule names, else the AWS host, which is out of reach.
    pub(crate) fn target(&self, settings: &AwsSettings, region: &str) -> Target {
        if let Some(url) = self.plain_function(settings) {
            return Target { url: url.to_owned(), reachable: true };
        }
        if let Some(endpoint) = settings.endpoint_of(self.service.id) {
            return Target { url: format!("{endpoint}{}", self.path), reachable: true };
        }
        match &self.named_endpoint {
            Some(endpoint) => Target {
                url: format!("{}{}", endpoint.trim_end_matches('/'), self.path),
                reachable: self.reaches_named && !url::is_aws_host(endpoint),
            },
            None => Target {
                url: format!("https://{}.{region}.amazonaws.com{}", self.service.host, self.path),
                reachable: false,
            },
        }
    }
}

impl AwsCall {
    /// The request as the deliveries log shows it: without credentials.
    pub(crate) fn shown(&self, url: String) -> SentRequest {
        let is_secret = |name: &str| name.eq_ignore_ascii_case("authorization");
        SentRequest {
            operation: format!("{}.{}", self.service.id, self.operation),
            method: self.method.to_owned(),
            url,
            headers: self.headers.iter().filter(|(name, _)| !is_secret(name)).cloned().collect(),
            body: self.body.clone(),
        }
    }

    /// The URL of the plain HTTP function that it invokes.
    pub(crate) fn plain_function<'s>(&self, settings: &'s AwsSettings) -> Option<&'s str> {
        settings.function_url(self.function.as_deref()?)
    }
}

/// Which JSON protocol a service speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum JsonVersion {
    V1_0,
    V1_1,
}

impl JsonVersion {
    const fn content_type(self) -> &'static str {
        match self {
            Self::V1_0 => "application/x-amz-json-1.0",
            Self::V1_1 => "application/x-amz-json-1.1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQS: Service = Service { id: "SQS", signing: "sqs", host: "sqs" };

    #[test]
    fn a_call_goes_to_the_configured_endpoint_or_nowhere() {
        static S: Service = SQS;
        let call = AwsCall::query(&S, "SendMessage", "2012-11-05", &[("A b", "c&d")]);
        assert_eq!(&call.body[..], b"Action=SendMessage&Version=2012-11-05&A%20b=c%26d");
        let unset = AwsSettings::default();
        let aws = call.target(&unset, "eu-west-1");
        assert_eq!(aws, Target { url: "https://sqs.eu-west-1.amazonaws.com/".to_owned(), reachable: false });
        let set = AwsSettings { endpoint: Some("http://localhost:5000/".to_owned()), ..unset.clone() };
        assert_eq!(call.target(&set, "eu-west-1").url, "http://localhost:5000/");
        let named = call.clone().at("http://localhost:9324");
        assert_eq!(
            named.target(&unset, "r"),
            Target { url: "http://localhost:9324/".to_owned(), reachable: true }
        );
        assert!(!call.at("https://sqs.eu-west-1.amazonaws.com").target(&unset, "r").reachable);
    }
}
