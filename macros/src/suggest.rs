//! Did you mean.

/// The nearest of the candidates, as the end of a sentence, where one is near enough.
pub(crate) fn did_you_mean<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(written, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!(": did you mean `{candidate}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn only_what_is_near_is_suggested() {
        assert_eq!(did_you_mean("idd", ["id", "name"]), ": did you mean `id`?");
        assert_eq!(did_you_mean("failure", ["all", "failures"]), ": did you mean `failures`?");
        assert_eq!(did_you_mean("zebra", ["id", "name"]), "");
    }
}
