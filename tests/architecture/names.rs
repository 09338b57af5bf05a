//! A type name means one thing, and the public interface is short.

use std::collections::BTreeMap;
use std::fs;

use crate::{root, rust_files};

/// Names that macros and runtime share on purpose: the macro's type is the model of what it writes, and what it writes is the type of
/// the runtime.
const MIRRORS: [&str; 9] =
    ["AuthScheme", "By", "Count", "OnStoreFailure", "Policy", "RateLimit", "Route", "Rule", "Validation"];

/// The types that a file declares outside of its tests: what follows `struct`, `enum`, `trait` or (at the margin) `type`.
fn declared_types(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut types = Vec::new();
    for line in code.lines() {
        let line = line.replace("in crate::", "").replace("in super", "");
        let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub") || word.ends_with(')'));
        let is_type = match words.next() {
            Some("struct" | "enum" | "trait" | "union") => true,
            Some("type") => !line.starts_with(' '),
            _ => false,
        };
        if let (true, Some(name)) = (is_type, words.next()) {
            types.push(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    types
}

#[test]
fn a_type_name_means_one_thing() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["macros", "runtime/src"] {
        for file in rust_files(&root().join(folder)) {
            let path = file.strip_prefix(root()).unwrap().display().to_string();
            if path.contains("/tests") {
                continue;
            }
            // The type that implements an attribute has the name of that attribute.
            let attribute = path.strip_prefix("macros/src/attributes/").map(|path| path.replace("/mod.rs", ""));
            let attribute = attribute.map(|path| path.trim_end_matches(".rs").replace('_', ""));
            for name in declared_types(&fs::read_to_string(&file).unwrap())
                .into_iter()
                .filter(|name| !name.is_empty() && attribute.as_deref() != Some(name.to_lowercase().as_str()))
            {
                places.entry(name).or_default().push(path.clone());
            }
        }
    }
    assert!(places.len() > 100, "only {} types were found: the test no longer reads the source", places.len());
    let is_mirror = |name: &str, files: &[String]| {
        let of_macros = files.iter().filter(|file| file.starts_with("macros/")).count();
        MIRRORS.contains(&name) && files.len() == 2 && of_macros == 1
    };
    let doubles: Vec<_> = places.iter().filter(|(name, files)| files.len() > 1 && !is_mirror(name, files)).collect();
    assert!(doubles.is_empty(), "give each of these types a name of its own: {doubles:#?}");
}

/// `#[doc(hidden)]` hides what is public all the same. What only generated code names is in `__v1`.
#[test]
fn nothing_public_is_hidden_outside_of_the_private_module() {
    // A macro of a crate has no module to be in, and what a derive writes is in the crate of the user.
    let exceptions = [
        ("macros/src/derive/role.rs", 1),
        ("macros/src/lib.rs", 2),
        ("runtime/src/endpoint/arguments/mod.rs", 2),
        ("runtime/src/endpoint/mod.rs", 2),
        ("runtime/src/lib.rs", 2),
        ("runtime/src/testing/access.rs", 1),
        ("runtime/src/testing/committed.rs", 1),
    ];
    for folder in ["macros/src", "runtime/src"] {
        for file in rust_files(&root().join(folder)) {
            let path = file.strip_prefix(root()).unwrap().display().to_string();
            let hidden = fs::read_to_string(&file).unwrap().matches("#[doc(hidden)]").count();
            let allowed = exceptions.iter().find(|(name, _)| path == *name).map_or(0, |(_, count)| *count);
            assert_eq!(hidden, allowed, "{path} hides another number of items");
        }
    }
}

#[test]
fn the_root_has_at_most_25_names_besides_the_attributes() {
    let text = fs::read_to_string(root().join("runtime/src/lib.rs")).unwrap();
    let mut names = Vec::new();
    for item in text.split("\npub use self::").skip(1) {
        let path = item.split(';').next().unwrap_or_default();
        let last = path.rsplit("::").next().unwrap_or_default();
        names.extend(last.trim_matches(['{', '}']).split(',').map(|name| name.trim().to_owned()));
    }
    assert!(names.len() > 10, "{names:?}: the test no longer reads the source");
    assert!(names.len() <= 25, "the root has {} names: {names:?}", names.len());
}
