//! Parameters in the syntax of other frameworks, which the router of actix-web treats as literal text.

/// Returns the actix-web parameter that a segment in another syntax probably means: `:id`, `<int:id>`, `<rest..>`, `*rest`, or
/// any segment that ends in `*`. Text after the name is dropped; a missing name becomes `id` or `rest`. `None` for any other
/// segment.
pub(super) fn to_actix_syntax(segment: &str) -> Option<String> {
    if let Some(name) = segment.strip_prefix(':').and_then(leading_name) {
        return Some(format!("{{{name}}}"));
    }
    if let Some((inside, _)) = segment.strip_prefix('<').and_then(|inside| inside.split_once('>')) {
        // `<int:id>`, `<rest..>`.
        let name = inside.rsplit(':').next().and_then(leading_name).unwrap_or("id");
        let tail = if inside.ends_with("..") { "*" } else { "" };
        return Some(format!("{{{name}}}{tail}"));
    }
    if segment.ends_with('*') {
        let name = segment.strip_prefix('*').and_then(leading_name).unwrap_or("rest");
        return Some(format!("{{{name}}}*"));
    }
    segment.strip_prefix('*').and_then(leading_name).map(|name| format!("{{{name}}}*"))
}

/// The name of a parameter that the text begins with.
fn leading_name(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).filter(|name| super::is_parameter_name(name))
}
