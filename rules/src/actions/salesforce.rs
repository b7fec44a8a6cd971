//! `salesforce`: posts the result to an input stream (RULES-567).
//!
//! The URLs it may name are all outside this machine: it goes where `AWS_ENDPOINT_URL_SALESFORCE` says, and is only
//! recorded without it.

use std::sync::LazyLock;

use regex::Regex;

use super::aws::{AwsCall, AwsError, Service};
use super::url;
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Salesforce {
    token: Field,
    url: String,
}

impl Salesforce {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        let url = members.plain("url")?;
        if !URL.as_ref().is_some_and(|pattern| pattern.is_match(url)) {
            return Err(RulesError::invalid(format!(
                "`{}` is `{url}`; expected is https://ingestion-ID.ENVIRONMENT.sfdcnow.com/streams/ID/ID/event",
                members.at("url")
            )));
        }
        let token = members.field("token")?;
        if token.text().chars().count() < MIN_TOKEN {
            return Err(RulesError::invalid(format!(
                "`{}` has fewer than {MIN_TOKEN} characters",
                members.at("token")
            )));
        }
        Ok(Self { token, url: url.to_owned() })
    }
}

impl Prepare for Salesforce {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let token = context.fill_required("token", &self.token)?;
        context.check_json()?;
        let (authority, path, _) = url::split(&self.url);
        let call =
            AwsCall::rest(&SALESFORCE, "PostEvent", "POST", path.to_owned(), context.payload().clone())
                .header("content-type", "application/json")
                .unsigned()
                .out_of_reach(format!("https://{authority}"))
                .header("authorization", format!("Bearer {token}"));
        Ok(Prepared {
            resources: vec![("Url", self.url.clone())],
            resource: self.url.clone(),
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to send event to Salesforce. The error received was {error}")
}

/// Characters of a token.
const MIN_TOKEN: usize = 40;

/// The API model's pattern.
static URL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"^https://ingestion-[a-zA-Z0-9]{1,12}\.[a-zA-Z0-9]+\.((sfdc-matrix\.net)|(sfdcnow\.com))/streams/\w{1,20}/\w{1,20}/event$";
    Regex::new(pattern).ok()
});

static SALESFORCE: Service = Service { id: "SALESFORCE", signing: "", host: "" };
