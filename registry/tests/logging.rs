use thingstead_registry::{LogLevel, LogTarget, LoggingOptions, PageRequest, V2LoggingOptions};

use crate::support::{run, world};

#[test]
fn logging_options_are_read_back_as_they_were_set() {
    // API-210, API-211, API-212, API-213, API-214, API-215
    let w = world();
    assert_eq!(w.registry.get_logging_options(&w.scope), LoggingOptions::default());
    let first = LoggingOptions { role_arn: Some("r".to_owned()), log_level: Some(LogLevel::Info) };
    run(w.registry.set_logging_options(&w.scope, first.clone())).expect("set");
    assert_eq!(w.registry.get_logging_options(&w.scope), first);

    let target = |kind: &str, name: Option<&str>| LogTarget {
        target_type: kind.to_owned(),
        target_name: name.map(str::to_owned),
    };
    let level = |target: LogTarget| run(w.registry.set_v2_logging_level(&w.scope, target, LogLevel::Debug));
    let list = |kind: Option<&str>| {
        w.registry
            .list_v2_logging_levels(&w.scope, kind, &PageRequest::default())
            .map(|page| page.items.into_iter().map(|(target, _)| target).collect::<Vec<_>>())
    };
    for error in [
        w.registry.get_v2_logging_options(&w.scope).map(drop),
        level(target("DEFAULT", None)),
        list(None).map(drop),
    ] {
        assert_eq!(error.expect_err("not configured").code(), "NotConfiguredException");
    }
    let set =
        |options: V2LoggingOptions| run(w.registry.set_v2_logging_options(&w.scope, options)).expect("set");
    set(V2LoggingOptions {
        role_arn: Some("r".to_owned()),
        default_log_level: Some(LogLevel::Warn),
        disable_all_logs: true,
        event_configurations: None,
    });
    set(V2LoggingOptions { default_log_level: Some(LogLevel::Error), ..V2LoggingOptions::default() });
    let now = w.registry.get_v2_logging_options(&w.scope).expect("get");
    assert_eq!((now.role_arn.as_deref(), now.default_log_level), (Some("r"), Some(LogLevel::Error)));
    assert!(!now.disable_all_logs);

    level(target("DEFAULT", None)).expect("default");
    level(target("CLIENT_ID", Some("c"))).expect("client");
    level(target("CLIENT_ID", Some("c"))).expect("again");
    for bad in [target("DEFAULT", Some("x")), target("CLIENT_ID", None), target("THING", Some("t"))] {
        assert_eq!(level(bad).expect_err("bad").code(), "InvalidRequestException");
    }
    assert_eq!(list(None).expect("list").len(), 2);
    assert_eq!(list(Some("CLIENT_ID")), Ok(vec![target("CLIENT_ID", Some("c"))]));
    let delete = |gone: &LogTarget| run(w.registry.delete_v2_logging_level(&w.scope, gone)).expect("delete");
    delete(&target("CLIENT_ID", Some("c")));
    delete(&target("CLIENT_ID", Some("c")));
    assert_eq!(list(None).expect("list").len(), 1);
    for name in ["DEBUG", "INFO", "WARN", "ERROR", "DISABLED"] {
        assert_eq!(name.parse::<LogLevel>().expect("level").name(), name);
    }
}
