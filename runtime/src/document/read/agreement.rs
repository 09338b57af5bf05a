//! Bodies that `serde_json` accepts, read by palisade.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::num::NonZeroU8;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::document::InputLimits;

/// Whether palisade reads the same value as `serde_json`, or rejects what it rejects.
fn agrees<T: DeserializeOwned + Debug>(body: &str) -> Result<(), String> {
    let theirs = serde_json::from_str::<T>(body);
    for strict in [false, true] {
        let ours = match Document::from_json(body.as_bytes(), &InputLimits::new()) {
            Ok(document) => read::<T>(&document, strict).map_err(|faults| format!("{faults:?}")),
            Err(failure) => Err(format!("{failure:?}")),
        };
        let (ours, theirs) = (ours.map(|v| format!("{v:?}")), theirs.as_ref().map(|v| format!("{v:?}")));
        let same = match (&ours, &theirs) {
            (Ok(a), Ok(b)) => a == b,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !same {
            return Err(format!(
                "{} {body} strict {strict}: {ours:?}, serde_json {theirs:?}",
                std::any::type_name::<T>()
            ));
        }
    }
    Ok(())
}

#[derive(Deserialize, Debug)]
struct UnitStruct;
#[derive(Deserialize, Debug)]
#[allow(dead_code, reason = "only its shape is read")]
struct Newtype(u8);
#[derive(Deserialize, Debug)]
#[allow(dead_code, reason = "only its shape is read")]
struct Pair(u8, String);
#[derive(Deserialize, Debug)]
#[allow(dead_code, reason = "only its shape is read")]
enum EveryVariant {
    Unit,
    New(u8),
    Pair(u8, u8),
    Named { a: u8 },
    Opt(Option<u8>),
    Nothing(()),
}
#[derive(Deserialize, Debug)]
#[serde(tag = "t")]
#[allow(dead_code, reason = "only its shape is read")]
enum Tagged {
    A {
        x: f64,
    },
    B(HashMap<String, u8>),
    #[serde(other)]
    Other,
}
#[derive(Deserialize, Debug)]
#[serde(tag = "t", content = "c")]
#[allow(dead_code, reason = "only its shape is read")]
enum Adjacent {
    A(u8),
    B { x: char },
    C,
}
#[derive(Deserialize, Debug)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its shape is read")]
enum UntaggedValue {
    N(i64),
    F(f64),
    S(String),
    L(Vec<UntaggedValue>),
    O { a: Option<u8> },
    Null,
}
#[derive(Deserialize, Debug)]
#[allow(dead_code, reason = "only its shape is read")]
struct Flat {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}
#[derive(Deserialize, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum NamedKey {
    X,
    Y,
}
#[derive(Deserialize, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct KeyOf(u16);

/// Reads the first member only.
#[derive(Debug)]
#[allow(dead_code, reason = "only its shape is read")]
struct FirstMemberOnly(String);
impl<'de> Deserialize<'de> for FirstMemberOnly {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> serde::de::Visitor<'de> for V {
            type Value = FirstMemberOnly;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<FirstMemberOnly, A::Error> {
                let (_, value): (String, String) =
                    map.next_entry()?.ok_or_else(|| serde::de::Error::custom("nothing"))?;
                Ok(FirstMemberOnly(value))
            }
        }
        deserializer.deserialize_map(V)
    }
}

#[test]
fn each_type_reads_the_same_as_from_serde_json() {
    let mut found = Vec::new();
    macro_rules! check {
        ($($type:ty: $($body:expr),*;)*) => {$($(found.extend(agrees::<$type>($body).err());)*)*};
    }
    check! {
        u128: "1", "340282366920938463463374607431768211455", "18446744073709551616", "340282366920938463463374607431768211456", "-1", "1.0", "1e3";
        i128: "-1", "-170141183460469231731687303715884105728", "170141183460469231731687303715884105727", "-9223372036854775809";
        Vec<u128>: "[18446744073709551616, 5, 18446744073709551617]";
        u64: "18446744073709551615", "18446744073709551616", "-0", "1.0", "1e2";
        i64: "-9223372036854775808", "9223372036854775808";
        f32: "1", "1e40", "-0", "0.1"; f64: "18446744073709551616", "1", "null", "1e308", "5e-324", "123456789012345678901234567890";
        char: "\"a\"", "\"ab\"", "\"\\u00e9\"", "\"\""; bool: "true", "1", "\"true\"";
        (): "null", "[]", "{}"; UnitStruct: "null", "{}", "[]"; Newtype: "1", "[1]"; Pair: "[1,\"a\"]", "[1]", "[1,\"a\",2]";
        (u8,): "[1]", "1"; [u8; 2]: "[1,2]", "[1,2,3]";
        EveryVariant: "\"Unit\"", "{\"Unit\":null}", "{\"New\":1}", "{\"Pair\":[1,2]}", "{\"Named\":{\"a\":1}}", "{\"Opt\":null}", "\"Opt\"", "\"Nothing\"", "{\"Nothing\":null}", "{}", "{\"New\":1,\"Unit\":null}", "\"New\"";
        Tagged: "{\"t\":\"A\",\"x\":1}", "{\"x\":1.5,\"t\":\"A\"}", "{\"t\":\"B\",\"k\":1}", "[\"A\",1.0]";
        Adjacent: "{\"t\":\"A\",\"c\":1}", "{\"c\":1,\"t\":\"A\"}", "{\"t\":\"B\",\"c\":{\"x\":\"y\"}}", "{\"t\":\"C\"}", "{\"t\":\"C\",\"c\":null}";
        UntaggedValue: "1", "1.5", "\"a\"", "[1,[2.5]]", "{\"a\":null}", "{\"a\":1}", "null", "true", "[]";
        Flat: "{\"a\":1,\"b\":{\"c\":[1,2.5,null,\"x\"]}}", "{\"a\":1}";
        HashMap<u32, u8>: "{\"1\":2}", "{\"01\":2}", "{\"+1\":2}", "{\" 1\":2}", "{\"1.0\":2}";
        HashMap<i64, u8>: "{\"-1\":2}", "{\"-0\":2}", "{\"+1\":2}";
        HashMap<bool, u8>: "{\"true\":2}"; HashMap<char, u8>: "{\"a\":2}"; HashMap<NamedKey, u8>: "{\"X\":2}"; BTreeMap<KeyOf, u8>: "{\"3\":2}";
        HashMap<Option<u8>, u8>: "{\"3\":2}"; HashMap<u128, u8>: "{\"340282366920938463463374607431768211455\":1}";
        Option<Vec<Option<NonZeroU8>>>: "[1,null]", "[0]", "null";
        Option<Option<u8>>: "null", "1"; Option<()>: "null";
        serde_json::Value: "{\"a\":[1,-1,1.5,\"x\",null,true,{}]}", "18446744073709551616";
        serde_json::Number: "1", "1.5", "-3"; serde_json::Map<String, serde_json::Value>: "{\"a\":1}";
        std::net::IpAddr: "\"127.0.0.1\""; std::time::Duration: "{\"secs\":1,\"nanos\":2}"; std::path::PathBuf: "\"a\"";
        Box<str>: "\"a\\n\""; std::borrow::Cow<'static, str>: "\"a\""; Result<u8, String>: "{\"Ok\":1}"; std::ops::Range<u8>: "{\"start\":1,\"end\":2}";
        std::ops::Bound<u8>: "\"Unbounded\"", "{\"Included\":1}";
        FirstMemberOnly: "{\"a\":\"b\"}", "{\"a\":\"b\",\"c\":\"d\"}";
        serde::de::IgnoredAny: "1", "[1]", "{\"a\":[1]}";
        std::time::SystemTime: "{\"secs_since_epoch\":1,\"nanos_since_epoch\":2}";
        std::cmp::Reverse<u8>: "1"; std::num::Wrapping<u8>: "1"; std::cell::RefCell<u8>: "1"; std::sync::atomic::AtomicU8: "1";
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// `serde_json` skips the value of an unknown field without making it.
#[test]
fn number_or_text_that_rust_cannot_hold_is_rejected_also_in_an_unknown_field() {
    for body in [r#"{"x":1e999}"#, r#"{"x":"\ud800"}"#] {
        assert!(serde_json::from_str::<HashMap<String, serde::de::IgnoredAny>>(body).is_ok());
        assert!(Document::from_json(body.as_bytes(), &InputLimits::new()).is_err());
    }
}

#[test]
fn what_is_not_a_number_is_no_number_of_a_form() {
    for text in ["NaN", "nan", "inf", "-infinity", "1e999"] {
        let form = format!("n={text}");
        let document = Document::from_form(form.as_bytes(), &InputLimits::new()).unwrap();
        assert!(read::<HashMap<String, f64>>(&document, false).is_err(), "{text}");
        assert!(read::<HashMap<String, f32>>(&document, false).is_err(), "{text}");
    }
    let document = Document::from_form(b"n=-1.5e3", &InputLimits::new()).unwrap();
    assert_eq!(read::<HashMap<String, f64>>(&document, false).unwrap()["n"], -1500.0);
}

/// A sound input of a strict type is looked through once for values that may have been buffered.
#[test]
fn many_values_of_any_type_are_read_in_linear_time() {
    let read_all = |count: usize| {
        let body = format!("[{}0]", "0,".repeat(count));
        let document = Document::from_json(body.as_bytes(), &InputLimits::new().values(u32::MAX)).unwrap();
        let start = std::time::Instant::now();
        assert_eq!(read::<Vec<serde_json::Value>>(&document, true).unwrap().len(), count + 1);
        start.elapsed()
    };
    let least = |count| (0..3).map(|_| read_all(count)).min().unwrap();
    let (few, many) = (least(2_000), least(64_000));
    assert!(many < few * 200, "{few:?}, {many:?}");
}
