//! The names of the actions.

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $failed:literal;)*) => {
        /// A kind of action.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ActionKind { $($(#[$doc])* $variant,)* }

        impl ActionKind {
            /// All of the API model and `influxDB`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The member of `Action` in the API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// `failedAction` of the error action (RULES-397).
            pub const fn failed_action(self) -> &'static str {
                match self { $(Self::$variant => $failed,)* }
            }

            /// The action with that member name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    /// To another topic.
    Republish = "republish", "RepublishAction";
    /// To a URL.
    Http = "http", "HttpAction";
    /// AWS Lambda.
    Lambda = "lambda", "LambdaAction";
    /// Amazon SQS.
    Sqs = "sqs", "SqsAction";
    /// Amazon SNS.
    Sns = "sns", "SnsAction";
    /// Amazon Kinesis Data Streams.
    Kinesis = "kinesis", "KinesisAction";
    /// Amazon Data Firehose.
    Firehose = "firehose", "FirehoseAction";
    /// One column of a DynamoDB table.
    DynamoDb = "dynamoDB", "DynamoAction";
    /// A column of a DynamoDB table per member.
    DynamoDbV2 = "dynamoDBv2", "DynamoDBv2Action";
    /// Amazon S3.
    S3 = "s3", "S3Action";
    /// A CloudWatch metric.
    CloudwatchMetric = "cloudwatchMetric", "CloudwatchMetricAction";
    /// A CloudWatch alarm's state.
    CloudwatchAlarm = "cloudwatchAlarm", "CloudwatchAlarmAction";
    /// CloudWatch Logs.
    CloudwatchLogs = "cloudwatchLogs", "CloudwatchLogsAction";
    /// AWS Step Functions.
    StepFunctions = "stepFunctions", "StepFunctionsAction";
    /// Amazon Timestream.
    Timestream = "timestream", "TimestreamAction";
    /// AWS IoT Events.
    IotEvents = "iotEvents", "IotEventsAction";
    /// AWS IoT Analytics.
    IotAnalytics = "iotAnalytics", "IotAnalyticsAction";
    /// AWS IoT SiteWise.
    IotSiteWise = "iotSiteWise", "IotSiteWiseAction";
    /// Amazon OpenSearch Service, by its former name.
    Elasticsearch = "elasticsearch", "ElasticsearchAction";
    /// Amazon OpenSearch Service.
    OpenSearch = "openSearch", "OpenSearchAction";
    /// Amazon Location trackers.
    Location = "location", "LocationAction";
    /// Apache Kafka.
    Kafka = "kafka", "KafkaAction";
    /// InfluxDB.
    InfluxDb = "influxDB", "InfluxDBAction";
    /// Salesforce IoT.
    Salesforce = "salesforce", "SalesforceAction";
}

impl std::fmt::Display for ActionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
