//! The hash functions: lower-case hex of the String form in UTF-8 (RULES-264).

use sha2::Digest;

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::value::Value;

pub(super) static MD2: Function = Function::new(
    "md2",
    "md2(text)",
    "The MD2 hash of the text as lower-case hexadecimal digits.",
    Body::Pure(hash::<md2::Md2>),
)
.examples(&[
    example(r#"md2('hello')"#, r#""a9046c73e00331af68917d3804f70655""#),
    example(r#"md2(null)"#, r#"undefined"#),
]);

pub(super) static MD5: Function = Function::new(
    "md5",
    "md5(text)",
    "The MD5 hash of the text as lower-case hexadecimal digits.",
    Body::Pure(hash::<md5::Md5>),
)
.examples(&[
    example(r#"md5('hello')"#, r#""5d41402abc4b2a76b9719d911017c592""#),
    example(r#"md5(null)"#, r#"undefined"#),
]);

pub(super) static SHA1: Function = Function::new(
    "sha1",
    "sha1(text)",
    "The SHA-1 hash of the text as lower-case hexadecimal digits.",
    Body::Pure(hash::<sha1::Sha1>),
)
.examples(&[
    example(r#"sha1('hello')"#, r#""aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d""#),
    example(r#"sha1(null)"#, r#"undefined"#),
]);

pub(super) static SHA224: Function = Function::new(
    "sha224",
    "sha224(text)",
    "The SHA-224 hash of the text as lower-case hexadecimal digits.",
    Body::Pure(hash::<sha2::Sha224>),
)
.examples(&[
    example(r#"sha224('hello')"#, r#""ea09ae9cc6768c50fcee903ed054556e5bfc8347907f12598aa24193""#),
    example(r#"sha224(null)"#, r#"undefined"#),
]);

pub(super) static SHA256: Function = Function::new(
    "sha256",
    "sha256(text)",
    "The SHA-256 hash of the text as lower-case hexadecimal digits.",
    Body::Pure(hash::<sha2::Sha256>),
)
.examples(&[
    example(r#"sha256('hello')"#, r#""2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824""#),
    example(r#"sha256(null)"#, r#"undefined"#),
]);

pub(super) static SHA384: Function = Function::new(
    "sha384",
    "sha384(text)",
    "The SHA-384 hash of the text as lower-case hexadecimal digits.",
    Body::Pure(hash::<sha2::Sha384>),
).examples(&[
    example(r#"sha384('hello')"#, r#""59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de828684f""#),
    example(r#"sha384(null)"#, r#"undefined"#),
]);

pub(super) static SHA512: Function = Function::new(
    "sha512",
    "sha512(text)",
    "The SHA-512 hash of the text as lower-case hexadecimal digits.",
    Body::Pure(hash::<sha2::Sha512>),
).examples(&[
    example(r#"sha512('hello')"#, r#""9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043""#),
    example(r#"sha512(null)"#, r#"undefined"#),
]);

fn hash<D: Digest>(arguments: &[Value]) -> Value {
    let [text] = arguments else { return Value::Undefined };
    to_text(text).map_or(Value::Undefined, |text| hex::encode(D::digest(text.as_bytes())).into())
}
