//! `parse_time`: a time as text, by a Joda-Time pattern (RULES-265 to RULES-267).

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::super::{Body, Function, example};
use super::{DAYS, MONTHS, Piece, pieces, short, zones};
use crate::sql::convert::{to_int, to_text};
use crate::sql::value::Value;

pub(in crate::sql::functions) static FUNCTION: Function = Function::new(
    "parse_time",
    "parse_time(pattern, milliseconds[, zone])",
    "The time, in milliseconds since 1970, as text by a Joda-Time pattern; the zone is UTC if there is none. Names are English.",
    Body::Pure(parse_time),
)
.since_2016()
.examples(&[
    example("parse_time('yyyy-MM-dd HH:mm:ss.SSS', 1700000000123)", r#""2023-11-14 22:13:20.123""#),
    example(
        "parse_time(\"yyyy.MM.dd G 'at' HH:mm:ss z\", 1700000000123, 'America/New_York')",
        r#""2023.11.14 AD at 17:13:20 EST""#,
    ),
    example("parse_time('zzzz', 1700000000123, 'America/New_York')", r#""Eastern Standard Time""#),
    example("parse_time('yyyy', 0, 'Nowhere')", "undefined"),
]);

fn parse_time(arguments: &[Value]) -> Value {
    let (pattern, time, zone) = match arguments {
        [pattern, time] => (pattern, time, Some(TimeZone::UTC)),
        [pattern, time, zone] => (pattern, time, to_text(zone).and_then(|id| zones::by_id(&id))),
        _ => return Value::Undefined,
    };
    let time = to_int(time)
        .and_then(|ms| i64::try_from(ms).ok())
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    match (to_text(pattern), time, zone) {
        (Some(pattern), Some(time), Some(zone)) => {
            format(&pattern, &time.to_zoned(zone)).map_or(Value::Undefined, Value::from)
        }
        _ => Value::Undefined,
    }
}

fn format(pattern: &str, time: &Zoned) -> Option<String> {
    let mut out = String::new();
    for piece in pieces(pattern)? {
        match piece {
            Piece::Literal(text) | Piece::Quoted(text) => out.push_str(text),
            Piece::Letter(letter, count) => out.push_str(&field(letter, count, time)?),
        }
    }
    Some(out)
}

/// One field; `None` for a letter that Joda-Time does not know.
fn field(letter: char, count: usize, time: &Zoned) -> Option<String> {
    let number = |value: i64| {
        if value < 0 { format!("-{:0count$}", -value) } else { format!("{value:0count$}") }
    };
    let year = i64::from(time.year());
    let week = time.date().iso_week_date();
    // The year 0 is 1 BC.
    let year_of_era = if year > 0 { year } else { 1 - year };
    let two_digits = |year: i64| format!("{:02}", year.rem_euclid(100));
    let hour = i64::from(time.hour());
    Some(match letter {
        'G' => if year > 0 { "AD" } else { "BC" }.to_owned(),
        'C' => number(year_of_era / 100),
        'Y' if count == 2 => two_digits(year_of_era),
        'Y' => number(year_of_era),
        'x' if count == 2 => two_digits(i64::from(week.year())),
        'x' => number(i64::from(week.year())),
        'w' => number(i64::from(week.week())),
        'e' => number(i64::from(time.weekday().to_monday_one_offset())),
        'E' => {
            let name = DAYS.get(usize::try_from(time.weekday().to_monday_zero_offset()).ok()?)?;
            if count >= 4 { *name } else { short(name) }.to_owned()
        }
        'y' if count == 2 => two_digits(year),
        'y' => number(year),
        'D' => number(i64::from(time.day_of_year())),
        'M' if count >= 3 => {
            let name = MONTHS.get(usize::try_from(time.month() - 1).ok()?)?;
            if count >= 4 { *name } else { short(name) }.to_owned()
        }
        'M' => number(i64::from(time.month())),
        'd' => number(i64::from(time.day())),
        'a' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        'K' => number(hour % 12),
        'h' => number((hour + 11) % 12 + 1),
        'H' => number(hour),
        'k' => number((hour + 23) % 24 + 1),
        'm' => number(i64::from(time.minute())),
        's' => number(i64::from(time.second())),
        'S' => fraction(time.millisecond(), count),
        'z' => {
            let zone = time.time_zone().to_offset_info(time.timestamp());
            let short = zone.abbreviation();
            if count >= 4 { zones::full_name(short) } else { short }.to_owned()
        }
        'Z' => offset(time, count),
        _ => return None,
    })
}

/// The fraction of the second with `count` digits, cut off or filled up with noughts.
fn fraction(millisecond: i16, count: usize) -> String {
    let digits = format!("{millisecond:03}");
    digits.chars().chain(std::iter::repeat('0')).take(count).collect()
}

/// `+0100`, `+01:00`, or the zone's name.
fn offset(time: &Zoned, count: usize) -> String {
    let seconds = time.offset().seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    match count {
        1 => format!("{sign}{hours:02}{minutes:02}"),
        2 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => match time.time_zone().iana_name() {
            Some(name) => name.to_owned(),
            None if seconds == 0 => "UTC".to_owned(),
            None => format!("{sign}{hours:02}:{minutes:02}"),
        },
    }
}
