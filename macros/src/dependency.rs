//! Reports a crate that depends on palisade under another name.
//!
//! Generated code calls it `::palisade`. If the crate has another name for it, the compiler's own error does not help. Promise:
//! this module reports it once, with help, and only if it is sure. It reads the arguments of the compiler, and looks for
//! `extern crate .. as palisade;` in the root file of the crate.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use proc_macro2::{Span, TokenStream};

use crate::diagnostics::{Diagnostic, Diagnostics};

/// Whether the wrong name was reported before.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// Returns `None` if the name is right. Otherwise the first call returns a compile error, and later calls return no tokens.
pub(crate) fn mistake() -> Option<TokenStream> {
    static MISTAKE: OnceLock<Option<Diagnostic>> = OnceLock::new();
    let mistake = MISTAKE.get_or_init(|| {
        let arguments: Vec<String> = std::env::args_os().filter_map(|argument| argument.into_string().ok()).collect();
        diagnostic_for(&arguments, |root| std::fs::read_to_string(root).ok())
    });
    let Diagnostic { message, help } = mistake.as_ref()?;
    let mut diagnostics = Diagnostics::new();
    if !REPORTED.swap(true, Ordering::Relaxed) {
        diagnostics.error(Span::call_site(), message, help);
    }
    Some(diagnostics.into_tokens())
}

/// Returns the diagnostic for a compilation with these arguments, if the name is wrong.
fn diagnostic_for(arguments: &[String], read: impl FnOnce(&str) -> Option<String>) -> Option<Diagnostic> {
    let externs: Vec<(&str, &str)> = values(arguments, "--extern").map(named).collect();
    let is_palisade = |name: &str| name == "palisade";
    let known = externs.iter().any(|(name, _)| is_palisade(name));
    // A compiler without `--extern` was not started by Cargo.
    if externs.is_empty() || known || values(arguments, "--crate-name").any(is_palisade) {
        return None;
    }
    let root = arguments.iter().skip(1).find(|argument| argument.ends_with(".rs"))?;
    if may_name_it(&read(root)?) {
        return None;
    }
    let message = "palisade's attributes expand to code that needs the name `palisade`";
    Some(match externs.iter().find(|(_, path)| is_library(path)) {
        Some((name, _)) => Diagnostic::new(
            format!("{message}, but this crate calls it `{name}`"),
            format!("write `extern crate {name} as palisade;` at the top of {root}"),
        ),
        None => Diagnostic::new(
            format!("{message}, but this crate has no dependency of that name"),
            format!(
                "add `palisade` to the dependencies in Cargo.toml; or, if a dependency `name` re-exports all of it, write \
                 `extern crate name as palisade;` at the top of {root}"
            ),
        ),
    })
}

/// `--extern x`, `--extern=x`.
fn values<'a>(arguments: &'a [String], option: &'a str) -> impl Iterator<Item = &'a str> {
    let next = arguments.iter().skip(1).map(Some).chain([None]);
    arguments.iter().zip(next).filter_map(move |(argument, next)| match argument.strip_prefix(option)? {
        "" => next.map(String::as_str),
        value => value.strip_prefix('='),
    })
}

/// `name=path`, `priv:name=path`, `name`.
fn named(value: &str) -> (&str, &str) {
    let (name, path) = value.split_once('=').unwrap_or((value, ""));
    (name.rsplit(':').next().unwrap_or(name), path)
}

/// `libpalisade-0123456789abcdef.rlib`
fn is_library(path: &str) -> bool {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let stem = stem.strip_prefix("lib").unwrap_or(stem);
    stem == "palisade" || stem.strip_prefix("palisade-").is_some_and(|hash| !hash.contains('-'))
}

/// Whether the crate's root has `extern crate .. as palisade;`, or calls a macro that may expand to it.
fn may_name_it(root: &str) -> bool {
    let Ok(file) = syn::parse_file(root) else { return true };
    file.items.iter().any(|item| match item {
        syn::Item::ExternCrate(item) => match &item.rename {
            Some((_, name)) => name == "palisade",
            None => item.ident == "palisade",
        },
        syn::Item::Macro(item) => item.ident.is_none(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "use guard::{get, public}; #[get(\"/\")] #[public] async fn f() {} fn main() {}";

    fn help(arguments: &str, root: &str) -> Option<String> {
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        let read = |path: &str| (path == "src/main.rs").then(|| root.to_owned());
        diagnostic_for(&arguments, read).map(|found| found.help)
    }

    #[test]
    fn another_name_is_reported() {
        for arguments in [
            "rustc --crate-name app src/main.rs --extern serde=/t/libserde-1.rmeta --extern guard=/t/libpalisade-0f.rmeta",
            "clippy-driver rustc --crate-name app src/main.rs --extern=guard=/t/libpalisade-0f.rlib",
            "rustc src/main.rs -L dependency=/palisade --extern priv:guard=C:\\t\\libpalisade.rlib",
        ] {
            let expected = "write `extern crate guard as palisade;` at the top of src/main.rs";
            assert_eq!(help(arguments, USUAL).as_deref(), Some(expected), "{arguments}");
        }
    }

    #[test]
    fn a_missing_dependency_is_reported() {
        for arguments in [
            "rustc --crate-name app src/main.rs --extern framework=/t/libframework-0f.rmeta",
            "rustc --crate-name app src/main.rs --extern tests=/t/libpalisade-tests-0f.rmeta --extern x",
        ] {
            let help = help(arguments, USUAL).unwrap();
            assert!(help.contains("add `palisade` to the dependencies"), "{arguments}: {help}");
            assert!(help.contains("`extern crate name as palisade;`"), "{arguments}: {help}");
        }
    }

    #[test]
    fn uncertain_cases_are_not_reported() {
        let renamed = "rustc --crate-name app src/main.rs --extern guard=/t/libpalisade-0f.rmeta";
        for (arguments, root) in [
            ("rustc --crate-name app src/main.rs --extern palisade=/t/libpalisade-0f.rmeta", USUAL),
            ("rustc --crate-name app src/main.rs --extern noprelude:palisade=/t/x.rmeta", USUAL),
            ("rustc --crate-name app src/main.rs --extern palisade", USUAL),
            ("rustc --crate-name palisade src/main.rs --extern serde=/t/libserde-1.rmeta", USUAL),
            ("rustc --crate-name app src/elsewhere.rs --extern guard=/t/libpalisade-0f.rmeta", USUAL),
            ("rustc --crate-name app - --extern guard=/t/libpalisade-0f.rmeta", USUAL),
            ("rustc @arguments", USUAL),
            ("rust-analyzer-proc-macro-srv", USUAL),
            ("", USUAL),
            (renamed, "extern crate guard as palisade; fn main() {}"),
            (renamed, "#[cfg(feature = \"x\")] pub extern crate guard as palisade; fn main() {}"),
            (renamed, "extern crate self as palisade;"),
            (renamed, "framework::prelude!(); fn main() {}"),
            (renamed, "include!(\"root.rs\");"),
            (renamed, "this is no Rust"),
        ] {
            assert_eq!(help(arguments, root), None, "{arguments}: {root}");
        }
        assert!(help(renamed, "macro_rules! m { () => {} } mod a; fn main() { m!() }").is_some());
    }
}
