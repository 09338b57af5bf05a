//! What the pages have in common: the bar at the top, and how a template becomes a response.
//!
//! The threat is a menu that offers what the caller may not do (OWASP ASVS V8.2.1). The menu is made from the verified credential. It
//! hides links only: each route is guarded by its own attributes.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use askama::Template;
use palisade::{Principal, Problem};

use crate::roles::{MANAGE, Role};

/// The bar at the top of a page.
pub enum Top {
    /// For visitors: to log in, or to create an account.
    Visitor,
    /// Of a page that does not know who asks, such as that of an error.
    Unknown,
    /// For a caller who has logged in.
    Menu(Menu),
}

/// The parts of the application, in the order of the menu.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Documents,
    Sessions,
    Keys,
    Users,
    Policies,
}

/// A link of the menu.
pub struct MenuItem {
    pub address: &'static str,
    pub label: &'static str,
    pub is_current: bool,
}

/// The links of a caller.
pub struct Menu(pub Vec<MenuItem>);

impl Top {
    /// Returns the menu of what the caller may do.
    pub fn of(caller: &Principal, current: Section) -> Self {
        let (manages, is_admin) = (caller.has_scope(MANAGE), caller.has_role(Role::Admin.role_name()));
        let all = [
            (Section::Documents, "/app", "Documents", true),
            (Section::Sessions, "/app/sessions", "Sessions", manages),
            (Section::Keys, "/app/keys", "API keys", manages),
            (Section::Users, "/app/users", "Users", is_admin),
            (Section::Policies, "/app/policies", "Policies", is_admin),
        ];
        let offered = all.into_iter().filter(|(.., offered)| *offered);
        let item = |(section, address, label, _)| MenuItem { address, label, is_current: section == current };
        Self::Menu(Menu(offered.map(item).collect()))
    }
}

/// Returns the page, with status 200.
pub fn page(template: &impl Template) -> Result<HttpResponse, Problem> {
    page_with(StatusCode::OK, template)
}

/// Returns the page, with another status.
pub fn page_with(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Problem> {
    let text = template.render();
    let text = text.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR).caused_by(error))?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(text))
}

/// Returns a redirect after a form, which the browser follows with `GET`.
pub fn see_other(address: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, address)).finish()
}

/// Returns a time as people read it: `30 Nov 2026, 00:20 UTC`. Takes RFC 3339 in UTC, and returns another text as it is.
pub fn readable_time(rfc3339: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let part = |range: std::ops::Range<usize>| rfc3339.get(range);
    let month = part(5..7).and_then(|month| month.parse::<usize>().ok()?.checked_sub(1));
    let month = month.and_then(|month| MONTHS.get(month));
    match (part(8..10), month, part(0..4), part(11..16)) {
        (Some(day), Some(month), Some(year), Some(time)) => {
            format!("{} {month} {year}, {time} UTC", day.trim_start_matches('0'))
        }
        _ => rfc3339.to_owned(),
    }
}

/// Where a page of a list is: for the text `21 to 40 of 45`, and the links to the pages beside it.
pub struct Paging {
    pub first: i64,
    pub last: i64,
    pub total: i64,
    pub previous: Option<i64>,
    pub next: Option<i64>,
}

impl Paging {
    /// Returns where the page is that skips `offset` rows and shows `shown` rows, `limit` at most.
    pub fn new(offset: i64, limit: i64, shown: usize, total: i64) -> Self {
        let shown = i64::try_from(shown).unwrap_or(i64::MAX);
        let last = offset.saturating_add(shown);
        Self {
            first: offset.saturating_add(1).min(last),
            last,
            total,
            previous: (offset > 0).then(|| offset.saturating_sub(limit).max(0)),
            next: (last < total && shown > 0).then_some(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(readable_time("2026-11-03T09:20:59.123Z"), "3 Nov 2026, 09:20 UTC");
        for other in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "\u{e9}\u{e9}\u{e9}"] {
            assert_eq!(readable_time(other), other);
        }
    }

    #[test]
    fn pages_of_a_list_have_their_neighbours() {
        let paging = |offset, shown, total| {
            let Paging { first, last, previous, next, .. } = Paging::new(offset, 20, shown, total);
            (first, last, previous, next)
        };
        assert_eq!(paging(0, 0, 0), (0, 0, None, None));
        assert_eq!(paging(0, 20, 45), (1, 20, None, Some(20)));
        assert_eq!(paging(20, 20, 45), (21, 40, Some(0), Some(40)));
        assert_eq!(paging(40, 5, 45), (41, 45, Some(20), None));
        assert_eq!(paging(7, 20, 45), (8, 27, Some(0), Some(27)));
        assert_eq!(paging(60, 0, 45), (60, 60, Some(40), None));
    }
}
