//! What happened, and why: the one account of it. `explain`, `why`, service logs, metrics, presence in the console and
//! the test API all read the same events.

mod cause;
mod event;
mod query;
mod record;
mod ring;

pub use cause::{Cause, Protocol, Tally};
pub use event::{Detail, Event, Kind};
pub use query::{NearMiss, Path, Query, QueryError};
pub use record::{KeptTale, Record, Tale};
pub use ring::{Capacity, Journal};
