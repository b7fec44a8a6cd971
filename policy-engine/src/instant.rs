//! Instants as condition values write them: ISO 8601 or Unix seconds (POLICY-294).

use jiff::civil::Date;
use jiff::tz::Offset;

/// Nanoseconds since 1970-01-01T00:00:00Z; `None` for what is neither.
///
/// All digits are Unix seconds, so a bare year is none. A date without time is its midnight in UTC; a time needs its
/// offset, because without one it names no instant.
pub(crate) fn parse(text: &str) -> Option<i128> {
    unix_seconds(text).or_else(|| iso_8601(text))
}

fn unix_seconds(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (seconds, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let seconds: i128 = i64::try_from(digits(seconds)?).ok()?.into();
    let total = seconds * NANOS + nanoseconds(fraction)?;
    Some(if negative { -total } else { total })
}

fn iso_8601(text: &str) -> Option<i128> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = fixed(parts.next()?, 4)?;
    let month = fixed(parts.next()?, 2)?;
    let day = match (parts.next(), time) {
        (Some(day), _) => fixed(day, 2)?,
        (None, None) => 1,
        (None, Some(_)) => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let date =
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(midnight.as_nanosecond() + time.map_or(Some(0), since_midnight_utc)?)
}

/// `hh:mm[:ss[.fraction]]` and `Z` or an offset, as nanoseconds after midnight in UTC.
fn since_midnight_utc(text: &str) -> Option<i128> {
    let (clock, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => {
            let at = text.rfind(['+', '-'])?;
            let (clock, offset) = text.split_at_checked(at)?;
            (clock, offset_seconds(offset)?)
        }
    };
    let mut parts = clock.split(':');
    let hour = fixed(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = fixed(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let (second, fraction) = match parts.next() {
        None => (0, "0"),
        Some(part) => {
            let (second, fraction) = part.split_once(['.', ',']).unwrap_or((part, "0"));
            (fixed(second, 2).filter(|second| *second <= 60)?, fraction)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let seconds = i128::from(hour) * 3600 + i128::from(minute) * 60 + i128::from(second) - offset;
    Some(seconds * NANOS + nanoseconds(fraction)?)
}

/// `+hh:mm`, `+hhmm`, `+hh`.
fn offset_seconds(text: &str) -> Option<i128> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let unsigned = text.get(1..)?;
    let (hours, minutes) = match unsigned.split_once(':') {
        Some(parts) => parts,
        None => unsigned.split_at_checked(2)?,
    };
    let minutes = if minutes.is_empty() { 0 } else { fixed(minutes, 2).filter(|m| *m < 60)? };
    let hours = fixed(hours, 2).filter(|hours| *hours < 24)?;
    Some(sign * (i128::from(hours) * 3600 + i128::from(minutes) * 60))
}

fn fixed(text: &str, length: usize) -> Option<u64> {
    (text.len() == length).then(|| digits(text)).flatten()
}

fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Digits after the point, as nanoseconds; what is finer is cut off.
fn nanoseconds(fraction: &str) -> Option<i128> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nine = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(nine.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0')))
}

const NANOS: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instant_in_its_spellings() {
        // POLICY-294
        let expected = Some(1_714_979_289 * NANOS);
        for text in [
            "2024-05-06T07:08:09Z",
            "2024-05-06t07:08:09z",
            "2024-05-06T09:08:09+02:00",
            "2024-05-06T09:08:09+0200",
            "2024-05-06T09:08:09+02",
            "2024-05-05T23:38:09-07:30",
            "2024-05-06T07:08:09.000Z",
            "1714979289",
            "1714979289.0",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(parse("2024-05-06"), parse("2024-05-06T00:00Z"));
        assert_eq!(parse("2024-05"), parse("2024-05-01T00:00:00Z"));
        assert_eq!(parse("1969-12-31T23:59:59.5Z"), Some(-NANOS / 2));
        assert_eq!(parse("-1"), Some(-NANOS));
    }

    #[test]
    fn what_names_no_instant_is_not_read() {
        // POLICY-308
        for text in [
            "",
            "tomorrow",
            "2024-05-06T07:08:09",
            "2024-13-01",
            "2024-02-30",
            "2024-05-06T24:00:00Z",
            "2024-05-06 07:08:09Z",
            "24-05-06",
            "2024-05-06T07Z",
            "1e9",
            "0x1",
            "-",
            ".",
            "2024-05-06T",
            "2024-05-06T07:08:09+2:00",
            "é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
