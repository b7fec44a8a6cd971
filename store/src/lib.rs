//! Floor 1: the embedded database: ordered tables, group-committed batches, snapshots
