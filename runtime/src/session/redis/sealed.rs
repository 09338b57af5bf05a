//! What is encrypted of a session in Redis, in two parts.
//!
//! Threat: one part that is taken for the other one (CWE-843). Promise: neither part can be read as the other one, because each lacks
//! fields of it.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::moment;
use crate::session::{Device, SessionKind, SessionRecord};
use crate::unavailable::Unavailable;

/// What is encrypted of a session, and never changes: whose it is, and where it began.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedSession<'s> {
    id: Cow<'s, str>,
    subject: Cow<'s, str>,
    cookie: bool,
    /// In milliseconds since 1970.
    created: u64,
    device: Cow<'s, str>,
    place: Cow<'s, str>,
}

/// What is encrypted of a session, and may change: what it grants.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedGrant<'s> {
    scopes: Cow<'s, [String]>,
    claims: Cow<'s, str>,
}

impl SealedSession<'_> {
    pub(super) fn of(session: &SessionRecord) -> SealedSession<'_> {
        let created = session.created.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        SealedSession {
            id: Cow::Borrowed(&session.id),
            subject: Cow::Borrowed(&session.subject),
            cookie: session.kind == SessionKind::Cookie,
            created: u64::try_from(created).unwrap_or(u64::MAX),
            device: Cow::Borrowed(session.device.label()),
            place: Cow::Borrowed(session.device.place()),
        }
    }

    pub(super) fn record(
        self,
        granted: SealedGrant<'_>,
        digest: [u8; 32],
        times: (SystemTime, SystemTime),
    ) -> Option<SessionRecord> {
        let kind = if self.cookie { SessionKind::Cookie } else { SessionKind::RefreshToken };
        Some(SessionRecord {
            kind,
            claims: granted.claims.into_owned(),
            created: moment(self.created)?,
            device: Device::new(self.device, self.place),
            ..SessionRecord::restored(self.id, self.subject, granted.scopes.into_owned(), digest, times)
        })
    }
}

impl SealedGrant<'_> {
    pub(super) fn of(session: &SessionRecord) -> SealedGrant<'_> {
        SealedGrant { scopes: Cow::Borrowed(&session.scopes), claims: Cow::Borrowed(&session.claims) }
    }
}

pub(super) fn encoded(sealed: &impl Serialize) -> Result<Vec<u8>, Unavailable> {
    serde_json::to_vec(sealed).map_err(|_| Unavailable)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sealed_parts_survive_encoding() {
        let times = (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(1));
        for (subject, scopes) in [("", vec![]), ("ada", vec!["a"]), ("a b\0", vec!["a:b", "c"]), ("ü", vec!["x"])] {
            let scopes: Vec<String> = scopes.into_iter().map(str::to_owned).collect();
            for kind in [SessionKind::RefreshToken, SessionKind::Cookie] {
                let mut session = SessionRecord::restored("id", subject, scopes.clone(), [7; 32], times);
                (session.kind, session.claims) = (kind, "{}".to_owned());
                (session.device, session.created) =
                    (Device::new("Firefox", "Ghent"), UNIX_EPOCH + Duration::from_millis(1));
                let sealed = encoded(&SealedSession::of(&session)).unwrap();
                let granted = encoded(&SealedGrant::of(&session)).unwrap();
                let sealed: SealedSession<'_> = serde_json::from_slice(&sealed).unwrap();
                assert!(sealed.record(serde_json::from_slice(&granted).unwrap(), [7; 32], times) == Some(session));
            }
        }
        // One part is never taken for the other one.
        let session = SessionRecord::restored("id", "ada", Vec::new(), [7; 32], times);
        let (sealed, granted) =
            (encoded(&SealedSession::of(&session)).unwrap(), encoded(&SealedGrant::of(&session)).unwrap());
        assert!(serde_json::from_slice::<SealedGrant<'_>>(&sealed).is_err());
        assert!(serde_json::from_slice::<SealedSession<'_>>(&granted).is_err());
    }
}
