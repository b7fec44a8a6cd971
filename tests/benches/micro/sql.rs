//! One evaluation of a topic rule's statement, its output written.

use thingstead_rules::sql::{Answers, Evaluated, Input, SqlVersion, parse};

use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    for (name, text) in [
        ("sql: SELECT *, no match by WHERE", "SELECT * FROM 'dt/#' WHERE temperature > 80"),
        ("sql: SELECT *, passed through", "SELECT * FROM 'dt/#'"),
        ("sql: SELECT * with WHERE", "SELECT * FROM 'dt/#' WHERE temperature > 20"),
        (
            "sql: two members, topic(3), timestamp()",
            "SELECT temperature AS t, battery.percent AS b, topic(3) AS sensor, timestamp() AS at FROM 'dt/#'",
        ),
        (
            "sql: arithmetic, CASE, a function of text",
            "SELECT temperature * 9 / 5 + 32 AS f, CASE battery.percent > 20 WHEN true THEN 'ok' ELSE 'low' END AS b, \
             upper(firmware) AS v FROM 'dt/#'",
        ),
    ] {
        match parse(text, SqlVersion::V2016_03_23) {
            Ok(statement) => table.line(name, || {
                let input = Input::new(PAYLOAD, "dt/plant-7/sensor-42/temperature", 1_750_000_000_000, 7);
                match statement.evaluate(&input, &Answers::none()) {
                    Ok(Evaluated::Output(output)) => output.bytes(&input).len(),
                    Ok(_) | Err(_) => 0,
                }
            }),
            Err(error) => table.line(&format!("{name}: {error}"), || ()),
        }
    }
    table.line("sql: parse a statement", || {
        parse(
            "SELECT temperature AS t, topic(3) AS sensor FROM 'dt/#' WHERE temperature > 20",
            SqlVersion::V2016_03_23,
        )
    });
}

const PAYLOAD: &[u8] =
    br#"{"temperature":21.5,"battery":{"percent":81,"volts":3.9},"position":{"lat":52.1,"lon":4.3},
    "firmware":"1.4.2-rc1","uptime":86400,"tags":["north","roof"]}"#;
