//! Floor 4: the admin API and the web console
