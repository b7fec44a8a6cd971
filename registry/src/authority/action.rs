//! The actions a device's request is judged by, and what each is judged on (section 2.1 of the policy specification).

use std::fmt;

use thingstead_core::Scope;

/// A data-plane action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// On a client identifier (POLICY-101).
    Connect,
    /// On a topic (POLICY-102).
    Publish,
    /// On the topic of the message that is delivered (POLICY-103).
    Receive,
    /// On a topic (POLICY-104).
    RetainPublish,
    /// On the filter as sent, `$share/GROUP/` included (POLICY-105, POLICY-136).
    Subscribe,
    /// On a topic (POLICY-106).
    GetRetainedMessage,
    /// On nothing: the subject is ignored (POLICY-107).
    ListRetainedMessages,
    /// On `THING` or `THING/SHADOW` (POLICY-108, POLICY-109).
    GetThingShadow,
    /// On `THING` or `THING/SHADOW`.
    UpdateThingShadow,
    /// On `THING` or `THING/SHADOW`.
    DeleteThingShadow,
    /// On a thing (POLICY-110).
    ListNamedShadowsForThing,
    /// On a thing (POLICY-111).
    DescribeJobExecution,
    /// On a thing.
    GetPendingJobExecutions,
    /// On a thing.
    StartNextPendingJobExecution,
    /// On a thing.
    UpdateJobExecution,
    /// On a role alias (POLICY-113).
    AssumeRoleWithCertificate,
    /// On the client to be disconnected (POLICY-114).
    DeleteConnection,
    /// On the client asked about (POLICY-115).
    GetConnection,
    /// On the client asked about (POLICY-116).
    ListSubscriptions,
    /// On the receiving client (POLICY-117).
    SendDirectMessage,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Connect,
        Self::Publish,
        Self::Receive,
        Self::RetainPublish,
        Self::Subscribe,
        Self::GetRetainedMessage,
        Self::ListRetainedMessages,
        Self::GetThingShadow,
        Self::UpdateThingShadow,
        Self::DeleteThingShadow,
        Self::ListNamedShadowsForThing,
        Self::DescribeJobExecution,
        Self::GetPendingJobExecutions,
        Self::StartNextPendingJobExecution,
        Self::UpdateJobExecution,
        Self::AssumeRoleWithCertificate,
        Self::DeleteConnection,
        Self::GetConnection,
        Self::ListSubscriptions,
        Self::SendDirectMessage,
    ];

    /// The action's name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "iot:Connect",
            Self::Publish => "iot:Publish",
            Self::Receive => "iot:Receive",
            Self::RetainPublish => "iot:RetainPublish",
            Self::Subscribe => "iot:Subscribe",
            Self::GetRetainedMessage => "iot:GetRetainedMessage",
            Self::ListRetainedMessages => "iot:ListRetainedMessages",
            Self::GetThingShadow => "iot:GetThingShadow",
            Self::UpdateThingShadow => "iot:UpdateThingShadow",
            Self::DeleteThingShadow => "iot:DeleteThingShadow",
            Self::ListNamedShadowsForThing => "iot:ListNamedShadowsForThing",
            Self::DescribeJobExecution => "iotjobsdata:DescribeJobExecution",
            Self::GetPendingJobExecutions => "iotjobsdata:GetPendingJobExecutions",
            Self::StartNextPendingJobExecution => "iotjobsdata:StartNextPendingJobExecution",
            Self::UpdateJobExecution => "iotjobsdata:UpdateJobExecution",
            Self::AssumeRoleWithCertificate => "iot:AssumeRoleWithCertificate",
            Self::DeleteConnection => "iot:DeleteConnection",
            Self::GetConnection => "iot:GetConnection",
            Self::ListSubscriptions => "iot:ListSubscriptions",
            Self::SendDirectMessage => "iot:SendDirectMessage",
        }
    }

    /// The type in the ARN of what the action is judged on; `None` for the resource `*`.
    pub const fn resource_type(self) -> Option<&'static str> {
        Some(match self {
            Self::Connect
            | Self::DeleteConnection
            | Self::GetConnection
            | Self::ListSubscriptions
            | Self::SendDirectMessage => "client",
            Self::Publish | Self::Receive | Self::RetainPublish | Self::GetRetainedMessage => "topic",
            Self::Subscribe => "topicfilter",
            Self::ListRetainedMessages => return None,
            Self::GetThingShadow
            | Self::UpdateThingShadow
            | Self::DeleteThingShadow
            | Self::ListNamedShadowsForThing
            | Self::DescribeJobExecution
            | Self::GetPendingJobExecutions
            | Self::StartNextPendingJobExecution
            | Self::UpdateJobExecution => "thing",
            Self::AssumeRoleWithCertificate => "rolealias",
        })
    }

    /// The request resource: the ARN of a topic, filter, client, thing …, or `*`. Names enter as they are (POLICY-133).
    pub fn resource(self, scope: &Scope, subject: &str) -> String {
        let mut resource = String::new();
        self.write_resource(scope, subject, &mut resource);
        resource
    }

    pub(super) fn write_resource(self, scope: &Scope, subject: &str, out: &mut String) {
        out.clear();
        match self.resource_type() {
            None => out.push('*'),
            Some(kind) => {
                out.extend(["arn:aws:iot:", scope.region(), ":", scope.account(), ":", kind, "/", subject]);
            }
        }
    }

    /// Whether an authenticated Cognito identity needs its IoT policies for it, next to its role (POLICY-365).
    pub(super) const fn is_checked_twice(self) -> bool {
        matches!(
            self,
            Self::Connect
                | Self::Publish
                | Self::Subscribe
                | Self::Receive
                | Self::GetThingShadow
                | Self::UpdateThingShadow
                | Self::DeleteThingShadow
        )
    }

    /// The bit of an action whose decisions are remembered: those of a connection's every packet.
    #[inline]
    pub(super) const fn remembered(self) -> Option<u8> {
        match self {
            Self::Publish => Some(1),
            Self::Receive => Some(2),
            Self::Subscribe => Some(4),
            Self::RetainPublish => Some(8),
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
