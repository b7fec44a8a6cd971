//! Fleet indexing: what is indexed, search, aggregations (api.md 4.15 to 4.17).
//!
//! There is no index to build or to wait for: a query is judged on the resources as they are.

mod aggregate;
mod configuration;
mod documents;
mod fleet;
mod query;
mod search;

pub use aggregate::{Bucket, Buckets, Numbers, Percentile, Statistics};
pub use configuration::{
    DescribedIndex, FieldType, IndexField, IndexingConfiguration, ThingGroupIndexing, ThingIndexing,
    ThingIndexingMode,
};
pub use documents::{ThingDocument, ThingGroupDocument};
pub use fleet::{Connectivity, FleetSource};
pub use search::{FoundDocuments, SearchQuery};

pub(crate) use configuration::INDEXING;
pub(crate) use search::{DynamicQuery, dynamic_members};
