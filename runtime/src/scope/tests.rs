//! The cost of verifying a scope. The tests count steps, because counts are reproducible and times are not.

use std::thread;

use parking_lot::Mutex;

use super::index::work;
use super::members::{Mount, ScopeItem, ScopeItemKind};
use super::*;
use crate::endpoint::arguments::ArgumentNeeds;
use crate::policy::{Policy, Route};

/// The prefixes of the scopes whose verification was not skipped, in any thread.
static VERIFICATIONS: Mutex<Vec<String>> = Mutex::new(Vec::new());

pub(super) fn note_verification(prefix: &str) {
    VERIFICATIONS.lock().push(prefix.to_owned());
}

fn verifications_of(prefix: &str) -> usize {
    VERIFICATIONS.lock().iter().filter(|own| *own == prefix).count()
}

static PUBLIC: Policy = Policy::new(Rule::Public).of("tests", "handler");

fn with(mut scope: Scope, template: String) -> Scope {
    let route = Route::get(Box::leak(template.into_boxed_str()));
    let mount = Box::new(|_| actix_web::web::get());
    scope.items.push(ScopeItem(ScopeItemKind::Endpoint(Mount {
        route,
        policy: &PUBLIC,
        needs: ArgumentNeeds::default(),
        guards: Guards::default(),
        problem: None,
        #[cfg(feature = "oauth")]
        metadata_of: None,
        mount,
    })));
    scope
}

fn routes(count: usize, template: impl Fn(usize) -> String) -> Scope {
    (0..count).fold(scope("/api"), |scope, number| with(scope, template(number)))
}

/// Steps and compiled patterns.
fn work_of(scope: &Scope) -> (usize, usize) {
    work::take();
    verify::verify(scope, None).unwrap();
    work::take()
}

#[test]
fn verification_work_grows_linearly_with_the_routes() {
    type Template = fn(usize) -> String;
    let kinds: [(&str, Template); 6] = [
        ("literal", |n| format!("/route-{n}")),
        ("parameter behind a literal", |n| format!("/route-{n}/{{id}}")),
        ("parameter before a literal", |n| format!("/{{tenant}}/route-{n}")),
        ("several parameters", |n| format!("/{{tenant}}/route-{n}/{{id}}/parts/{{part}}")),
        ("pattern of its own", |n| format!(r"/route-{n}/{{id:\d+}}")),
        ("group in a pattern, and a tail", |n| format!("/{{tenant}}/route-{n}/{{kind:(a|b)}}/{{rest}}*")),
    ];
    for (kind, template) in kinds {
        let (few, _) = work_of(&routes(100, template));
        let (many, compiled) = work_of(&routes(1_000, template));
        assert!(few >= 100, "{kind}: only {few} steps were counted");
        assert!((few * 9..=few * 11).contains(&many), "{kind}: {few} steps for 100 routes, {many} for 1,000");
        assert!(compiled <= 1_000, "{kind}: {compiled} patterns were compiled for 1,000 routes");
    }
}

/// If only the patterns of templates differ, each template is compared with each other one, but is compiled once.
#[test]
fn a_pattern_is_compiled_once() {
    let (steps, compiled) = work_of(&routes(50, |n| format!(r"/{{id:\d+}}-{n}")));
    assert_eq!(compiled, 49, "each pattern except the last, with which no other is compared");
    assert!(steps > 49 * 50 / 2, "{steps} steps");
}

#[test]
fn all_workers_verify_a_scope_once() {
    let build = |prefix| routes(20, |n| format!("/verified-once-{n}")).inside_of(prefix);
    thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| build("/once").verify_for_any_admin().unwrap());
        }
    });
    assert_eq!(verifications_of("/once"), 1);
    // A scope with another rule or another route is verified again.
    build("/once").require_role("admin").verify_for_any_admin().unwrap_err();
    with(build("/once"), "/one-more".to_owned()).verify_for_any_admin().unwrap();
    assert_eq!(verifications_of("/once"), 3);
}

#[test]
fn a_mistake_is_reported_each_time() {
    let wrong = || with(with(scope("/wrong"), "/{a}".to_owned()), "/b".to_owned());
    let mistakes: Vec<String> = (0..3).map(|_| wrong().verify_for_any_admin().unwrap_err().to_string()).collect();
    assert!(mistakes.iter().all(|mistake| mistake.contains("/wrong/b is never reached")), "{mistakes:?}");
    assert_eq!(verifications_of("/wrong"), 3);
}

#[test]
fn an_invalid_template_does_not_block_later_scopes() {
    let broken = || with(with(scope("/broken"), "/{a:[}".to_owned()), "/{b:[}".to_owned());
    assert!(broken().verify_for_any_admin().is_err());
    assert_eq!(with(scope("/whole"), "/a".to_owned()).verify_for_any_admin(), Ok(()));
}

/// Tests build many scopes in one process, so the number of remembered scopes is limited.
#[test]
fn an_old_scope_is_verified_again() {
    let build = |n: usize| with(scope("/old"), format!("/old-{n}"));
    for n in (0..40).chain([0]) {
        build(n).verify_for_any_admin().unwrap();
    }
    assert_eq!(verifications_of("/old"), 41);
}

trait InsideOf {
    fn inside_of(self, prefix: &str) -> Scope;
}

impl InsideOf for Scope {
    fn inside_of(self, prefix: &str) -> Scope {
        scope(prefix).service(self)
    }
}
