//! The reference page `docs/sql.md`, made from the table of functions.

use super::functions::{FAMILIES, Function, Since};

/// The whole page. A test asserts that the file is this text.
pub fn page() -> String {
    let mut out = INTRODUCTION.to_owned();
    for (heading, functions) in FAMILIES {
        out.push_str(&format!("\n## {heading}\n"));
        for function in *functions {
            section(function, &mut out);
        }
    }
    out
}

fn section(function: &Function, out: &mut String) {
    out.push_str(&format!("\n### {}\n\n`{}`", function.name, function.signature));
    if function.since == Since::V2016 {
        out.push_str(" (2016-03-23 and later)");
    }
    out.push_str(&format!("\n\n{}", function.summary));
    if function.double {
        out.push_str(" Works in double precision.");
    }
    out.push('\n');
    if !function.examples.is_empty() {
        out.push_str("\n```sql\n");
        for example in function.examples {
            out.push_str(&format!("{}  -->  {}\n", example.sql, example.result));
        }
        out.push_str("```\n");
    }
}

const INTRODUCTION: &str = r#"# The SQL of topic rules

This page is made from the table of functions in `rules/src/sql/functions`; a test keeps the two together.

```sql
SET @limit = 30
SELECT *, topic(2) AS room, temperature * 1.8 + 32 AS reading.fahrenheit
FROM 'building/+/climate'
WHERE temperature > @limit AND NOT isUndefined(humidity)
```

- **SET** `@name = expression, …` makes up to 10 variables, usable in everything behind it and in the templates of the actions (2016-03-23 and later).
- **SELECT** lists `*`, `path.*` and expressions with an optional alias; a dotted alias builds nested objects. `SELECT VALUE expression` yields a bare value. `SELECT *` alone passes the payload's bytes through untouched.
- **FROM** is a topic filter in quotes. Without it the rule runs through Basic Ingest only.
- **WHERE** lets a message pass if the condition is true; Undefined, Null and anything else stop it.

Operators, tightest first: member `.`; unary `-`; `* / %`; `+ -`; `= <> < <= > >= IN`; `NOT`; `AND`; `OR`. `EXISTS (SELECT …)` and
`CASE value WHEN … THEN … ELSE … END` are expressions, and so are `{'key': value}`, `[value, …]` and `(SELECT … FROM path AS name WHERE …)`.

A missing attribute is Undefined, and so is the result of nearly everything that is given it. Wrong arguments give Undefined,
never an error; an unknown function is refused when the rule is created, with the line, the column and a suggestion.

`undefined` stands in the examples for Undefined, which adds no member to the result.
"#;
