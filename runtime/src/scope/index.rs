//! An index of templates that finds the first template that matches a path.
//!
//! Threat: an application with many routes that starts slowly, because each template is compared with each other one (CWE-407).
//! Promise: the result is the same as that of the router. A plain template is found by its segments. Only a template with a pattern
//! is compiled, and at most once.

use std::cell::OnceCell;
use std::collections::HashMap;

use actix_web::dev::ResourceDef;

use crate::template::{Segment, plain_segments, shape};

/// Which paths a template matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matches {
    /// The path itself.
    Path,
    /// The path and each path below it.
    Prefix,
}

/// Templates by their first segments, each with its index in the order of registration.
#[derive(Default)]
pub(super) struct PathIndex {
    literals: HashMap<String, PathIndex>,
    parameter: Option<Box<PathIndex>>,
    /// The first plain template that ends at this segment.
    path: Option<usize>,
    prefix: Option<usize>,
    /// Templates that have a pattern from this segment on, in their order.
    patterns: Vec<Pattern>,
}

struct Pattern {
    /// The index in the order of registration.
    position: usize,
    template: String,
    matches: Matches,
    compiled: OnceCell<ResourceDef>,
}

impl PathIndex {
    /// Adds a template. The positions must be ascending.
    pub(super) fn add(&mut self, position: usize, template: &str, matches: Matches) {
        let template = if template.is_empty() { "/" } else { template };
        let (segments, whole) = plain_segments(template);
        let end = segments.into_iter().fold(self, |index, segment| match segment {
            Segment::Literal(text) => index.literals.entry(text.to_owned()).or_default(),
            Segment::Parameter => index.parameter.get_or_insert_default(),
        });
        match (whole, matches) {
            (true, Matches::Path) => _ = end.path.get_or_insert(position),
            (true, Matches::Prefix) => _ = end.prefix.get_or_insert(position),
            (false, matches) => {
                let template = template.to_owned();
                end.patterns.push(Pattern { position, template, matches, compiled: OnceCell::new() });
            }
        }
    }

    /// Returns the position of the first template that takes the requests for this template. `path` is an example of its paths.
    pub(super) fn first(&self, template: &str, path: &str) -> Option<usize> {
        let segments: Vec<&str> = path.split('/').collect();
        self.search(&segments, &SearchedPath { path, shape: shape(template) })
    }

    fn search(&self, segments: &[&str], searched: &SearchedPath<'_>) -> Option<usize> {
        #[cfg(test)]
        work::step();
        let patterns = self.patterns.iter().find(|pattern| pattern.takes(searched)).map(|pattern| pattern.position);
        let here = patterns.into_iter().chain(self.prefix);
        let Some((segment, rest)) = segments.split_first() else {
            return here.chain(self.path).min();
        };
        let literal = self.literals.get(*segment);
        let parameter = self.parameter.as_deref().filter(|_| !segment.is_empty());
        let below = literal.into_iter().chain(parameter).filter_map(|index| index.search(rest, searched));
        here.chain(below).min()
    }
}

struct SearchedPath<'a> {
    path: &'a str,
    shape: String,
}

impl Pattern {
    fn takes(&self, searched: &SearchedPath<'_>) -> bool {
        #[cfg(test)]
        work::step();
        let compiled = self.compiled.get_or_init(|| {
            #[cfg(test)]
            work::compile();
            match self.matches {
                Matches::Path => ResourceDef::new(&*self.template),
                Matches::Prefix => ResourceDef::prefix(&*self.template),
            }
        });
        // A pattern takes the requests of a template with the same pattern, even if it does not match the example path.
        compiled.is_match(searched.path)
            || (self.matches == Matches::Prefix && is_below(&searched.shape, &shape(&self.template)))
    }
}

/// Returns whether the path equals the prefix or is below it.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Counts the work for the tests. Counts are reproducible, and times are not.
#[cfg(test)]
pub(super) mod work {
    use std::cell::Cell;

    thread_local! {
        static STEPS: Cell<usize> = const { Cell::new(0) };
        static COMPILED: Cell<usize> = const { Cell::new(0) };
    }

    pub(in super::super) fn step() {
        STEPS.set(STEPS.get() + 1);
    }

    pub(super) fn compile() {
        COMPILED.set(COMPILED.get() + 1);
    }

    /// Steps and compiled patterns since the last call.
    pub(in super::super) fn take() -> (usize, usize) {
        (STEPS.take(), COMPILED.take())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::template::filled;

    fn sample(template: &str) -> String {
        filled(template, |_| "~any~")
    }

    /// Compares the template with each earlier one, as the router does.
    fn one_by_one(before: &[(String, Matches)], template: &str) -> Option<usize> {
        let path = sample(template);
        before.iter().position(|(own, matches)| {
            let own = if own.is_empty() { "/" } else { own.as_str() };
            match matches {
                Matches::Path => ResourceDef::new(own).is_match(&path),
                Matches::Prefix => ResourceDef::prefix(own).is_match(&path) || is_below(&shape(template), &shape(own)),
            }
        })
    }

    fn indexed(before: &[(String, Matches)], template: &str) -> Option<usize> {
        let mut index = PathIndex::default();
        for (position, (own, matches)) in before.iter().enumerate() {
            index.add(position, own, *matches);
        }
        index.first(template, &sample(template))
    }

    /// Templates from few segments, so that they often match the same paths. The router requires unique parameter names.
    fn template() -> impl Strategy<Value = String> {
        let segment = select(vec![
            "a",
            "b",
            "",
            "~any~",
            "{x}",
            "{x}",
            "a{x}",
            "{x}.{y}",
            r"{x:\d+}",
            "{x:.*}",
            "{x:(a|b)}",
            "{x:[^/]+}",
            "{x:a)|(b}",
            "{x:~any~}",
        ]);
        (vec(segment, 0..4), select(vec!["", "", "", "/", "/{tail}*", "/c*"])).prop_map(|(segments, end)| {
            let mut template = String::new();
            for (number, segment) in segments.iter().enumerate() {
                let named = segment.replace("{x", &format!("{{x{number}")).replace("{y", &format!("{{y{number}"));
                template.extend(["/", &named]);
            }
            template + end
        })
    }

    #[test]
    fn the_index_agrees_with_the_router() {
        let cases = (vec((template(), prop_oneof![Just(Matches::Path), Just(Matches::Prefix)]), 0..8), template());
        let mut runner = TestRunner::deterministic();
        let mut counts = [0_usize; 2];
        for _ in 0..800 {
            let (before, searched) = cases.new_tree(&mut runner).unwrap().current();
            let expected = one_by_one(&before, &searched);
            assert_eq!(indexed(&before, &searched), expected, "{searched} after {before:?}");
            counts[usize::from(expected.is_some())] += 1;
        }
        assert!(counts.iter().all(|count| *count > 100), "the random cases are not balanced: {counts:?}");
    }
}
