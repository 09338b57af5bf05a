//! What must not compile, with the messages that it gets, and what must: the mistakes are in `<attribute>/<mistake>.rs`.

#[test]
fn mistakes_are_compile_errors_with_their_cure() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    for folder in std::fs::read_dir("ui").unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() && !folder.ends_with("pass") {
            cases.compile_fail(folder.join("*.rs").to_str().unwrap());
        }
    }
}
