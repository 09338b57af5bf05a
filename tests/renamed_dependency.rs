//! A crate that uses palisade under another name, or through another crate: it compiles, or one error tells what to
//! write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const HANDLERS: &str = r#"
#[derive(Role)]
pub enum Staff { Admin }

#[get("/one")]
#[public]
pub async fn one() -> &'static str { "one" }

#[rate_limit(5, "15m")]
#[require_role(Staff::Admin)]
#[get("/two")]
pub async fn two() -> &'static str { "two" }

#[authenticated]
pub async fn three() -> &'static str { "three" }
"#;

/// The output of the compiler; it is empty if the source compiles.
fn compiled(folder: &TempDir, name: &str, externs: &[(&str, PathBuf)], kind: &str, source: &str) -> String {
    let root = folder.path().join(format!("{name}.rs"));
    fs::write(&root, source).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-name", name, "--crate-type", kind, "--emit", "metadata"]);
    rustc.arg("--out-dir").arg(folder.path()).arg(&root);
    for place in [libraries(), folder.path().to_owned()] {
        rustc.arg("-L").arg(format!("dependency={}", place.display()));
    }
    for (name, path) in externs {
        rustc.arg("--extern").arg(format!("{name}={}", path.display()));
    }
    let output = rustc.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.success(), !stderr.contains("error"), "{stderr}");
    stderr
}

/// The folder with the libraries that this test was linked with.
fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The palisade library that was built last.
fn palisade() -> PathBuf {
    let is_palisade = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("libpalisade-") && name.ends_with(".rlib")
    };
    let built = fs::read_dir(libraries()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| is_palisade(path));
    built.max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap()).unwrap()
}

/// A crate that re-exports all of palisade.
fn framework(folder: &TempDir) -> PathBuf {
    let source = "pub use palisade::*;\npub use palisade::__v1;\n#[macro_export] macro_rules! prelude { () => { extern crate framework as palisade; } }";
    assert_eq!(compiled(folder, "framework", &[("palisade", palisade())], "lib", source), "");
    folder.path().join("libframework.rmeta")
}

const IMPORTS: &str = "{Role, authenticated, get, public, rate_limit, require_role};";

/// Expects exactly one error, with these parts.
fn assert_only(output: &str, parts: &[&str]) {
    assert_eq!(output.matches("\nerror").count() + usize::from(output.starts_with("error")), 2, "{output}");
    assert!(output.contains("aborting due to 1 previous error"), "{output}");
    for part in parts {
        assert!(output.contains(part), "{part}: {output}");
    }
}

#[test]
fn renamed_dependency_gets_one_error_with_fix() {
    let folder = TempDir::new().unwrap();
    let externs = [("guard", palisade())];
    let source = format!("use guard::{IMPORTS}{HANDLERS}fn main() {{}}");
    let output = compiled(&folder, "app", &externs, "bin", &source);
    assert_only(
        &output,
        &["this crate calls it `guard`", "= help: write `extern crate guard as palisade;` at the top of"],
    );
    let source = format!("extern crate guard as palisade;\nuse guard::{IMPORTS}{HANDLERS}");
    assert_eq!(compiled(&folder, "app", &externs, "lib", &source), "");
}

/// Without expansion the handlers are not endpoints, so further compiler errors follow after the fix.
#[test]
fn first_error_names_the_fix() {
    let folder = TempDir::new().unwrap();
    let main = "fn main() { let _ = guard::scope(\"\").service(one); }";
    let source = format!("use guard::{IMPORTS}{HANDLERS}{main}");
    let output = compiled(&folder, "app", &[("guard", palisade())], "bin", &source);
    assert!(
        output.starts_with("error: palisade's attributes expand to code that needs the name `palisade`"),
        "{output}"
    );
    assert_eq!(output.matches("extern crate guard as palisade;").count(), 1, "{output}");
}

#[test]
fn reexported_palisade_gets_an_error_with_fix() {
    let folder = TempDir::new().unwrap();
    let externs = [("framework", framework(&folder))];
    let source = format!("use framework::{IMPORTS}{HANDLERS}fn main() {{}}");
    let output = compiled(&folder, "app", &externs, "bin", &source);
    assert_only(
        &output,
        &["no dependency of that name", "add `palisade` to the dependencies", "`extern crate name as palisade;`"],
    );
    let source = format!("extern crate framework as palisade;\nuse framework::{IMPORTS}{HANDLERS}");
    assert_eq!(compiled(&folder, "app", &externs, "lib", &source), "");
}

#[test]
fn macro_can_provide_the_name_palisade() {
    let folder = TempDir::new().unwrap();
    let source = format!("framework::prelude!();\nuse framework::{IMPORTS}{HANDLERS}");
    assert_eq!(compiled(&folder, "app", &[("framework", framework(&folder))], "lib", &source), "");
}

#[test]
fn palisade_under_its_own_name_compiles() {
    let folder = TempDir::new().unwrap();
    let source = format!("use palisade::{IMPORTS}{HANDLERS}");
    assert_eq!(compiled(&folder, "app", &[("palisade", palisade())], "lib", &source), "");
}
