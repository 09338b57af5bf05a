//! The part of a URL that names an article.

/// `How to train your dragon?` becomes `how-to-train-your-dragon`. Never empty, and never `.` or `..`.
pub fn slug_of(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_lowercase();
    if slug.is_empty() { "article".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::slug_of;

    #[test]
    fn slug_has_words_and_dashes_only() {
        assert_eq!(slug_of("How to train your dragon?"), "how-to-train-your-dragon");
        assert_eq!(slug_of("  C++ / Rust: 1 < 2  "), "c-rust-1-2");
        assert_eq!(slug_of("Über uns"), "über-uns");
        assert_eq!(slug_of("../.."), "article");
    }
}
