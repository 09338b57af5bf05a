use actix_http::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::hint::black_box;
const FIXED: [(HeaderName, HeaderValue); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (header::VARY, HeaderValue::from_static("origin")),
];
#[inline(never)]
fn insert_all(list: &[(HeaderName, HeaderValue)], map: &mut HeaderMap) {
    for (n, v) in list {
        let mut present = map.insert(n.clone(), v.clone());
        if let Some(first) = present.next() {
            map.insert(n.clone(), first);
            present.for_each(|next| map.append(n.clone(), next));
        }
    }
}
#[inline(never)]
fn insert_plain(list: &[(HeaderName, HeaderValue)], map: &mut HeaderMap) {
    for (n, v) in list {
        map.insert(n.clone(), v.clone());
    }
}
#[inline(never)]
fn append_all(list: &[(HeaderName, HeaderValue)], map: &mut HeaderMap) {
    for (n, v) in list {
        map.append(n.clone(), v.clone());
    }
}
#[inline(never)]
fn contains_all(list: &[(HeaderName, HeaderValue)], map: &mut HeaderMap) {
    for (n, _) in list {
        black_box(map.contains_key(n));
    }
}
#[inline(never)]
fn cloned(prepared: &HeaderMap, map: &mut HeaderMap) {
    *map = prepared.clone();
}
#[inline(never)]
fn clear(map: &mut HeaderMap) {
    map.clear();
}
fn main() {
    let list = FIXED.to_vec();
    let mut map = HeaderMap::with_capacity(14);
    for _ in 0..1000 {
        insert_all(&list, &mut map);
        clear(&mut map);
    }
    for _ in 0..1000 {
        insert_plain(&list, &mut map);
        clear(&mut map);
    }
    for _ in 0..1000 {
        append_all(&list, &mut map);
        clear(&mut map);
    }
    for _ in 0..1000 {
        contains_all(&list, &mut map);
    }
    let mut prepared = HeaderMap::with_capacity(8);
    append_all(&list, &mut prepared);
    for _ in 0..1000 {
        cloned(&prepared, &mut map);
        clear(&mut map);
    }
    black_box(map);
}
