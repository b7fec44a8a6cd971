//! `location`: the position of a device; the result is not sent (RULES-553 to RULES-555).

use serde_json::json;

use super::aws::{AwsCall, AwsError, Service};
use super::url;
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Location {
    tracker: Field,
    device: Field,
    latitude: Field,
    longitude: Field,
    timestamp: Option<(Field, Option<Field>)>,
}

impl Location {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        // The guide's example calls it sampleTime; the API model does not.
        let timestamp = match members.object("timestamp")?.or(members.object("sampleTime")?) {
            Some(timestamp) => {
                let unit = timestamp.optional_field("unit")?;
                if let Some(plain) = unit.as_ref().and_then(Field::plain) {
                    nanos_per(plain)
                        .map_err(|why| RulesError::invalid(format!("`{}` {why}", timestamp.at("unit"))))?;
                }
                Some((timestamp.field("value")?, unit))
            }
            None => None,
        };
        Ok(Self {
            tracker: members.field("trackerName")?,
            device: members.field("deviceId")?,
            latitude: members.field("latitude")?,
            longitude: members.field("longitude")?,
            timestamp,
        })
    }

    fn sample_time(&self, context: &Context<'_>) -> Result<String, Unready> {
        let nanos = match &self.timestamp {
            None => i128::from(context.now().as_millis()) * 1_000_000,
            Some((value, unit)) => {
                let value = context.fill_required("timestamp.value", value)?;
                let unit = context.fill_optional(unit)?.unwrap_or_else(|| "MILLISECONDS".to_owned());
                let per =
                    nanos_per(&unit).map_err(|why| Unready::Failed(format!("`timestamp.unit` {why}")))?;
                let value: i64 = value.parse().map_err(|_| {
                    Unready::Failed(format!("`timestamp.value` is `{value}`, which is no whole number"))
                })?;
                i128::from(value).saturating_mul(per)
            }
        };
        let time = jiff::Timestamp::from_nanosecond(nanos)
            .map_err(|_| Unready::Failed("`timestamp.value` lies outside the calendar".to_owned()))?;
        Ok(format!("{time:.3}"))
    }
}

impl Prepare for Location {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let tracker = context.fill_required("trackerName", &self.tracker)?;
        let device = context.fill_required("deviceId", &self.device)?;
        let degrees = |name: &str, field: &Field, bound: f64| {
            let text = context.fill_required(name, field)?;
            match text.parse::<f64>() {
                Ok(degrees) if degrees.abs() <= bound => Ok(degrees),
                _ => Err(Unready::Failed(format!(
                    "`{name}` is `{text}`, which is no number from -{bound} to {bound}"
                ))),
            }
        };
        let latitude = degrees("latitude", &self.latitude, 90.0)?;
        let longitude = degrees("longitude", &self.longitude, 180.0)?;
        let body = json!({"Updates": [{
            "DeviceId": device,
            "Position": [longitude, latitude],
            "SampleTime": self.sample_time(context)?,
        }]});
        let path = format!("/tracking/v0/trackers/{}/positions", url::encode(&tracker));
        let call =
            AwsCall::rest(&LOCATION, "BatchUpdateDevicePosition", "POST", path, body.to_string().into())
                .header("content-type", "application/json")
                .refused_in("/Errors");
        Ok(Prepared {
            resources: vec![("TrackerName", tracker.clone()), ("DeviceId", device)],
            resource: tracker,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn nanos_per(unit: &str) -> Result<i128, String> {
    Ok(match unit {
        "SECONDS" => 1_000_000_000,
        "MILLISECONDS" => 1_000_000,
        "MICROSECONDS" => 1_000,
        "NANOSECONDS" => 1,
        _ => {
            return Err(format!(
                "is `{unit}`; allowed are `SECONDS`, `MILLISECONDS`, `MICROSECONDS`, `NANOSECONDS`"
            ));
        }
    })
}

fn explain(error: &AwsError) -> String {
    format!("Failed to update the device position. The error received was {error}")
}

static LOCATION: Service = Service { id: "LOCATION", signing: "geo", host: "tracking.geo" };
