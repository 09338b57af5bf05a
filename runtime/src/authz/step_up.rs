//! Whether a caller was authenticated strongly and recently enough (RFC 9470).
//!
//! Threat: a session that was stolen, or left open, is used for what matters most (CWE-306, CWE-613). Promise: a claim that is missing, or
//! of another type, does not meet a demand. A login in the future is none. Its age is judged by the clock of the verifier.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::policy::StepUp;
use crate::principal::Principal;

/// By how much the clocks of issuer and verifier may differ.
const LEEWAY: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct LoginClaims<'c> {
    #[serde(borrow)]
    acr: Option<Cow<'c, str>>,
    auth_time: Option<f64>,
}

pub(crate) fn is_met(demand: &StepUp, principal: &Principal) -> bool {
    principal.token().is_some_and(|token| claims_meet(demand, &token.claims, || principal.wall_time()))
}

/// `now` is called only if the age of the login matters.
fn claims_meet(demand: &StepUp, claims: &str, now: impl Fn() -> SystemTime) -> bool {
    let Ok(LoginClaims { acr, auth_time }) = serde_json::from_str(claims) else { return false };
    let is_strong =
        demand.acr_values().is_empty() || acr.is_some_and(|own| demand.acr_values().iter().any(|value| *value == own));
    is_strong
        && demand.max_age().is_none_or(|max_age| {
            let now = now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let login = auth_time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            login.is_some_and(|login| {
                login <= now.saturating_add(LEEWAY) && now <= login.saturating_add(max_age).saturating_add(LEEWAY)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: StepUp = StepUp::new(&["phr", "phrh"]);
    const RECENT: StepUp = StepUp::new(&[]).max_age_seconds(300);
    const BOTH: StepUp = StepUp::new(&["phr"]).max_age_seconds(300);

    fn meets(demand: &StepUp, claims: &str) -> bool {
        claims_meet(demand, claims, || UNIX_EPOCH + Duration::from_secs(1_000))
    }

    #[test]
    fn the_class_of_the_login_is_one_of_the_list() {
        assert!(meets(&STRONG, r#"{"acr":"phr"}"#) && meets(&STRONG, r#"{"acr":"phrh"}"#));
        for claims in
            ["{}", r#"{"acr":"PHR"}"#, r#"{"acr":"phr phrh"}"#, r#"{"acr":["phr"]}"#, r#"{"acr":null}"#, "[]", ""]
        {
            assert!(!meets(&STRONG, claims), "{claims}");
        }
    }

    #[test]
    fn the_login_is_recent() {
        for seconds in ["700", "695", "1000", "1005", "999.5"] {
            assert!(meets(&RECENT, &format!(r#"{{"auth_time":{seconds}}}"#)), "{seconds}");
        }
        for seconds in ["694", "0", "-1", "1006", "\"1000\"", "null", "1e300", "true"] {
            assert!(!meets(&RECENT, &format!(r#"{{"auth_time":{seconds}}}"#)), "{seconds}");
        }
        assert!(!meets(&RECENT, "{}"));
    }

    #[test]
    fn both_demands_must_be_met() {
        assert!(meets(&BOTH, r#"{"acr":"phr","auth_time":1000}"#));
        assert!(!meets(&BOTH, r#"{"acr":"phr"}"#) && !meets(&BOTH, r#"{"auth_time":1000}"#));
        assert!(!meets(&BOTH, r#"{"acr":"phr","auth_time":1}"#));
    }
}
