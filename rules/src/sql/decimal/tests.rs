use super::*;

fn d(text: &str) -> Decimal {
    Decimal::parse(text).expect(text).value
}

fn shown(value: Option<Decimal>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

#[test]
fn arithmetic_is_decimal_and_rounds_half_even_to_34_digits() {
    // RULES-112, RULES-113, RULES-114, RULES-176, RULES-177
    assert_eq!(shown(d("0.1").plus(d("0.2"))), "0.3");
    assert_eq!(shown(d("1.1").times(d("1.1"))), "1.21");
    assert_eq!(shown(d("1").divided_by(d("3"))), "0.3333333333333333333333333333333333");
    assert_eq!(shown(d("2").divided_by(d("3"))), "0.6666666666666666666666666666666667");
    assert_eq!(shown(d("90").divided_by(d("9"))), "10");
    assert_eq!(shown(d("7").divided_by(d("2"))), "3.5");
    assert_eq!(shown(d("1").divided_by(d("8"))), "0.125");
    assert_eq!(shown(d("1").divided_by(d("0.00"))), "none");
    let full = d("9999999999999999999999999999999999");
    assert_eq!(shown(full.plus(d("1"))), "1.000000000000000000000000000000000E34");
    assert_eq!(shown(full.plus(d("0.5"))), "1.000000000000000000000000000000000E34");
    assert_eq!(shown(full.minus(d("0.5"))), "9999999999999999999999999999999998");
    assert_eq!(shown(full.minus(d("1E-900"))), "9999999999999999999999999999999999");
    assert_eq!(shown(d("1").minus(d("1E-50"))), "1.000000000000000000000000000000000");
    assert_eq!(shown(d("1E60").plus(d("1"))), "1.000000000000000000000000000000000E60");
    assert_eq!(shown(d("1E60").minus(d("1E60"))), "0");
    assert_eq!(shown(full.times(full)), "9.999999999999999999999999999999998E67");
    assert_eq!(shown(d("9E999").times(d("10"))), "none");
    assert_eq!(shown(d("1E-999").divided_by(d("10"))), "none");
    assert_eq!(Decimal::parse("1E1000"), None);
    assert_eq!(Decimal::parse("1E-1000"), None);
}

#[test]
fn remainders_take_the_sign_of_the_left_operand() {
    // RULES-178, RULES-179
    for (a, b, expected) in [
        ("7.5", "2", "1.5"),
        ("-7", "3", "-1"),
        ("7", "-3", "1"),
        ("1E999", "7", "6"),
        ("1E-999", "7E900", "1E-999"),
        ("5", "0", "none"),
        ("10", "0.3", "0.1"),
    ] {
        assert_eq!(shown(d(a).remainder(d(b))), expected, "{a} % {b}");
    }
}

#[test]
fn texts_read_back_as_they_print() {
    // RULES-126, RULES-133
    for text in ["0", "10.0", "-1.50", "0.001", "1.5E-9", "1E3", "-2.411E247", "0.0000012", "0.00"] {
        assert_eq!(d(text).to_string(), text);
    }
    for text in ["", "-", "+5", ".5", "5.", "1e", "1e-", "0x1", "1.2.3", " 1", "NaN"] {
        assert_eq!(Decimal::parse(text), None, "{text}");
    }
    let long = Decimal::parse("3.14159265358979323846264338327950288419716939937510").unwrap();
    assert_eq!((long.value.to_string().as_str(), long.exact), ("3.141592653589793238462643383279503", false));
    assert!(Decimal::parse("1.00000000000000000000000000000000000000000000").unwrap().exact);
    assert!(!Decimal::parse("1.00000000000000000000000000000000000000000001").unwrap().exact);
}

#[test]
fn rounding_has_a_direction_and_integers_are_found() {
    // RULES-111, RULES-192, RULES-193, RULES-195
    let places = |text: &str, places, mode| d(text).to_places(places, mode).to_string();
    assert_eq!(places("-1.2", 0, Toward::Up), "-1");
    assert_eq!(places("-1.2", 0, Toward::Down), "-2");
    assert_eq!(places("-1.5", 0, Toward::NearestAwayFromZero), "-2");
    assert_eq!(places("1.49", 0, Toward::NearestAwayFromZero), "1");
    assert_eq!(places("-2.888", 2, Toward::Zero), "-2.88");
    assert_eq!(places("1E-300", 0, Toward::Up), "1");
    assert_eq!(places("-1E-300", 0, Toward::Down), "-1");
    assert_eq!(places("1E-300", 0, Toward::Zero), "0");
    assert_eq!(d("1E33").to_int(), Some(10_i128.pow(33)));
    assert_eq!(d("1E34").to_int(), None);
    assert_eq!(d("10.0").to_int(), Some(10));
    assert_eq!(d("10.5").to_int(), None);
    assert_eq!(d("-2.411E247").to_int_saturating(Toward::Down), i128::MIN);
    assert_eq!(d("2.00").trimmed().to_string(), "2");
}

#[test]
fn comparison_is_by_value() {
    // RULES-151, RULES-154
    for (a, b, expected) in [
        ("1", "1.0", Ordering::Equal),
        ("9", "10", Ordering::Less),
        ("-9", "-10", Ordering::Greater),
        ("0.0", "0", Ordering::Equal),
        ("1E999", "9E998", Ordering::Greater),
        ("1E-999", "0", Ordering::Greater),
        ("-1", "1", Ordering::Less),
    ] {
        assert_eq!(d(a).compare(d(b)), expected, "{a} {b}");
    }
}

#[test]
fn doubles_go_through_their_shortest_form() {
    // RULES-115
    assert_eq!(Decimal::from_f64(std::f64::consts::FRAC_PI_2).unwrap().to_string(), "1.5707963267948966");
    assert_eq!(Decimal::from_f64(1e300).unwrap().to_string(), "1E300");
    assert_eq!(Decimal::from_f64(f64::NAN), None);
    assert_eq!(d("0.1").to_f64(), 0.1);
    assert_eq!(d("1E999").to_f64(), f64::INFINITY);
}
