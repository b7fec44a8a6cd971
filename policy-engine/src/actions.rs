//! The actions a device's requests are judged by (section 2.1).

/// An action and the type in the ARN of what it is judged on; `None` for the resource `*` (POLICY-107).
pub type JudgedAction = (&'static str, Option<&'static str>);

/// All actions of the data plane.
pub const JUDGED_ACTIONS: &[JudgedAction] = &[
    ("iot:Connect", Some("client")),
    ("iot:Publish", Some("topic")),
    ("iot:Receive", Some("topic")),
    ("iot:RetainPublish", Some("topic")),
    ("iot:Subscribe", Some("topicfilter")),
    ("iot:GetRetainedMessage", Some("topic")),
    ("iot:ListRetainedMessages", None),
    ("iot:GetThingShadow", Some("thing")),
    ("iot:UpdateThingShadow", Some("thing")),
    ("iot:DeleteThingShadow", Some("thing")),
    ("iot:ListNamedShadowsForThing", Some("thing")),
    ("iotjobsdata:DescribeJobExecution", Some("thing")),
    ("iotjobsdata:GetPendingJobExecutions", Some("thing")),
    ("iotjobsdata:StartNextPendingJobExecution", Some("thing")),
    ("iotjobsdata:UpdateJobExecution", Some("thing")),
    ("iot:AssumeRoleWithCertificate", Some("rolealias")),
    ("iot:DeleteConnection", Some("client")),
    ("iot:GetConnection", Some("client")),
    ("iot:ListSubscriptions", Some("client")),
    ("iot:SendDirectMessage", Some("client")),
];
