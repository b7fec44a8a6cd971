//! Floor 4: the AWS REST-JSON APIs: a gateway driven by the service model, one handler file a resource
