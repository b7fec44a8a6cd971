//! Functions that look outward, as data: what to ask, and what was answered (section 5.6).

use std::fmt;

use bytes::Bytes;

use super::value::Value;

/// Something to ask of another service. Two equal calls of one run are asked once.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `aws_lambda(arn, json)`: synchronous, within 2000 ms (RULES-290). Answer: the function's JSON.
    InvokeLambda {
        /// The function's ARN or name.
        function_arn: String,
        /// The event, as JSON.
        payload: String,
    },
    /// `get_dynamodb(…)` (RULES-292). Answer: the item as plain JSON, or JSON null when there is none.
    GetItem {
        /// The table.
        table: String,
        /// Name and value of the partition key; a String, Int or Decimal.
        partition_key: (String, Value),
        /// Name and value of the sort key.
        sort_key: Option<(String, Value)>,
        /// Who asks.
        role_arn: String,
    },
    /// `get_secret(…)` (RULES-295). Answer: text for `SecretString`, bytes for `SecretBinary`. The current version; may be
    /// cached for 15 minutes (RULES-298).
    GetSecret {
        /// Name or ARN.
        secret_id: String,
        /// `SecretBinary` instead of `SecretString`.
        binary: bool,
        /// Who asks.
        role_arn: String,
    },
    /// `get_thing_shadow(…)` (RULES-299). Answer: the shadow document.
    GetThingShadow {
        /// The thing.
        thing: String,
        /// `None` for the unnamed shadow.
        shadow: Option<String>,
        /// Who asks.
        role_arn: String,
    },
    /// `get_registry_data('DescribeThing', …)` (RULES-300). Answer: that API's response.
    DescribeThing {
        /// The thing.
        thing: String,
        /// Who asks.
        role_arn: String,
    },
    /// `get_registry_data('ListThingGroupsForThing', …)` (RULES-300). Answer: that API's response.
    ListThingGroupsForThing {
        /// The thing.
        thing: String,
        /// Who asks.
        role_arn: String,
    },
    /// `machinelearning_predict(…)` (RULES-301). Answer: the `Prediction` object.
    Predict {
        /// The model.
        model_id: String,
        /// Who asks.
        role_arn: String,
        /// Name and text of each attribute.
        record: Vec<(String, String)>,
    },
    /// The descriptor set of `decode(…, 'proto', …)` (RULES-258). Answer: bytes. May be cached for 15 minutes (RULES-263).
    ReadDescriptorSet {
        /// The S3 bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
}

impl Call {
    /// The SQL function that asks.
    pub const fn function(&self) -> &'static str {
        match self {
            Self::InvokeLambda { .. } => "aws_lambda",
            Self::GetItem { .. } => "get_dynamodb",
            Self::GetSecret { .. } => "get_secret",
            Self::GetThingShadow { .. } => "get_thing_shadow",
            Self::DescribeThing { .. } | Self::ListThingGroupsForThing { .. } => "get_registry_data",
            Self::Predict { .. } => "machinelearning_predict",
            Self::ReadDescriptorSet { .. } => "decode",
        }
    }

    /// Whom it asks, for messages and logs.
    pub fn target(&self) -> String {
        match self {
            Self::InvokeLambda { function_arn, .. } => function_arn.clone(),
            Self::GetItem { table, .. } => table.clone(),
            Self::GetSecret { secret_id, .. } => secret_id.clone(),
            Self::GetThingShadow { thing, shadow: Some(shadow), .. } => format!("{thing}/{shadow}"),
            Self::GetThingShadow { thing, .. }
            | Self::DescribeThing { thing, .. }
            | Self::ListThingGroupsForThing { thing, .. } => thing.clone(),
            Self::Predict { model_id, .. } => model_id.clone(),
            Self::ReadDescriptorSet { bucket, key } => format!("{bucket}/{key}"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}`", self.function(), self.target())
    }
}

/// What a [`Call`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A JSON document.
    Json(Bytes),
    /// Text as it is, such as a secret.
    Text(String),
    /// Bytes, such as a binary secret or a descriptor set.
    Bytes(Bytes),
    /// It failed, and why; one sentence (RULES-302).
    Failed(String),
}

/// The answers given so far in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(Vec<(Call, Answer)>);

impl Answers {
    /// No answers: what the first evaluation starts with.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds the answer to a call, replacing an earlier one.
    pub fn insert(&mut self, call: Call, answer: Answer) {
        match self.0.iter_mut().find(|(known, _)| *known == call) {
            Some((_, old)) => *old = answer,
            None => self.0.push((call, answer)),
        }
    }

    /// The answer to a call, if it was given.
    pub fn get(&self, call: &Call) -> Option<&Answer> {
        self.0.iter().find(|(known, _)| known == call).map(|(_, answer)| answer)
    }

    /// Every call with its answer.
    pub fn iter(&self) -> impl Iterator<Item = (&Call, &Answer)> {
        self.0.iter().map(|(call, answer)| (call, answer))
    }
}
