//! Random rules and callers.

use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Public,
    Authenticated,
    Nobody,
    Role(usize),
    Admin,
    Permission(usize),
    Scope(usize),
    Owner,
    Tenant,
    Scheme(usize),
    /// The schemes that are chosen.
    By(Vec<usize>),
    /// Whether the network contains the address of the caller, if that is known.
    Network(bool),
    Check(Answer),
    Row(Found),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Allow,
    Deny,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Found {
    Own,
    Foreign,
    OfAnotherTenant,
    Missing,
    Down,
}

/// The caller: anonymous, or a subject with some of the roles.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) known: bool,
    pub(crate) scheme: usize,
    pub(crate) owner: bool,
    pub(crate) tenant: bool,
    /// Whether the address is known.
    pub(crate) located: bool,
    pub(crate) roles: Vec<usize>,
    pub(crate) scopes: Vec<usize>,
}

pub(crate) fn trees() -> impl Strategy<Value = Tree> {
    let answers = prop_oneof![Just(Answer::Allow), Just(Answer::Deny), Just(Answer::Down)];
    let found = prop_oneof![
        2 => Just(Found::Own), 2 => Just(Found::Foreign), 1 => Just(Found::OfAnotherTenant), 1 => Just(Found::Missing), 1 => Just(Found::Down)
    ];
    let leaf = prop_oneof![
        1 => Just(Tree::Public),
        2 => Just(Tree::Authenticated),
        1 => Just(Tree::Nobody),
        5 => (0..3_usize).prop_map(Tree::Role),
        2 => Just(Tree::Admin),
        3 => (0..3_usize).prop_map(Tree::Permission),
        3 => (0..3_usize).prop_map(Tree::Scope),
        3 => Just(Tree::Owner),
        2 => Just(Tree::Tenant),
        2 => (0..3_usize).prop_map(Tree::Scheme),
        4 => proptest::sample::subsequence(vec![0, 1, 2], 0..=3).prop_map(Tree::By),
        2 => any::<bool>().prop_map(Tree::Network),
        3 => answers.prop_map(Tree::Check),
        3 => found.prop_map(Tree::Row),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..4).prop_map(Tree::All),
            2 => vec(inner.clone(), 0..4).prop_map(Tree::Any),
            1 => inner.prop_map(|tree| Tree::Not(Box::new(tree))),
        ]
    })
}

pub(crate) fn callers() -> impl Strategy<Value = Caller> {
    let some = || proptest::sample::subsequence(vec![0, 1, 2], 0..=3);
    let located = proptest::bool::weighted(0.8);
    let known = proptest::bool::weighted(0.8);
    (known, 0..3_usize, any::<bool>(), any::<bool>(), located, some(), some()).prop_map(
        |(known, scheme, owner, tenant, located, roles, scopes)| Caller {
            known,
            scheme,
            owner,
            tenant,
            located,
            roles,
            scopes,
        },
    )
}
