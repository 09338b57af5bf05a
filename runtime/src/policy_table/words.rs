//! Parts of cells as text.

use std::fmt::Write as _;

use palisade_grammar::window;

use crate::policy::Network;
use crate::policy::rule_text::NetworkList;
use crate::rate_limit::{By, Count, RateLimit};

/// The demand of a scope: `network("10.0.0.0/8")`.
pub(super) fn network_words(networks: &[Network]) -> String {
    format!("network({})", NetworkList(networks))
}

/// A rate limit as text. `scope` is the prefix of the scope that declares it.
pub(super) fn rate_limit(rate_limit: &RateLimit, scope: Option<&str>) -> String {
    let mut text = if rate_limit.lacks_numbers() {
        "configured".to_owned()
    } else {
        format!("{} per {}", rate_limit.limit(), window::text(rate_limit.window().as_secs()))
    };
    if rate_limit.counted_by() != [By::Ip] {
        let keys: Vec<String> = rate_limit.counted_by().iter().map(By::to_string).collect();
        let _ = write!(text, " by {}", keys.join(" and "));
    }
    let mut details: Vec<String> = Vec::new();
    if rate_limit.count != Count::All {
        details.push(rate_limit.count.keyword().to_owned());
    }
    if rate_limit.cost > 1 {
        details.push(format!("{} a request", rate_limit.cost));
    }
    if rate_limit.observe {
        details.push("only observed".to_owned());
    }
    if let Some(outage) = rate_limit.declared_on_outage() {
        details.push(format!("{} on outage", outage.keyword()));
    }
    details.extend(scope.map(|prefix| format!("scope {}", prefix_or_slash(prefix))));
    if !details.is_empty() {
        let _ = write!(text, " ({})", details.join(", "));
    }
    if rate_limit.shared {
        let _ = write!(text, ", shared as {:?}", rate_limit.name);
    }
    text
}

/// Formats the number in the largest unit that divides it.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = units.into_iter().find_map(|(length, unit)| {
        let count = bytes.checked_div(length)?;
        (count > 0 && bytes.is_multiple_of(length)).then(|| format!("{count}{unit}"))
    });
    whole.unwrap_or_else(|| format!("{bytes}B"))
}

/// The prefix of a scope as it is displayed: `/` for a scope without a prefix.
pub(crate) fn prefix_or_slash(prefix: &str) -> &str {
    if prefix.is_empty() { "/" } else { prefix }
}
