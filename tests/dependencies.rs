//! What palisade requires from its dependencies. It enables no feature of actix-web that it does not need, because an
//! application that disables such a feature would get it anyway (compressed bodies: CWE-409). The stated Rust version
//! must be correct.

use std::process::Command;

use serde_json::Value;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The features in the dependency tree of palisade, such as `actix-web feature "unicode"`.
fn features_of_palisade(more: &[&str]) -> Vec<String> {
    let arguments = [&["tree", "-p", "palisade", "-e", "no-dev,features", "--prefix", "none"], more].concat();
    cargo(&arguments).lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn only_the_unicode_feature_of_actix_web_is_enabled() {
    for more in [&[][..], &["--all-features"]] {
        let features = features_of_palisade(more);
        let mut actix_features: Vec<_> =
            features.iter().filter(|line| line.starts_with("actix-web feature ")).collect();
        actix_features.dedup();
        assert_eq!(actix_features, ["actix-web feature \"unicode\""], "{more:?}");
        // The feature `compression` of palisade brings its own decoders and enables none of actix-web's.
        let decoders: &[&str] =
            if more.is_empty() { &["compress", "brotli", "flate2", "zstd"] } else { &["\"compress-"] };
        let compressing = |line: &&String| decoders.iter().any(|word| line.contains(word));
        assert_eq!(features.iter().find(compressing), None, "{more:?}");
        // Without these features the router takes twice as long, and `validator` ten times.
        for kept in ["actix-router feature \"unicode\"", "regex feature \"perf\"", "regex feature \"unicode\""] {
            assert!(features.iter().any(|line| line == kept), "{kept} is off: {more:?}");
        }
    }
}

/// Parses `1.89` or `1.89.0`.
fn version(package: &Value) -> (u64, u64) {
    let mut parts = package["rust_version"].as_str().unwrap_or("0.0").split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}

/// All features of palisade, and those of them that do not need `sqlx`.
fn features() -> (Vec<String>, Vec<String>) {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime/Cargo.toml")).unwrap();
    let features = manifest.split("[features]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = features.lines().filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()));
    let all: Vec<String> = names.filter(|name| !name.starts_with('#')).collect();
    let others = all.iter().filter(|name| !name.starts_with("sqlx")).cloned().collect();
    (all, others)
}

/// The lowest Rust version that the dependencies of palisade with these features ask for.
fn lowest_rust(packages: &[Value], features: &[String]) -> (u64, u64) {
    let tree = ["tree", "-p", "palisade", "-e", "no-dev", "--prefix", "none", "--features", &features.join(",")];
    let tree = cargo(&tree);
    let used: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    let dependencies = packages.iter().filter(|package| {
        let name = package["name"].as_str().unwrap();
        used.contains(&name) && !name.starts_with("palisade")
    });
    assert!(dependencies.clone().count() > 50, "the dependency tree was not read");
    dependencies.map(version).max().unwrap()
}

/// `actix-web` determines the version, and with its features `sqlx`; `.ci/run` lets clippy check the use of the standard library.
#[test]
fn stated_rust_version_matches_the_dependencies() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--all-features"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let (all, without_sqlx) = features();
    assert!(all.len() == without_sqlx.len() + 3 && without_sqlx.len() > 8, "{all:?}");
    let lowest = lowest_rust(packages, &without_sqlx);
    for name in ["palisade", "palisade-macros", "palisade-grammar"] {
        let stated = packages.iter().find(|package| package["name"] == name).map(version);
        assert_eq!(stated, Some(lowest), "{name}");
    }

    let (major, minor) = lowest_rust(packages, &all);
    assert!((major, minor) > lowest, "the features of `sqlx` need nothing newer: state one version only");
    let stated = format!("{}.{}, and {major}.{minor} with `sqlx`", lowest.0, lowest.1);
    for page in ["README.md", "runtime/docs/guide/getting_started.md", "runtime/src/lib.rs"] {
        let text = std::fs::read_to_string(format!("{}/../{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(text.contains(&stated), "{page} does not state `{stated}`");
    }
    // `.ci/run` compiles with this version where it is installed.
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime/Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!("the lowest Rust is that of `sqlx`: {major}.{minor}.")));
}
