//! An index of templates that finds those that can match a path.
//!
//! Threat: an application whose routes are compared one after the other, so that a request or the start takes time that grows with
//! their number (CWE-407).
//! Promise: no template that matches a path is missing. A plain template is found by its segments. One with text beside a parameter,
//! or with a pattern of its own, may be found for a path that it does not match: the router is asked about it.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::template::{Segment, segments};

/// Which paths a template matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matches {
    /// The path itself.
    Path,
    /// The path and each path below it.
    Prefix,
}

/// Templates by their segments, each with its position in the order of registration.
#[derive(Debug, Default)]
pub(super) struct PathIndex {
    /// Below an empty segment, as before the first slash of each path.
    empty: Option<Box<PathIndex>>,
    literals: HashMap<Box<str>, PathIndex, FixedState>,
    /// Below any segment that is not empty.
    parameter: Option<Box<PathIndex>>,
    /// Below any segment. The router is asked about it.
    mixed: Option<Box<PathIndex>>,
    /// The first plain template that ends at this segment.
    path: Option<usize>,
    prefix: Option<usize>,
    /// The other plain templates that end here, in ascending order.
    later_paths: Vec<usize>,
    later_prefixes: Vec<usize>,
    /// Templates to ask about if the path ends at this segment, in ascending order.
    asked_paths: Vec<usize>,
    /// Templates to ask about whatever follows.
    asked_prefixes: Vec<usize>,
}

impl PathIndex {
    /// Adds a template. The positions must be ascending. Returns whether the template is plain: it matches each path for which it is
    /// found.
    pub(super) fn add(&mut self, position: usize, template: &str, matches: Matches) -> bool {
        let (segments, is_whole) = segments(template);
        let is_plain = is_whole && !segments.contains(&Segment::Mixed);
        let end = segments.into_iter().fold(self, |index, segment| match segment {
            Segment::Literal("") => index.empty.get_or_insert_default(),
            Segment::Literal(text) => index.literals.entry(text.into()).or_default(),
            Segment::Parameter => index.parameter.get_or_insert_default(),
            Segment::Mixed => index.mixed.get_or_insert_default(),
        });
        match (is_plain, matches) {
            (true, Matches::Path) if end.path.is_some() => end.later_paths.push(position),
            (true, Matches::Prefix) if end.prefix.is_some() => end.later_prefixes.push(position),
            (true, Matches::Path) => end.path = Some(position),
            (true, Matches::Prefix) => end.prefix = Some(position),
            (false, Matches::Path) if is_whole => end.asked_paths.push(position),
            (false, _) => end.asked_prefixes.push(position),
        }
        is_plain
    }

    /// The positions of the templates that can match the path, in ascending order, up to the first plain template: it matches.
    pub(super) fn candidates(&self, path: &str) -> Candidates {
        let mut found = FoundTemplates::default();
        self.search(Some(path), &mut found);
        found.in_order()
    }

    /// The positions of all templates that can match the path, in ascending order.
    pub(super) fn all_candidates(&self, path: &str) -> Candidates {
        let mut found = FoundTemplates { all: true, ..FoundTemplates::default() };
        self.search(Some(path), &mut found);
        found.in_order()
    }

    /// Searches below a segment. `rest` is the path behind it, or `None` if the path ends there.
    fn search(&self, rest: Option<&str>, found: &mut FoundTemplates) {
        #[cfg(test)]
        work::step();
        found.ask(&self.asked_prefixes);
        found.plain(self.prefix, &self.later_prefixes);
        let Some(rest) = rest else {
            found.ask(&self.asked_paths);
            found.plain(self.path, &self.later_paths);
            return;
        };
        // Segments are short: looking at each byte is cheaper than a search that prepares itself.
        let slash = rest.bytes().position(|byte| byte == b'/').and_then(|at| rest.split_at_checked(at));
        let (segment, rest) = slash.map_or((rest, None), |(segment, rest)| (segment, rest.get(1..)));
        let literal = if segment.is_empty() { self.empty.as_deref() } else { self.literals.get(segment) };
        if let Some(below) = literal {
            below.search(rest, found);
        }
        if let Some(below) = self.parameter.as_deref().filter(|_| !segment.is_empty()) {
            below.search(rest, found);
        }
        if let Some(below) = &self.mixed {
            below.search(rest, found);
        }
    }
}

/// Positions of templates. Few templates match one path.
pub(super) type Candidates = SmallVec<[usize; 4]>;

#[derive(Default)]
struct FoundTemplates {
    asked: Candidates,
    /// The first plain template. Those behind it seldom get a request for this path.
    plain: Option<usize>,
    /// Whether the plain templates are among those to ask, and nothing is left out.
    all: bool,
}

impl FoundTemplates {
    #[inline]
    fn ask(&mut self, positions: &[usize]) {
        // Most segments have no such templates, and extending by nothing is not free.
        if !positions.is_empty() {
            self.asked.extend_from_slice(positions);
        }
    }

    #[inline]
    fn plain(&mut self, first: Option<usize>, later: &[usize]) {
        if self.all {
            self.asked.extend(first);
            self.ask(later);
        } else {
            self.plain = self.plain.into_iter().chain(first).min();
        }
    }

    fn in_order(mut self) -> Candidates {
        if let Some(plain) = self.plain {
            self.asked.retain(|position| *position < plain);
        }
        self.asked.sort_unstable();
        self.asked.extend(self.plain);
        self.asked
    }
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

    pub(in super::super) fn compile() {
        COMPILED.set(COMPILED.get() + 1);
    }

    /// Steps and compiled patterns since the last call.
    pub(in super::super) fn take() -> (usize, usize) {
        (STEPS.take(), COMPILED.take())
    }
}
