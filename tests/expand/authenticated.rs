use palisade::authenticated;

/// Who is it?
#[authenticated]
#[inline]
pub(crate) async fn me(principal: Principal) -> String {
    principal.subject().to_owned()
}
