//! `s3`: stores the result as one object (RULES-487 ff.).

use super::aws::{AwsCall, AwsError, Service};
use super::url;
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct S3 {
    bucket: Field,
    key: Field,
    canned_acl: Option<&'static str>,
}

impl S3 {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        Ok(Self {
            bucket: members.field("bucketName")?,
            key: members.field("key")?,
            canned_acl: members.one_of("cannedAcl", CANNED_ACLS)?,
        })
    }
}

impl Prepare for S3 {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let bucket = context.fill_required("bucketName", &self.bucket)?;
        let key = context.fill_required("key", &self.key)?;
        let path = format!("/{}/{}", url::encode(&bucket), url::encode_path(&key));
        let mut call = AwsCall::rest(&S3_SERVICE, "PutObject", "PUT", path, context.payload().clone());
        if let Some(acl) = self.canned_acl {
            call = call.header("x-amz-acl", acl);
        }
        Ok(Prepared {
            resources: vec![("Bucket", bucket.clone()), ("Key", key)],
            resource: bucket,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

/// Reads an object; for `decode(…, 'proto', …)`.
pub(crate) fn get_object(bucket: &str, key: &str) -> AwsCall {
    let path = format!("/{}/{}", url::encode(bucket), url::encode_path(key));
    AwsCall::rest(&S3_SERVICE, "GetObject", "GET", path, bytes::Bytes::new())
}

/// As AWS words it (RULES-492).
fn explain(error: &AwsError) -> String {
    format!("Failed to put S3 object. The error received was {error}")
}

const CANNED_ACLS: &[&str] = &[
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "log-delivery-write",
];

static S3_SERVICE: Service = Service { id: "S3", signing: "s3", host: "s3" };
