//! Rules that are combined from other rules with *and*, *or* and *not*, and the check of several rules together.
//!
//! Threat: a rule that no caller can satisfy, or an alternative that never changes the result, hides the actual requirements
//! (CWE-863). Promise: both are found by evaluating every combination of answers, for the attributes of one handler and for a
//! whole scope.

/// The structure of a rule.
#[derive(Debug)]
pub enum Node<'e, E> {
    /// Every principal satisfies it.
    Always,
    /// No principal satisfies it.
    Never,
    /// One question about the caller, which is answered with yes or no.
    Question,
    /// Satisfied if the other rule is not satisfied.
    Not(&'e E),
    /// All of them must be satisfied. An empty list is never satisfied, because a rule that was lost must not open a route.
    All(&'e [E]),
    /// At least one of them must be satisfied.
    Any(&'e [E]),
}

/// A type of rules.
pub trait Expression: Sized {
    /// Returns the structure of this rule.
    fn node(&self) -> Node<'_, Self>;
}

/// Calls `each` for every rule that does not contain other rules, from left to right.
pub fn for_each_leaf<'e, E: Expression>(expression: &'e E, each: &mut dyn FnMut(&'e E)) {
    match expression.node() {
        Node::Not(inner) => for_each_leaf(inner, each),
        Node::All(inner) | Node::Any(inner) => inner.iter().for_each(|inner| for_each_leaf(inner, each)),
        Node::Always | Node::Never | Node::Question => each(expression),
    }
}

/// With more questions no table is created, because it would have more than 4096 rows. Readable rules have fewer questions.
pub const MOST_QUESTIONS: usize = 12;

/// Every combination of answers to the questions in some rules, all of which must be satisfied.
///
/// ```
/// use palisade_grammar::expression::{Expression, Node, TruthTable};
///
/// enum Rule {
///     Role(&'static str),
///     Not(Box<Rule>),
///     Any(Vec<Rule>),
/// }
///
/// impl Expression for Rule {
///     fn node(&self) -> Node<'_, Self> {
///         match self {
///             Rule::Role(_) => Node::Question,
///             Rule::Not(rule) => Node::Not(rule),
///             Rule::Any(rules) => Node::Any(rules),
///         }
///     }
/// }
///
/// fn is_same(one: &Rule, other: &Rule) -> bool {
///     matches!((one, other), (Rule::Role(one), Rule::Role(other)) if one == other)
/// }
///
/// let (admin, not_admin) = (Rule::Role("admin"), Rule::Not(Box::new(Rule::Role("admin"))));
/// assert!(!TruthTable::new(&[&admin, &not_admin], is_same).unwrap().is_satisfiable());
///
/// let either = Rule::Any(vec![Rule::Role("admin"), Rule::Role("auditor")]);
/// let table = TruthTable::new(&[&admin, &either], is_same).unwrap();
/// assert!(matches!(table.redundant_alternative(&either), Some(Rule::Role("auditor"))));
/// ```
#[derive(Debug)]
pub struct TruthTable<'e, E> {
    rules: Vec<Tree<'e, E>>,
    questions: usize,
}

/// A rule whose questions have numbers.
#[derive(Debug)]
struct Tree<'e, E> {
    origin: &'e E,
    shape: Shape<'e, E>,
}

#[derive(Debug)]
enum Shape<'e, E> {
    Constant(bool),
    Question(usize),
    Not(Box<Tree<'e, E>>),
    All(Vec<Tree<'e, E>>),
    Any(Vec<Tree<'e, E>>),
}

impl<'e, E: Expression> TruthTable<'e, E> {
    /// The table of these rules together; `None` if they ask more than [`MOST_QUESTIONS`].
    ///
    /// `is_same` returns whether two questions always have the same answer.
    pub fn new(rules: &[&'e E], is_same: impl Fn(&E, &E) -> bool) -> Option<Self> {
        let mut questions = Vec::new();
        let rules = rules.iter().map(|&rule| Tree::new(rule, &mut questions, &is_same)).collect();
        (questions.len() <= MOST_QUESTIONS).then_some(Self { rules, questions: questions.len() })
    }

    /// Whether some combination of answers satisfies all rules.
    #[must_use]
    pub fn is_satisfiable(&self) -> bool {
        self.rows().any(|row| self.holds(row, None))
    }

    /// Returns the first alternative in `rule` that is redundant: without it, the same combinations satisfy all rules. `rule`
    /// must be one of the rules of the table.
    #[must_use]
    pub fn redundant_alternative(&self, rule: &E) -> Option<&'e E> {
        let tree = self.rules.iter().find(|tree| std::ptr::eq(tree.origin, rule))?;
        let mut alternatives = Vec::new();
        tree.alternatives(&mut alternatives);
        alternatives
            .into_iter()
            .find(|alternative| self.rows().all(|row| self.holds(row, None) == self.holds(row, Some(alternative))))
    }

    /// Each row has one bit for each question: its answer.
    fn rows(&self) -> std::ops::Range<usize> {
        0..1_usize << self.questions.min(MOST_QUESTIONS)
    }

    fn holds(&self, row: usize, without: Option<&E>) -> bool {
        self.rules.iter().all(|rule| rule.holds(row, without))
    }
}

impl<'e, E: Expression> Tree<'e, E> {
    fn new(origin: &'e E, questions: &mut Vec<&'e E>, is_same: &impl Fn(&E, &E) -> bool) -> Self {
        let mut each = |inner: &'e [E]| inner.iter().map(|inner| Self::new(inner, questions, is_same)).collect();
        let shape = match origin.node() {
            Node::Always => Shape::Constant(true),
            Node::Never => Shape::Constant(false),
            Node::All([]) => Shape::Constant(false),
            Node::All(inner) => Shape::All(each(inner)),
            Node::Any(inner) => Shape::Any(each(inner)),
            Node::Not(inner) => Shape::Not(Box::new(Self::new(inner, questions, is_same))),
            Node::Question => {
                let known = questions.iter().position(|known| is_same(known, origin));
                Shape::Question(known.unwrap_or_else(|| {
                    questions.push(origin);
                    questions.len().saturating_sub(1)
                }))
            }
        };
        Self { origin, shape }
    }

    /// Whether the answers satisfy the rule, if `without` is never satisfied.
    fn holds(&self, row: usize, without: Option<&E>) -> bool {
        if without.is_some_and(|without| std::ptr::eq(without, self.origin)) {
            return false;
        }
        match &self.shape {
            Shape::Constant(holds) => *holds,
            Shape::Question(number) => row >> number & 1 == 1,
            Shape::Not(inner) => !inner.holds(row, without),
            Shape::All(inner) => inner.iter().all(|inner| inner.holds(row, without)),
            Shape::Any(inner) => inner.iter().any(|inner| inner.holds(row, without)),
        }
    }

    /// Every part of an *or*, an outer one before those inside of it.
    fn alternatives(&self, found: &mut Vec<&'e E>) {
        match &self.shape {
            Shape::Constant(_) | Shape::Question(_) => {}
            Shape::Not(inner) => inner.alternatives(found),
            Shape::All(inner) => inner.iter().for_each(|inner| inner.alternatives(found)),
            Shape::Any(inner) => {
                for inner in inner {
                    found.push(inner.origin);
                    inner.alternatives(found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Rule {
        Always,
        Never,
        Is(u8),
        Not(Box<Rule>),
        All(Vec<Rule>),
        Any(Vec<Rule>),
    }

    impl Expression for Rule {
        fn node(&self) -> Node<'_, Self> {
            match self {
                Rule::Always => Node::Always,
                Rule::Never => Node::Never,
                Rule::Is(_) => Node::Question,
                Rule::Not(rule) => Node::Not(rule),
                Rule::All(rules) => Node::All(rules),
                Rule::Any(rules) => Node::Any(rules),
            }
        }
    }

    fn table<'e>(rules: &[&'e Rule]) -> TruthTable<'e, Rule> {
        TruthTable::new(rules, |one, other| one == other).unwrap()
    }

    fn not(rule: Rule) -> Rule {
        Rule::Not(Box::new(rule))
    }

    #[test]
    fn contradictions_are_not_satisfiable() {
        for (rules, satisfiable) in [
            (vec![Rule::Is(1)], true),
            (vec![Rule::Is(1), not(Rule::Is(1))], false),
            (vec![Rule::Is(1), not(Rule::Is(2))], true),
            (vec![not(Rule::Always)], false),
            (vec![not(Rule::Never)], true),
            (vec![Rule::Never], false),
            (vec![Rule::All(vec![])], false),
            (vec![Rule::Any(vec![])], false),
            (vec![], true),
        ] {
            let rules: Vec<&Rule> = rules.iter().collect();
            assert_eq!(table(&rules).is_satisfiable(), satisfiable, "{rules:?}");
        }
    }

    #[test]
    fn redundant_alternatives_are_found() {
        let either = Rule::Any(vec![Rule::Is(1), Rule::Is(2)]);
        assert_eq!(table(&[&either]).redundant_alternative(&either), None);
        assert_eq!(table(&[&Rule::Is(1), &either]).redundant_alternative(&either), Some(&Rule::Is(2)));
        let inside = Rule::All(vec![Rule::Is(1), not(not(either.clone()))]);
        assert_eq!(table(&[&inside]).redundant_alternative(&inside), Some(&Rule::Is(2)));
        assert_eq!(table(&[&Rule::Is(1)]).redundant_alternative(&either), None, "the rule is not in the table");
    }

    #[test]
    fn leaves_are_found_from_left_to_right() {
        let rule = Rule::All(vec![Rule::Is(1), not(Rule::Any(vec![Rule::Always, Rule::Is(2)])), Rule::Is(1)]);
        let mut leaves = Vec::new();
        for_each_leaf(&rule, &mut |leaf| leaves.push(leaf.clone()));
        assert_eq!(leaves, [Rule::Is(1), Rule::Always, Rule::Is(2), Rule::Is(1)]);
    }

    #[test]
    fn rules_with_too_many_questions_have_no_table() {
        let many = |count| Rule::Any((0..count).map(Rule::Is).collect());
        assert!(TruthTable::new(&[&many(12)], |one, other| one == other).is_some());
        assert!(TruthTable::new(&[&many(13)], |one, other| one == other).is_none());
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let leaf = prop_oneof![1 => Just(Rule::Always), 1 => Just(Rule::Never), 8 => (0..4_u8).prop_map(Rule::Is)];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(not),
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Rule::All),
                proptest::collection::vec(inner, 0..4).prop_map(Rule::Any),
            ]
        })
    }

    /// The plain meaning of a rule, for one set of answers.
    fn holds(rule: &Rule, answers: [bool; 4]) -> bool {
        match rule {
            Rule::Always => true,
            Rule::Never => false,
            Rule::Is(at) => answers[usize::from(*at)],
            Rule::Not(rule) => !holds(rule, answers),
            Rule::All(rules) => !rules.is_empty() && rules.iter().all(|rule| holds(rule, answers)),
            Rule::Any(rules) => rules.iter().any(|rule| holds(rule, answers)),
        }
    }

    fn every_answer() -> impl Iterator<Item = [bool; 4]> {
        (0..16_u8).map(|row| [0, 1, 2, 3].map(|at| row >> at & 1 == 1))
    }

    /// The rule without one alternative, which is told by its address.
    fn without(rule: &Rule, alternative: &Rule) -> Rule {
        if std::ptr::eq(rule, alternative) {
            return Rule::Never;
        }
        let each = |rules: &[Rule]| rules.iter().map(|rule| without(rule, alternative)).collect();
        match rule {
            Rule::Not(rule) => not(without(rule, alternative)),
            Rule::All(rules) => Rule::All(each(rules)),
            Rule::Any(rules) => Rule::Any(each(rules)),
            leaf => leaf.clone(),
        }
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_the_plain_meaning(outer in rule(), own in rule()) {
            let table = table(&[&outer, &own]);
            let both = |own: &Rule, answers| holds(&outer, answers) && holds(own, answers);
            prop_assert_eq!(table.is_satisfiable(), every_answer().any(|answers| both(&own, answers)));
            if let Some(redundant) = table.redundant_alternative(&own) {
                let rest = without(&own, redundant);
                prop_assert!(every_answer().all(|answers| both(&own, answers) == both(&rest, answers)));
            }
        }
    }
}
