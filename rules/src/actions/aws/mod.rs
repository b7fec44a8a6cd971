//! Calls of AWS services: one signed HTTP client for all of them.

mod call;
mod client;

pub(crate) use call::{AwsCall, JsonVersion, Service};
pub(crate) use client::{AwsClient, AwsError, sign};
