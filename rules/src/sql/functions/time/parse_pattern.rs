//! Patterns of Java's `DateTimeFormatter`, compiled (RULES-268).

use super::{Piece, pieces};

/// What a pattern expects next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// This text.
    Literal(String),
    /// Digits.
    Number(Number),
    /// A name of the month, short or full.
    MonthName { full: bool },
    /// A day of the week, short or full.
    DayName { full: bool },
    /// AM or PM.
    HalfDay,
    /// AD or BC, or their full names.
    Era { full: bool },
    /// Exactly this many digits of the second's fraction.
    Fraction(usize),
    /// `+01:00` and its kin; `zulu` allows `Z`.
    Offset { zulu: bool },
    /// `GMT+1`.
    LocalizedOffset,
    /// An id such as `Europe/Vienna` or `UTC+01:00`.
    ZoneId,
    /// An abbreviation such as `PST`.
    ZoneName,
    /// A name such as `Pacific Standard Time`.
    FullZoneName,
    /// `Q1`, or `1st quarter`.
    QuarterName { full: bool },
    /// What stands in brackets may be absent.
    Optional(Vec<Self>),
}

/// A numeric field and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) field: Field,
    pub(super) min: usize,
    pub(super) max: usize,
    /// Whether a sign may stand in front.
    pub(super) signed: bool,
    /// Whether more than `min` digits need a plus sign, as with `yyyy`.
    pub(super) exceeds_pad: bool,
    /// Digits that belong to the fields right behind.
    pub(super) reserved: usize,
}

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    /// Two digits, 2000 to 2099.
    ShortYear,
    YearOfEra,
    Month,
    Day,
    DayOfYear,
    /// 0 to 23.
    Hour,
    /// 1 to 24.
    ClockHour,
    /// 1 to 12.
    HalfDayClockHour,
    /// 0 to 11.
    HalfDayHour,
    Minute,
    Second,
    Nano,
    MilliOfDay,
    NanoOfDay,
    Quarter,
    /// The year that a week belongs to, weeks beginning on Sunday and the first holding January 1st.
    WeekYear,
    /// The last two digits of that, 2000 to 2099.
    ShortWeekYear,
    /// 1 to 53.
    Week,
    /// 0 to 6.
    WeekOfMonth,
    /// 1 to 7 from Sunday.
    LocalDay,
    /// 1 to 7 from the day of the month's first.
    AlignedDay,
}

/// Compiles a pattern; `None` when Java would refuse it.
pub(super) fn compile(pattern: &str) -> Option<Vec<Expected>> {
    let pieces = pieces(pattern)?;
    let mut open: Vec<Vec<Expected>> = vec![Vec::new()];
    for piece in pieces {
        match piece {
            Piece::Literal("[") => open.push(Vec::new()),
            Piece::Literal("]") => {
                let inner = open.pop()?;
                open.last_mut()?.push(Expected::Optional(inner));
            }
            Piece::Literal("{" | "}" | "#") => return None,
            Piece::Literal(text) | Piece::Quoted(text) => {
                open.last_mut()?.push(Expected::Literal(text.to_owned()))
            }
            Piece::Letter(letter, count) => open.last_mut()?.push(letter_of(letter, count)?),
        }
    }
    // Java closes what is open at the end.
    while open.len() > 1 {
        let inner = open.pop()?;
        open.last_mut()?.push(Expected::Optional(inner));
    }
    let mut expected = open.pop()?;
    reserve(&mut expected);
    Some(expected)
}

fn letter_of(letter: char, count: usize) -> Option<Expected> {
    let variable = |field| {
        Expected::Number(Number { field, min: 1, max: 19, signed: true, exceeds_pad: false, reserved: 0 })
    };
    let fixed = |field, width| {
        Expected::Number(Number {
            field,
            min: width,
            max: width,
            signed: false,
            exceeds_pad: false,
            reserved: 0,
        })
    };
    let one_or_two = |field| match count {
        1 => Some(variable(field)),
        2 => Some(fixed(field, 2)),
        _ => None,
    };
    let year = |field, short| match count {
        2 => fixed(short, 2),
        count => Expected::Number(Number {
            field,
            min: count,
            max: 19,
            signed: true,
            exceeds_pad: count >= 4,
            reserved: 0,
        }),
    };
    let long = |field| {
        Expected::Number(Number {
            field,
            min: count,
            max: 19,
            signed: false,
            exceeds_pad: false,
            reserved: 0,
        })
    };
    Some(match letter {
        'G' if count <= 5 => Expected::Era { full: count == 4 },
        'u' if count <= 19 => year(Field::Year, Field::ShortYear),
        'y' if count <= 19 => year(Field::YearOfEra, Field::ShortYear),
        'Y' if count <= 19 => year(Field::WeekYear, Field::ShortWeekYear),
        'w' => one_or_two(Field::Week)?,
        'W' if count == 1 => variable(Field::WeekOfMonth),
        'F' if count == 1 => variable(Field::AlignedDay),
        'Q' | 'q' => match count {
            1 | 2 => one_or_two(Field::Quarter)?,
            3 | 4 => Expected::QuarterName { full: count == 4 },
            _ => return None,
        },
        'e' | 'c' => match count {
            1 => variable(Field::LocalDay),
            2 if letter == 'e' => fixed(Field::LocalDay, 2),
            3 | 4 => Expected::DayName { full: count == 4 },
            _ => return None,
        },
        'M' | 'L' => match count {
            1 | 2 => one_or_two(Field::Month)?,
            3 | 4 => Expected::MonthName { full: count == 4 },
            _ => return None,
        },
        'd' => one_or_two(Field::Day)?,
        'D' => match count {
            1 => variable(Field::DayOfYear),
            2 | 3 => Expected::Number(Number {
                field: Field::DayOfYear,
                min: count,
                max: 3,
                signed: false,
                exceeds_pad: false,
                reserved: 0,
            }),
            _ => return None,
        },
        'E' => match count {
            1..=4 => Expected::DayName { full: count == 4 },
            _ => return None,
        },
        'a' if count == 1 => Expected::HalfDay,
        'H' => one_or_two(Field::Hour)?,
        'k' => one_or_two(Field::ClockHour)?,
        'h' => one_or_two(Field::HalfDayClockHour)?,
        'K' => one_or_two(Field::HalfDayHour)?,
        'm' => one_or_two(Field::Minute)?,
        's' => one_or_two(Field::Second)?,
        'S' if count <= 9 => Expected::Fraction(count),
        'n' if count <= 19 => long(Field::Nano),
        'A' if count <= 19 => long(Field::MilliOfDay),
        'N' if count <= 19 => long(Field::NanoOfDay),
        'V' if count == 2 => Expected::ZoneId,
        'z' if count <= 3 => Expected::ZoneName,
        'z' if count == 4 => Expected::FullZoneName,
        'O' if count == 1 || count == 4 => Expected::LocalizedOffset,
        'X' if count <= 5 => Expected::Offset { zulu: true },
        'x' if count <= 5 => Expected::Offset { zulu: false },
        'Z' => match count {
            1..=3 => Expected::Offset { zulu: false },
            4 => Expected::LocalizedOffset,
            5 => Expected::Offset { zulu: true },
            _ => return None,
        },
        _ => return None,
    })
}

/// Adjacent numbers: one of variable width leaves the fields of fixed width right behind it their digits (`yyyyMMdd`).
fn reserve(expected: &mut [Expected]) {
    let mut behind = 0;
    for part in expected.iter_mut().rev() {
        match part {
            Expected::Number(number) if number.min == number.max => behind += number.max,
            Expected::Fraction(digits) => behind += *digits,
            Expected::Number(number) => {
                number.reserved = behind;
                behind = 0;
            }
            Expected::Optional(inner) => {
                reserve(inner);
                behind = 0;
            }
            _ => behind = 0,
        }
    }
}
