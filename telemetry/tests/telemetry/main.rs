//! Service logs from outside: options of a real registry, events of a journal that tests write.

#[cfg(test)]
mod service_log;
