//! Fixtures that must not compile, with their messages, in `<attribute>/<mistake>.rs`, and fixtures that must compile, in `pass`.

#[test]
fn mistakes_are_compile_errors_with_help() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    for folder in std::fs::read_dir("ui").unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() && !folder.ends_with("pass") {
            cases.compile_fail(folder.join("*.rs").to_str().unwrap());
        }
    }
}
