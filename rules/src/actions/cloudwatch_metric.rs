//! `cloudwatchMetric`: one value of a metric; the result is not sent (RULES-538, RULES-539).

use super::aws::{AwsCall, AwsError};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct CloudwatchMetric {
    namespace: Field,
    name: Field,
    value: Field,
    unit: Field,
    timestamp: Option<Field>,
}

impl CloudwatchMetric {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        Ok(Self {
            namespace: members.field("metricNamespace")?,
            name: members.field("metricName")?,
            value: members.field("metricValue")?,
            unit: members.field("metricUnit")?,
            timestamp: members.optional_field("metricTimestamp")?,
        })
    }
}

impl Prepare for CloudwatchMetric {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let namespace = context.fill_required("metricNamespace", &self.namespace)?;
        let name = context.fill_required("metricName", &self.name)?;
        let value = context.fill_required("metricValue", &self.value)?;
        let unit = context.fill_required("metricUnit", &self.unit)?;
        if !value.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(Unready::Failed(format!("`metricValue` is `{value}`, which is no number")));
        }
        let seconds = match context.fill_optional(&self.timestamp)? {
            Some(text) => text.parse::<i64>().map_err(|_| {
                Unready::Failed(format!("`metricTimestamp` is `{text}`, which is no whole number of seconds"))
            })?,
            None => context.now().as_secs(),
        };
        let at = jiff::Timestamp::from_second(seconds).map(|at| at.to_string()).map_err(|_| {
            Unready::Failed(format!("`metricTimestamp` is `{seconds}`, which lies outside the calendar"))
        })?;
        let call = AwsCall::query(
            &super::cloudwatch_alarm::CLOUDWATCH,
            "PutMetricData",
            "2010-08-01",
            &[
                ("Namespace", namespace.as_str()),
                ("MetricData.member.1.MetricName", &name),
                ("MetricData.member.1.Value", &value),
                ("MetricData.member.1.Unit", &unit),
                ("MetricData.member.1.Timestamp", &at),
            ],
        );
        Ok(Prepared {
            resources: vec![("MetricNamespace", namespace), ("MetricName", name.clone())],
            resource: name,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn explain(error: &AwsError) -> String {
    format!("Failed to put CloudWatch metric. The error received was {error}")
}
