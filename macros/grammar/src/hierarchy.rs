//! Roles that imply other roles.
//!
//! Threat: a role implies more than a reader of its definition expects, or the definitions never end (CWE-863). Promise: the
//! macros and the runtime find the same cycles, and a role contains exactly itself and the roles that it implies, directly or
//! transitively.

/// Roles, and the names of the roles that each of them implies directly.
///
/// ```
/// use palisade_grammar::hierarchy::Hierarchy;
///
/// let mut roles = Hierarchy::new();
/// roles.add("admin", ["editor"]);
/// roles.add("editor", ["user"]);
/// roles.add("user", []);
/// assert_eq!(roles.closure("admin"), ["admin", "editor", "user"]);
/// assert_eq!(roles.first_cycle(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Hierarchy<'n> {
    roles: Vec<(&'n str, Vec<&'n str>)>,
}

impl<'n> Hierarchy<'n> {
    /// No roles.
    #[must_use]
    pub const fn new() -> Self {
        Self { roles: Vec::new() }
    }

    /// Adds a role with those that it implies directly. If two roles have the same name, only the first one is used.
    pub fn add(&mut self, name: &'n str, implies: impl IntoIterator<Item = &'n str>) {
        self.roles.push((name, implies.into_iter().collect()));
    }

    /// Returns the path from the first role that implies itself, in the order in which roles were added, back to it, as in
    /// `["a", "b", "a"]`.
    #[must_use]
    pub fn first_cycle(&self) -> Option<Vec<&'n str>> {
        self.roles.iter().find_map(|(name, _)| self.way(name, name))
    }

    /// Returns the role and all roles that it implies, directly or transitively, each once, in the order in which they are
    /// found. Names that were not added are omitted.
    #[must_use]
    pub fn closure(&self, role: &str) -> Vec<&'n str> {
        let mut found = Vec::new();
        self.collect(role, &mut found);
        found
    }

    /// Returns the first path from a role to another one, with both ends.
    fn way(&self, from: &str, to: &str) -> Option<Vec<&'n str>> {
        let (start, implied) = self.find(from)?;
        let mut way = vec![start];
        let mut visited = Vec::new();
        self.search(implied, to, &mut way, &mut visited).then_some(way)
    }

    fn search(&self, implied: &[&'n str], to: &str, way: &mut Vec<&'n str>, visited: &mut Vec<&'n str>) -> bool {
        for name in implied {
            // A role that was visited without success does not lead to the target on another path either.
            if *name != to && visited.contains(name) {
                continue;
            }
            visited.push(name);
            way.push(name);
            if *name == to || self.find(name).is_some_and(|(_, implied)| self.search(implied, to, way, visited)) {
                return true;
            }
            way.pop();
        }
        false
    }

    fn collect(&self, role: &str, found: &mut Vec<&'n str>) {
        let Some((name, implied)) = self.find(role) else { return };
        if found.contains(&name) {
            return;
        }
        found.push(name);
        implied.iter().for_each(|implied| self.collect(implied, found));
    }

    fn find(&self, role: &str) -> Option<(&'n str, &[&'n str])> {
        self.roles.iter().find(|(name, _)| *name == role).map(|(name, implied)| (*name, implied.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

    fn hierarchy(implied: &[Vec<usize>]) -> Hierarchy<'static> {
        let mut roles = Hierarchy::new();
        for (name, implied) in NAMES.into_iter().zip(implied) {
            roles.add(name, implied.iter().map(|at| NAMES[*at]));
        }
        roles
    }

    #[test]
    fn a_cycle_is_found_with_its_path() {
        let mut roles = Hierarchy::new();
        roles.add("start", ["a"]);
        roles.add("a", ["nothing", "b"]);
        roles.add("b", ["a"]);
        assert_eq!(roles.first_cycle(), Some(vec!["a", "b", "a"]));
        let mut itself = Hierarchy::new();
        itself.add("a", ["a"]);
        assert_eq!(itself.first_cycle(), Some(vec!["a", "a"]));
    }

    #[test]
    fn a_closure_has_each_role_once_and_no_unknown_ones() {
        let roles = hierarchy(&[vec![1, 2], vec![3], vec![3], vec![]]);
        assert_eq!(roles.closure("a"), ["a", "b", "d", "c"]);
        assert_eq!(roles.closure("f"), [""; 0]);
        let mut unknown = Hierarchy::new();
        unknown.add("a", ["nobody"]);
        assert_eq!(unknown.closure("a"), ["a"]);
    }

    #[test]
    fn many_paths_without_a_cycle_are_searched_once() {
        let names: Vec<String> = (0..80).map(|at| format!("role {at}")).collect();
        let mut roles = Hierarchy::new();
        for (at, name) in names.iter().enumerate() {
            // Two roles on each of 40 levels. Each implies both roles of the next level: 2^40 paths.
            let below = (at / 2 + 1) * 2;
            roles.add(name, names.iter().skip(below).take(2).map(String::as_str));
        }
        assert_eq!(roles.first_cycle(), None);
        assert_eq!(roles.closure("role 0").len(), 79);
    }

    proptest! {
        #[test]
        fn cycle_is_found_exactly_if_a_role_implies_itself(
            implied in proptest::collection::vec(proptest::collection::vec(0..6_usize, 0..3), 6)
        ) {
            let roles = hierarchy(&implied);
            let leads_back = |at: usize| implied[at].iter().any(|next| roles.closure(NAMES[*next]).contains(&NAMES[at]));
            let first = (0..6).find(|at| leads_back(*at));
            let cycle = roles.first_cycle();
            prop_assert_eq!(cycle.as_ref().map(|way| way[0]), first.map(|at| NAMES[at]));
            for step in cycle.iter().flat_map(|way| way.windows(2)) {
                let at = NAMES.iter().position(|name| *name == step[0]).unwrap();
                prop_assert!(implied[at].iter().any(|next| NAMES[*next] == step[1]), "{:?}", cycle);
            }
        }
    }
}
