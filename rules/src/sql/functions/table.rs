//! The table of all functions.

use super::{
    Function, abs, accountid, atan2, aws_lambda, bitand, bitnot, bitor, bitxor, cast, ceil, chr, clientid,
    concat, decode, encode, endswith, exp, floor, get, get_dynamodb, get_mqtt_property, get_or_default,
    get_registry_data, get_secret, get_thing_shadow, get_user_properties, hashes, indexof, isnull,
    isundefined, length, ln, log, lower, lpad, ltrim, machinelearning_predict, modulo, nanvl, newuuid,
    numbytes, power, principal, rand, regexp_matches, regexp_replace, regexp_substr, replace, round, rpad,
    rtrim, sign, sourceip, sql_version, sqrt, startswith, substring, time, timestamp, topic, traceid,
    transform, trigonometry, trim, trunc, upper,
};

/// The function of that name, letter case aside (RULES-002).
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// Every function, by kind and name.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|(_, functions)| functions.iter().copied())
}

/// The functions under the headings of the reference.
pub(in crate::sql) const FAMILIES: &[(&str, &[&Function])] = &[
    (
        "Numbers",
        &[
            &abs::FUNCTION,
            &trigonometry::ACOS,
            &trigonometry::ASIN,
            &trigonometry::ATAN,
            &atan2::FUNCTION,
            &bitand::FUNCTION,
            &bitnot::FUNCTION,
            &bitor::FUNCTION,
            &bitxor::FUNCTION,
            &ceil::FUNCTION,
            &trigonometry::COS,
            &trigonometry::COSH,
            &exp::FUNCTION,
            &floor::FUNCTION,
            &ln::FUNCTION,
            &log::FUNCTION,
            &modulo::MOD,
            &nanvl::FUNCTION,
            &power::FUNCTION,
            &rand::FUNCTION,
            &modulo::REMAINDER,
            &round::FUNCTION,
            &sign::FUNCTION,
            &trigonometry::SIN,
            &trigonometry::SINH,
            &sqrt::FUNCTION,
            &trigonometry::TAN,
            &trigonometry::TANH,
            &trunc::FUNCTION,
        ],
    ),
    (
        "Text",
        &[
            &chr::FUNCTION,
            &concat::FUNCTION,
            &endswith::FUNCTION,
            &indexof::FUNCTION,
            &length::FUNCTION,
            &lower::FUNCTION,
            &lpad::FUNCTION,
            &ltrim::FUNCTION,
            &numbytes::FUNCTION,
            &regexp_matches::FUNCTION,
            &regexp_replace::FUNCTION,
            &regexp_substr::FUNCTION,
            &replace::FUNCTION,
            &rpad::FUNCTION,
            &rtrim::FUNCTION,
            &startswith::FUNCTION,
            &substring::FUNCTION,
            &trim::FUNCTION,
            &upper::FUNCTION,
        ],
    ),
    (
        "Collections and types",
        &[
            &cast::FUNCTION,
            &get::FUNCTION,
            &get_or_default::FUNCTION,
            &isnull::FUNCTION,
            &isundefined::FUNCTION,
            &transform::FUNCTION,
        ],
    ),
    (
        "Coding, hashes, time",
        &[
            &decode::FUNCTION,
            &encode::FUNCTION,
            &hashes::MD2,
            &hashes::MD5,
            &hashes::SHA1,
            &hashes::SHA224,
            &hashes::SHA256,
            &hashes::SHA384,
            &hashes::SHA512,
            &time::format::FUNCTION,
            &time::parse::FUNCTION,
        ],
    ),
    (
        "The message and its context",
        &[
            &accountid::FUNCTION,
            &clientid::FUNCTION,
            &get_mqtt_property::FUNCTION,
            &get_user_properties::FUNCTION,
            &newuuid::FUNCTION,
            &principal::FUNCTION,
            &sourceip::FUNCTION,
            &sql_version::FUNCTION,
            &timestamp::FUNCTION,
            &topic::FUNCTION,
            &traceid::FUNCTION,
        ],
    ),
    (
        "Functions that look outward",
        &[
            &aws_lambda::FUNCTION,
            &get_dynamodb::FUNCTION,
            &get_registry_data::FUNCTION,
            &get_secret::FUNCTION,
            &get_thing_shadow::FUNCTION,
            &machinelearning_predict::FUNCTION,
        ],
    ),
];
