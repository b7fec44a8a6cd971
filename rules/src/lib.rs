//! Floor 3: the SQL dialect (pure), the rules engine, and the actions

pub mod sql;
