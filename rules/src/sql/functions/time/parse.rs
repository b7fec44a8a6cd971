//! `time_to_epoch`: text to milliseconds since 1970, by a pattern of Java's `DateTimeFormatter` (RULES-268 to RULES-270).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::super::{Body, Function, example};
use super::parse_pattern::{Expected, Field, Number, compile};
use super::{DAYS, MONTHS, short, weeks, zones};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(in crate::sql::functions) static FUNCTION: Function = Function::new(
    "time_to_epoch",
    "time_to_epoch(text, pattern)",
    "Milliseconds since 1970 of a time written by a Java DateTimeFormatter pattern; UTC if the text has no zone, midnight if it has no time of day.",
    Body::Pure(time_to_epoch),
)
.since_2016()
.examples(&[
    example(
        "time_to_epoch('2020-04-03 09:45:18 UTC+01:00', 'yyyy-MM-dd HH:mm:ss VV')",
        "1585903518000",
    ),
    example("time_to_epoch('18 December 2015', 'dd MMMM yyyy')", "1450396800000"),
    example("time_to_epoch('nope', 'yyyy-MM-dd')", "undefined"),
]);

fn time_to_epoch(arguments: &[Value]) -> Value {
    let [text, pattern] = arguments else { return Value::Undefined };
    match (to_text(text), to_text(pattern)) {
        (Some(text), Some(pattern)) => {
            parse(&text, &pattern).map_or(Value::Undefined, |ms| Value::Int(i128::from(ms)))
        }
        _ => Value::Undefined,
    }
}

fn parse(text: &str, pattern: &str) -> Option<i64> {
    let expected = compile(pattern)?;
    let mut fields = Fields::default();
    let rest = fields.read_all(text, &expected)?;
    if !rest.is_empty() {
        return None;
    }
    fields.resolve()
}

/// What was read so far. A field may be read twice only if both agree.
#[derive(Clone, Default)]
struct Fields {
    numbers: Vec<(Field, i64)>,
    /// Counted from Monday, 0.
    weekday: Option<i64>,
    afternoon: Option<bool>,
    before_christ: Option<bool>,
    nano: Option<i64>,
    zone: Option<TimeZone>,
}

impl Fields {
    /// Reads what is expected and answers what is left.
    fn read_all<'t>(&mut self, mut text: &'t str, expected: &[Expected]) -> Option<&'t str> {
        for part in expected {
            text = self.read(text, part)?;
        }
        Some(text)
    }

    fn read<'t>(&mut self, text: &'t str, expected: &Expected) -> Option<&'t str> {
        match expected {
            Expected::Literal(literal) => text.strip_prefix(literal.as_str()),
            Expected::Number(number) => self.number(text, number),
            Expected::MonthName { full } => {
                let (at, rest) = name(text, &MONTHS, *full)?;
                self.set(Field::Month, at + 1)?;
                Some(rest)
            }
            Expected::DayName { full } => {
                let (at, rest) = name(text, &DAYS, *full)?;
                self.weekday = Some(at);
                Some(rest)
            }
            Expected::HalfDay => {
                let (at, rest) = name(text, &["AM", "PM"], true)?;
                self.afternoon = Some(at == 1);
                Some(rest)
            }
            Expected::Era { full } => {
                let names = if *full { ["Anno Domini", "Before Christ"] } else { ["AD", "BC"] };
                let (at, rest) = name(text, &names, true)?;
                self.before_christ = Some(at == 1);
                Some(rest)
            }
            Expected::Fraction(digits) => {
                let (fraction, rest) = text.split_at_checked(*digits)?;
                let value = plain(fraction)?;
                self.nano = Some(value * 10_i64.pow(u32::try_from(9 - digits).ok()?));
                Some(rest)
            }
            Expected::Offset { zulu } => {
                if let Some(rest) = text.strip_prefix('Z').filter(|_| *zulu) {
                    self.zone = Some(TimeZone::UTC);
                    return Some(rest);
                }
                self.zone(
                    text,
                    |c| c.is_ascii_digit() || matches!(c, '+' | '-' | ':'),
                    |id| zones::offset_of(id).map(TimeZone::fixed),
                )
            }
            Expected::LocalizedOffset if text.starts_with("GMT") => {
                self.zone(text, zone_letter, zones::by_id)
            }
            Expected::LocalizedOffset => None,
            Expected::ZoneId => self.zone(text, zone_letter, zones::by_id),
            Expected::ZoneName => self
                .zone(text, zone_letter, |name| zones::by_abbreviation(name).or_else(|| zones::by_id(name))),
            Expected::FullZoneName => match zones::by_full_name(text) {
                Some((zone, rest)) => {
                    self.zone = Some(zone);
                    Some(rest)
                }
                None => self.zone(text, zone_letter, zones::by_id),
            },
            Expected::QuarterName { full } => {
                let names = match full {
                    true => ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"],
                    false => ["Q1", "Q2", "Q3", "Q4"],
                };
                let (at, rest) = name(text, &names, true)?;
                self.set(Field::Quarter, at + 1)?;
                Some(rest)
            }
            Expected::Optional(inner) => {
                let mut attempt = self.clone();
                match attempt.read_all(text, inner) {
                    Some(rest) => {
                        *self = attempt;
                        Some(rest)
                    }
                    None => Some(text),
                }
            }
        }
    }

    fn set(&mut self, field: Field, value: i64) -> Option<()> {
        if let Some(known) = self.get(field) {
            return (known == value).then_some(());
        }
        self.numbers.push((field, value));
        Some(())
    }

    fn get(&self, field: Field) -> Option<i64> {
        self.numbers.iter().find(|(known, _)| *known == field).map(|(_, value)| *value)
    }

    /// Java's strict reading of adjacent numbers: see `NumberPrinterParser`'s documented rules for widths and signs.
    fn number<'t>(&mut self, text: &'t str, expected: &Number) -> Option<&'t str> {
        let negative = expected.signed && text.starts_with('-');
        let positive = expected.signed && text.starts_with('+');
        if positive && !expected.exceeds_pad {
            return None;
        }
        let digits = if negative || positive { text.get(1..)? } else { text };
        let available = digits.bytes().take_while(u8::is_ascii_digit).count();
        let mut width = available.min(expected.max.saturating_add(expected.reserved));
        if expected.reserved > 0 {
            width = width.saturating_sub(expected.reserved).max(expected.min).min(available);
        }
        let width = width.min(expected.max);
        if width < expected.min
            || expected.exceeds_pad && (width > expected.min && !positive && !negative)
            || positive && width <= expected.min
        {
            return None;
        }
        let (digits, rest) = digits.split_at_checked(width)?;
        let value = plain(digits)?;
        self.set(expected.field, if negative { -value } else { value })?;
        Some(rest)
    }

    fn zone<'t>(
        &mut self,
        text: &'t str,
        belongs: impl Fn(char) -> bool,
        find: impl Fn(&str) -> Option<TimeZone>,
    ) -> Option<&'t str> {
        let end = text.find(|c: char| !belongs(c)).unwrap_or(text.len());
        // The longest text that names a zone.
        for length in (1..=end).rev() {
            if let Some((id, rest)) = text.split_at_checked(length)
                && let Some(zone) = find(id)
            {
                self.zone = Some(zone);
                return Some(rest);
            }
        }
        None
    }

    fn resolve(self) -> Option<i64> {
        let mut date = self.date()?;
        // The end of a day is the beginning of the next.
        if self.get(Field::Hour) == Some(24) {
            if !matches!((self.get(Field::Minute), self.get(Field::Second)), (None | Some(0), None | Some(0)))
            {
                return None;
            }
            date = date.tomorrow().ok()?;
        }
        let time = self.time()?;
        let zone = self.zone.unwrap_or(TimeZone::UTC);
        let zoned = zone.to_ambiguous_zoned(DateTime::from_parts(date, time)).compatible().ok()?;
        Some(zoned.timestamp().as_millisecond())
    }

    /// The date, which every field that was read must agree with.
    fn date(&self) -> Option<Date> {
        let date = self.calendar_date().or_else(|| self.week_date())?;
        self.agrees(date).then_some(date)
    }

    fn year(&self) -> Option<i16> {
        let of_era = |year: i64| if self.before_christ == Some(true) { 1 - year } else { year };
        let year = self
            .get(Field::Year)
            .or_else(|| self.get(Field::YearOfEra).map(of_era))
            .or_else(|| self.get(Field::ShortYear).map(|year| 2000 + year))?;
        i16::try_from(year).ok()
    }

    fn calendar_date(&self) -> Option<Date> {
        let year = self.year()?;
        if let Some(day) = self.get(Field::DayOfYear) {
            let first = Date::new(year, 1, 1).ok()?;
            if !(1..=i64::from(first.days_in_year())).contains(&day) {
                return None;
            }
            return weeks::after(first, day - 1);
        }
        let month = i8::try_from(self.get(Field::Month)?).ok()?;
        let first = Date::new(year, month, 1).ok()?;
        if let Some(day) = self.get(Field::Day) {
            let day = i8::try_from(day).ok().filter(|day| (1..=31).contains(day))?;
            // The 31st of a shorter month is its last day.
            return Date::new(year, month, day.min(first.days_in_month())).ok();
        }
        let week = self.get(Field::WeekOfMonth).filter(|week| (0..=6).contains(week))?;
        weeks::of_month(first, week, self.local_day()?)
    }

    fn week_year(&self) -> Option<i64> {
        self.get(Field::WeekYear).or_else(|| self.get(Field::ShortWeekYear).map(|year| 2000 + year))
    }

    fn week_date(&self) -> Option<Date> {
        let week = self.get(Field::Week).filter(|week| (1..=53).contains(week))?;
        weeks::of_year(i16::try_from(self.week_year()?).ok()?, week, self.local_day()?)
    }

    /// 1 to 7 from Sunday.
    fn local_day(&self) -> Option<i64> {
        let named = self.weekday.map(|from_monday| (from_monday + 1) % 7 + 1);
        named.or_else(|| self.get(Field::LocalDay)).filter(|day| (1..=7).contains(day))
    }

    fn agrees(&self, date: Date) -> bool {
        let is = |field: Field, value: i64| self.get(field).is_none_or(|read| read == value);
        let weekday = i64::from(date.weekday().to_monday_zero_offset());
        self.weekday.is_none_or(|expected| expected == weekday)
            && is(Field::LocalDay, weeks::local_day(date))
            && is(Field::Quarter, (i64::from(date.month()) - 1) / 3 + 1)
            && is(Field::AlignedDay, (i64::from(date.day()) - 1) % 7 + 1)
            && (self.get(Field::Day).is_none() || is(Field::WeekOfMonth, weeks::week_of_month(date)))
            && (self.calendar_date().is_none() || self.agrees_with_week(date))
    }

    fn agrees_with_week(&self, date: Date) -> bool {
        let (year, week) = weeks::week_of_year(date);
        self.week_year().is_none_or(|read| read == year)
            && self.get(Field::Week).is_none_or(|read| read == week)
    }

    /// Midnight when nothing was read (RULES-269).
    fn time(&self) -> Option<Time> {
        let within = |value: i64, low: i64, high: i64| (low..=high).contains(&value).then_some(value);
        if let Some(nanos) =
            self.get(Field::NanoOfDay).or_else(|| self.get(Field::MilliOfDay)?.checked_mul(1_000_000))
        {
            let nanos = within(nanos, 0, 86_399_999_999_999)?;
            let second = nanos / 1_000_000_000;
            return time_of(second / 3600, second / 60 % 60, second % 60, nanos % 1_000_000_000);
        }
        let half_day = match (self.get(Field::HalfDayClockHour), self.get(Field::HalfDayHour)) {
            (Some(hour), _) => Some(within(hour, 1, 12)? % 12),
            (None, Some(hour)) => Some(within(hour, 0, 11)?),
            (None, None) => None,
        };
        let hour = match (self.get(Field::Hour), self.get(Field::ClockHour), half_day) {
            (Some(24), ..) if self.nano.or_else(|| self.get(Field::Nano)).unwrap_or(0) == 0 => Some(0),
            (Some(hour), ..) => Some(within(hour, 0, 23)?),
            (None, Some(hour), _) => Some(within(hour, 1, 24)? % 24),
            (None, None, Some(hour)) => Some(hour + if self.afternoon? { 12 } else { 0 }),
            (None, None, None) => None,
        };
        let (minute, second) = (self.get(Field::Minute), self.get(Field::Second));
        let nano = self.nano.or_else(|| self.get(Field::Nano));
        match hour {
            Some(hour) => time_of(hour, minute.unwrap_or(0), second.unwrap_or(0), nano.unwrap_or(0)),
            None if minute.is_none() && second.is_none() && nano.is_none() => Some(Time::midnight()),
            None => None,
        }
    }
}

fn time_of(hour: i64, minute: i64, second: i64, nano: i64) -> Option<Time> {
    Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(nano).ok()?,
    )
    .ok()
}

/// The position of the name that the text starts with.
fn name<'t>(text: &'t str, names: &[&str], full: bool) -> Option<(i64, &'t str)> {
    names.iter().zip(0..).find_map(|(name, at)| {
        let name = if full { name } else { short(name) };
        text.strip_prefix(name).map(|rest| (at, rest))
    })
}

/// Digits and nothing else.
fn plain(digits: &str) -> Option<i64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn zone_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-' | ':')
}
