//! Fleet indexing: what is indexed, search, aggregations (api.md 4.15 to 4.17).
//!
//! There is no index to wait for: a query sees every change that was answered before it was asked.

mod aggregate;
mod configuration;
mod documents;
mod fleet;
mod following;
mod index;
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
pub(crate) use following::{Following, Unsettled};
pub(crate) use index::Parts;
pub(crate) use search::DynamicQuery;
