//! `sns`: publishes the result to a topic or endpoint (RULES-496, RULES-497).

use super::aws::{AwsCall, AwsError, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Sns {
    target: Field,
    json_structure: bool,
}

impl Sns {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let target = members.field("targetArn")?;
        if target.text().ends_with(".fifo") {
            return Err(RulesError::invalid(format!(
                "`{}` is `{}`; FIFO topics are not supported",
                members.at("targetArn"),
                target.text()
            )));
        }
        let format = members.one_of("messageFormat", &["RAW", "JSON"])?;
        Ok(Self { target, json_structure: format == Some("JSON") })
    }
}

impl Prepare for Sns {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let target = context.fill_required("targetArn", &self.target)?;
        let message = std::str::from_utf8(context.payload())
            .map_err(|_| Unready::Failed("the result is no text, which SNS needs".to_owned()))?;
        let mut parameters = vec![("TargetArn", target.as_str()), ("Message", message)];
        if self.json_structure {
            parameters.push(("MessageStructure", "json"));
        }
        let call = AwsCall::query(&SNS, "Publish", "2010-03-31", &parameters);
        Ok(Prepared {
            resources: vec![("TargetArn", target.clone())],
            resource: target,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to publish message to SNS. The error received was {error}")
}

static SNS: Service = Service { id: "SNS", signing: "sns", host: "sns" };
