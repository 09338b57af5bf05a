//! Suggestions for a name that is not known: "did you mean `owner`?"

/// Returns the candidate that is most similar to `written`, with at most about one typing error in three letters, and fewer errors
/// than letters.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let reach = (written.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(slips, candidate)| *slips <= reach && *slips < candidate.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// The help for a name that is not known: the nearest known name, or all of them.
pub(crate) fn help<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(written, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write {}", one_of(known)),
    }
}

/// `` `a` ``, `` `a` or `b` ``, `` `a`, `b` or `c` ``.
pub(crate) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    joined(words, "or")
}

/// `` `a` ``, `` `a` and `b` ``, `` `a`, `b` and `c` ``.
pub(crate) fn all_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    joined(words, "and")
}

fn joined<'a>(words: impl IntoIterator<Item = &'a str>, conjunction: &str) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., last] => format!("{} {conjunction} {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested() {
        for (written, meant) in
            [("idd", "id"), ("coutn", "count"), ("failure", "failures"), ("get", "GET"), ("bi", "by")]
        {
            assert_eq!(nearest(written, ["name", "id", "by", "count", "failures", "GET"]), Some(meant), "{written}");
        }
    }

    #[test]
    fn distant_names_are_not_suggested() {
        for written in ["x", "user", "zebra", "", "method"] {
            assert_eq!(nearest(written, ["id", "y", "count", "failures"]), None, "{written}");
        }
    }

    #[test]
    fn help_is_one_suggestion_or_all() {
        assert_eq!(help("idd", ["id", "name"]), "did you mean `id`?");
        assert_eq!(help("zebra", ["id", "name", "at"]), "write `id`, `name` or `at`");
        assert_eq!(all_of(["a", "b"]), "`a` and `b`");
        assert_eq!(one_of(["a"]), "`a`");
    }
}
