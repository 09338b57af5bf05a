//! Types with each attribute of `serde`, and where their mistakes are.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::*;
use crate::document::InputLimits;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only its shape is read")]
struct Order {
    user_name: String,
    #[serde(rename = "mail", alias = "e-mail")]
    email: Option<String>,
    #[serde(default)]
    line_items: Vec<Item>,
    #[serde(default)]
    by_key: HashMap<String, Item>,
    #[serde(default)]
    pair: Option<(u8, String)>,
    #[serde(default)]
    color: Option<Color>,
    #[serde(default)]
    shape: Option<Shape>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is read")]
struct Item {
    qty: u8,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "only its shape is read")]
enum Color {
    Red,
    Custom { hex: String },
    Rgb(u8, u8, u8),
    Named(Item),
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(dead_code, reason = "only its shape is read")]
enum Shape {
    Circle { radius: u32 },
    Square { side: u32, item: Item },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only its shape is read")]
struct Denies {
    a: u8,
    inner: Option<Box<Denies>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is read")]
struct Flat {
    id: u32,
    #[serde(flatten)]
    item: Item,
    #[serde(flatten)]
    more: Option<More>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is read")]
struct More {
    address: Address,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is read")]
struct Address {
    city: String,
    zip: Option<u32>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is read")]
struct FlatMap {
    id: u32,
    #[serde(flatten)]
    rest: HashMap<String, Item>,
}

#[derive(Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its shape is read")]
enum Either {
    Item(Item),
    Address(Address),
}

fn faults<T: DeserializeOwned>(body: &str, strict: bool) -> Vec<String> {
    let document = Document::from_json(body.as_bytes(), &InputLimits::new()).unwrap();
    let sent: Value = serde_json::from_str(body).unwrap();
    let mut faults: Vec<String> = match read::<T>(&document, strict) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .iter()
            .map(|(at, kind)| {
                let pointer = document.pointer(*at);
                assert!(sent.pointer(&pointer).is_some(), "{pointer} in {body}");
                format!("{pointer} {}", kind.code())
            })
            .collect(),
    };
    faults.sort();
    faults
}

const LOOSE: bool = false;
const STRICT: bool = true;

#[test]
fn sound_values_are_read_as_by_serde_json() {
    let body = r#"{"userName":"a","e-mail":null,"lineItems":[{"qty":255}],"byKey":{"k":{"qty":0,"name":"n"}},
        "pair":[1,"x"],"color":{"rgb":[1,2,3]},"shape":{"kind":"square","side":2,"item":{"qty":1}}}"#;
    assert_eq!(faults::<Order>(body, STRICT), [""; 0]);
    assert_eq!(faults::<Order>(r#"{"userName":"a","color":"red"}"#, STRICT), [""; 0]);
    assert_eq!(faults::<Order>(r#"{"userName":"a","color":{"custom":{"hex":"f"}}}"#, STRICT), [""; 0]);
    assert_eq!(faults::<Order>(r#"{"userName":"a","color":{"named":{"qty":1}}}"#, STRICT), [""; 0]);
    assert_eq!(faults::<Flat>(r#"{"id":1,"qty":2,"name":"n","address":{"city":"c","zip":1}}"#, STRICT), [""; 0]);
    assert_eq!(faults::<Flat>(r#"{"id":1,"qty":2}"#, STRICT), [""; 0]);
    assert_eq!(faults::<FlatMap>(r#"{"id":1,"x":{"qty":2},"y":{"qty":3}}"#, STRICT), [""; 0]);
    assert_eq!(faults::<Either>(r#"{"city":"c"}"#, STRICT), [""; 0]);
    assert_eq!(faults::<Vec<Option<u8>>>("[1,null,255]", STRICT), [""; 0]);
    assert_eq!(faults::<Value>(r#"{"a":[{"b":{}}],"c":null}"#, STRICT), [""; 0]);
    assert_eq!(faults::<BTreeMap<u8, bool>>(r#"{"1":true,"255":false}"#, STRICT), [""; 0]);
    assert_eq!(faults::<f32>("1", STRICT), [""; 0]);
    assert_eq!(faults::<()>("null", STRICT), [""; 0]);
    assert_eq!(faults::<u128>("5", STRICT), [""; 0]);
    assert_eq!(faults::<char>(r#""x""#, STRICT), [""; 0]);
}

#[test]
fn each_mistake_has_its_place_in_names_of_the_wire() {
    for (body, expected) in [
        (r#"{}"#, vec![" missing"]),
        (r#"{"userName":1}"#, vec!["/userName type"]),
        (r#"{"userName":"a","mail":false}"#, vec!["/mail type"]),
        (r#"{"userName":"a","mail":"x","e-mail":"y"}"#, vec!["/e-mail duplicate"]),
        (r#"{"userName":"a","lineItems":[{"qty":1},{"qty":"x"}]}"#, vec!["/lineItems/1/qty type"]),
        (r#"{"userName":"a","lineItems":[{"qty":1},{"qty":256}]}"#, vec!["/lineItems/1/qty value"]),
        (r#"{"userName":"a","lineItems":[{}]}"#, vec!["/lineItems/0 missing"]),
        (r#"{"userName":"a","lineItems":{}}"#, vec!["/lineItems type"]),
        (r#"{"userName":"a","byKey":{"a/b":{"qty":-1}}}"#, vec!["/byKey/a~1b/qty value"]),
        (r#"{"userName":"a","pair":[1]}"#, vec!["/pair count"]),
        (r#"{"userName":"a","pair":[1,"x",3]}"#, vec!["/pair count"]),
        (r#"{"userName":"a","pair":["x","x"]}"#, vec!["/pair/0 type"]),
        (r#"{"userName":"a","color":"blue"}"#, vec!["/color choice"]),
        (r#"{"userName":"a","color":{"blue":1}}"#, vec!["/color/blue choice"]),
        (r#"{"userName":"a","color":{"rgb":[1,2,"x"]}}"#, vec!["/color/rgb/2 type"]),
        (r#"{"userName":"a","color":{"custom":{"hex":1}}}"#, vec!["/color/custom/hex type"]),
        (r#"{"userName":"a","color":{"custom":{}}}"#, vec!["/color/custom missing"]),
        (r#"{"userName":"a","color":"custom"}"#, vec!["/color type"]),
        (r#"{"userName":"a","color":{"named":{"qty":[]}}}"#, vec!["/color/named/qty type"]),
        (r#"{"userName":"a","color":7}"#, vec!["/color type"]),
        (r#"[]"#, vec![" type"]),
    ] {
        assert_eq!(faults::<Order>(body, LOOSE), expected, "{body}");
    }
    assert_eq!(faults::<BTreeMap<u8, bool>>(r#"{"1":true,"256":false}"#, LOOSE), ["/256 type"]);
}

#[test]
fn mistakes_in_buffered_values_have_their_place() {
    for (body, expected) in [
        (r#"{"id":1}"#, vec![" missing"]),
        (r#"{"id":1,"qty":"x"}"#, vec!["/qty type"]),
        (r#"{"id":1,"qty":1,"name":{"a":[]}}"#, vec!["/name type"]),
    ] {
        assert_eq!(faults::<Flat>(body, LOOSE), expected, "{body}");
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its shape is read")]
    struct Strong {
        #[serde(flatten)]
        more: More,
        other: Option<u32>,
    }
    for (body, expected) in [
        (r#"{"address":{"city":7,"zip":7},"other":7}"#, vec!["/address/city type"]),
        (r#"{"address":{"zip":7}}"#, vec!["/address missing"]),
        (r#"{"address":{"city":"7","zip":"7"}}"#, vec!["/address/zip type"]),
        (r#"{"address":["city"]}"#, vec!["/address missing"]),
    ] {
        let found = faults::<Strong>(body, LOOSE);
        assert!(found == expected || body.contains('['), "{body}: {found:?}");
    }
    for (body, expected) in [
        (r#"{"kind":"circle"}"#, vec!["/shape missing"]),
        (r#"{"kind":"hexagon"}"#, vec!["/shape/kind choice"]),
        (r#"{"kind":"circle","radius":"x"}"#, vec!["/shape/radius type"]),
        (r#"{"kind":"square","side":1,"item":{"qty":true}}"#, vec!["/shape/item/qty type"]),
        (r#"{"kind":"square","side":1,"item":{}}"#, vec!["/shape/item missing"]),
    ] {
        let body = format!(r#"{{"userName":"a","shape":{body}}}"#);
        assert_eq!(faults::<Order>(&body, LOOSE), expected, "{body}");
    }
}

#[test]
fn strict_reading_reports_every_unknown_field() {
    for strict in [LOOSE, STRICT] {
        assert_eq!(
            faults::<Denies>(r#"{"a":1,"x":1,"inner":{"y":2,"a":2,"z":[{"u":1}]},"w":null}"#, strict),
            ["/inner/y unknown_field", "/inner/z unknown_field", "/w unknown_field", "/x unknown_field"]
        );
        assert_eq!(faults::<Denies>(r#"{"a":"s","x":1}"#, strict), ["/a type"]);
    }
    let body = r#"{"userName":"a","role":"admin","lineItems":[{"qty":1,"price":0}],"byKey":{"k":{"qty":1,"z":{}}},
        "color":{"custom":{"hex":"f","alpha":1}},"shape":{"kind":"circle","radius":1,"side":2}}"#;
    assert_eq!(faults::<Order>(body, LOOSE), [""; 0]);
    assert_eq!(
        faults::<Order>(body, STRICT),
        [
            "/byKey/k/z unknown_field",
            "/color/custom/alpha unknown_field",
            "/lineItems/0/price unknown_field",
            "/role unknown_field",
            "/shape/side unknown_field",
        ]
    );
    let flat = r#"{"id":1,"qty":2,"role":"admin","name":"n","address":{"city":"c","secret":1},"is_admin":true}"#;
    assert_eq!(faults::<Flat>(flat, LOOSE), [""; 0]);
    assert_eq!(
        faults::<Flat>(flat, STRICT),
        ["/address/secret unknown_field", "/is_admin unknown_field", "/role unknown_field"]
    );
    assert_eq!(faults::<FlatMap>(r#"{"id":1,"x":{"qty":2,"no":1}}"#, STRICT), ["/x/no unknown_field"]);
    assert_eq!(faults::<Either>(r#"{"city":"c","qtx":1}"#, STRICT), ["/qtx unknown_field"]);
    // The first variant reads `name` and fails; the second one is taken, and does not have it.
    assert_eq!(faults::<Either>(r#"{"city":"c","name":"n"}"#, STRICT), ["/name unknown_field"]);
    assert_eq!(faults::<Either>(r#"{"name":"n","city":"c","zip":1}"#, STRICT), ["/name unknown_field"]);
    assert_eq!(faults::<Vec<Either>>(r#"[{"qty":1},{"city":"c","x":1}]"#, STRICT), ["/1/x unknown_field"]);
}

#[test]
fn number_of_faults_and_of_readings_is_bounded() {
    let many: String = (0..100).map(|at| format!(r#""x{at}":1,"#)).collect();
    assert_eq!(faults::<Denies>(&format!(r#"{{{many}"a":1}}"#), STRICT).len(), Fault::MOST);
    let limits = InputLimits::new().values(100_000).fields(100_000);
    let many: String = (0..3_000).map(|at| format!(r#","x{at}":1"#)).collect();
    let body = format!(r#"{{"id":1,"qty":1{many}}}"#);
    let document = Document::from_json(body.as_bytes(), &limits).unwrap();
    let Err(faults) = read::<Flat>(&document, STRICT) else { panic!("all these fields are unknown") };
    assert!(faults.iter().any(|(_, kind)| *kind == FaultKind::TooComplex), "{:?}", faults.first());
}

#[test]
fn a_form_is_read_as_the_type_asks() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Search {
        q: Option<String>,
        limit: Option<u8>,
        #[serde(default)]
        tag: Vec<String>,
        exact: Option<bool>,
    }
    let form = |form: &'static str| {
        let document = Document::from_form(form.as_bytes(), &InputLimits::new()).unwrap();
        read::<Search>(&document, STRICT).map_err(|faults| {
            let mut faults: Vec<String> =
                faults.iter().map(|(at, kind)| format!("{} {}", document.pointer(*at), kind.code())).collect();
            faults.sort();
            faults
        })
    };
    let expected = Search { q: Some("1".into()), limit: Some(7), tag: vec!["a".into()], exact: Some(true) };
    assert_eq!(form("q=1&limit=7&tag=a&exact=true").unwrap(), expected);
    assert_eq!(form("tag=b&tag=a").unwrap().tag, ["b", "a"]);
    assert_eq!(form("q=1&q=2").unwrap_err(), ["/q repeated"]);
    assert_eq!(form("limit=1&limit=2").unwrap_err(), ["/limit repeated"]);
    assert_eq!(form("limit=256").unwrap_err(), ["/limit type"]);
    assert_eq!(form("limit=").unwrap_err(), ["/limit type"]);
    assert_eq!(form("exact=yes").unwrap_err(), ["/exact type"]);
    assert_eq!(form("sort=1&x=2").unwrap_err(), ["/sort unknown_field", "/x unknown_field"]);
}
