//! CWE-347, CWE-327: published forgeries and malformed keys that have broken other verifiers (Wycheproof, see
//! `README.md`).

use std::fs;
use std::path::Path;

use palisade::jwt::KeySet;
use palisade::testing::verify_signature;
use serde::Deserialize;
use serde_json::{Value, json};

/// The `alg` of the key differs from that of the header. A verifier that ignores the key's `alg` may accept these;
/// palisade must not (RFC 8725 §3.1).
const OTHER_ALGORITHM: [u32; 4] = [346, 347, 350, 351];
/// Equal to the valid vector 357 byte for byte, yet marked invalid, so that no verifier can distinguish them.
const TWINS_OF_A_VALID_ONE: [u32; 2] = [367, 370];
/// Contain characters outside of the base64url alphabet (RFC 7515 §2), yet marked valid.
const NOT_BASE64URL: [u32; 2] = [372, 373];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    number_of_tests: usize,
    test_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    comment: String,
    private: Value,
    public: Option<Value>,
    tests: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "tcId")]
    id: u32,
    comment: String,
    jws: Jws,
    result: Label,
}

/// The compact form, or one of the JSON forms, which a bearer credential cannot have.
#[derive(Deserialize)]
#[serde(untagged)]
enum Jws {
    Compact(String),
    Json(Value),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Label {
    Valid,
    Invalid,
}

#[derive(Default)]
struct Score {
    valid: usize,
    invalid: usize,
    skipped: Vec<u32>,
    mismatches: Vec<String>,
}

fn read(name: &str) -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let file: File = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let vectors: usize = file.test_groups.iter().map(|group| group.tests.len()).sum();
    assert_eq!(vectors, file.number_of_tests, "{name} is incomplete");
    file
}

/// A key set that cannot be built accepts no token.
fn verdict(document: &str, jws: &Jws) -> (Label, String) {
    let keys = match KeySet::from_jwks(document) {
        Ok(keys) => keys,
        Err(mistake) => return (Label::Invalid, mistake.to_string()),
    };
    let text = match jws {
        Jws::Compact(text) => text.clone(),
        Jws::Json(value) => value.to_string(),
    };
    match verify_signature(&keys, &text) {
        Ok(()) => (Label::Valid, "verified".to_owned()),
        Err(rejection) => (Label::Invalid, format!("{rejection:?}")),
    }
}

impl Score {
    fn of(file: &File, skip: &[u32], document: impl Fn(&Value) -> Value, label: impl Fn(&Vector) -> Label) -> Self {
        let mut score = Self::default();
        for group in &file.test_groups {
            let document = document(group.public.as_ref().unwrap_or(&group.private)).to_string();
            for vector in &group.tests {
                if skip.contains(&vector.id) {
                    score.skipped.push(vector.id);
                    continue;
                }
                let expected = label(vector);
                match expected {
                    Label::Valid => score.valid += 1,
                    Label::Invalid => score.invalid += 1,
                }
                let (found, why) = verdict(&document, &vector.jws);
                if found != expected {
                    let Vector { id, comment, .. } = vector;
                    let group = &group.comment;
                    score.mismatches.push(format!("{id} ({group}, {comment}): {found:?} ({why}), not {expected:?}"));
                }
            }
        }
        score
    }

    #[track_caller]
    fn assert(&self, valid: usize, invalid: usize, skipped: &[u32]) {
        assert!(self.mismatches.is_empty(), "{} mismatches:\n{}", self.mismatches.len(), self.mismatches.join("\n"));
        assert_eq!((self.valid, self.invalid), (valid, invalid), "number of scored vectors");
        assert_eq!(self.skipped, skipped, "list of skipped vectors");
    }
}

#[test]
fn published_signatures_get_their_verdict() {
    let file = read("json_web_signature_test.json");
    assert_eq!(file.number_of_tests, 401);
    let mut skip = [&OTHER_ALGORITHM[..], &TWINS_OF_A_VALID_ONE[..]].concat();
    skip.sort_unstable();
    let label = |vector: &Vector| if NOT_BASE64URL.contains(&vector.id) { Label::Invalid } else { vector.result };
    let score = Score::of(&file, &skip, |key| json!({ "keys": [key] }), label);
    score.assert(40, 355, &skip);
}

#[test]
fn published_key_sets_get_their_verdict() {
    let file = read("json_web_key_test.json");
    assert_eq!(file.number_of_tests, 26);
    let score = Score::of(&file, &[], Value::clone, |vector| vector.result);
    score.assert(5, 21, &[]);
}

/// The labels that the test does not follow are still the same as when that was decided.
#[test]
fn unfollowed_labels_are_unchanged() {
    let file = read("json_web_signature_test.json");
    let vector = |id: u32| {
        let mut all = file.test_groups.iter().flat_map(|group| group.tests.iter().map(move |test| (group, test)));
        all.find(|(_, test)| test.id == id).unwrap()
    };
    let text = |id: u32| match &vector(id).1.jws {
        Jws::Compact(text) => text.as_str(),
        Jws::Json(_) => panic!("{id} is not in compact form"),
    };
    for id in TWINS_OF_A_VALID_ONE {
        assert_eq!((vector(357).1.result, vector(id).1.result), (Label::Valid, Label::Invalid));
        assert_eq!(text(id), text(357));
    }
    for id in NOT_BASE64URL {
        assert_eq!(vector(id).1.result, Label::Valid);
        assert!(!text(id).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{id}");
    }
}
